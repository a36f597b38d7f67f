//! A load is done.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::ConditionKind;
use crate::observe::Observation;
use crate::step::Stage;
use crate::text::{Cursor, Problem, suggest};
use crate::validate::Checker;
use crate::vocab::{Instant, NodeName};

/// a load with a limited number of operations has done them all
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Finished(pub String);

impl Finished {
    pub(super) const EXAMPLE: &str = r#"Finished("app")"#;
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "load `{}` is done", self.0)
    }
}

impl ConditionKind for Finished {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let (name, at) = (&self.0, at.index(0));
        if !checker.sound.load {
            return;
        }
        let Some(index) = checker.loads.iter().position(|load| load.name == *name) else {
            let help = suggest(name, "loads", checker.loads.iter().map(|load| load.name.as_str()));
            let problem = Problem::new(at.head(), format!("unknown load `{name}`"));
            return checker.report(help.into_iter().fold(problem, Problem::help));
        };
        if !checker.loads[index].is_limited {
            let load = checker.root.field("load").index(index).field("name").head();
            let problem = Problem::new(at.head(), format!("the load `{name}` never finishes"))
                .also(load, "it has no `operations`, so it goes on to the timeline's end")
                .help("limit it: `operations: 100_000`");
            checker.report(problem);
        }
    }

    /// Nothing that the observer sees says it.
    fn unmet(&self, _: &Observation) -> Option<String> {
        Some(format!("load `{}` still runs", self.0))
    }

    fn wait<'a>(
        &'a self,
        stage: &'a mut Stage<'_>,
        _: Instant,
        within: std::time::Duration,
    ) -> LocalBoxFuture<'a, Result<(), String>> {
        let name = &self.0;
        let mut finished = stage.loads.watch_finished();
        async move {
            match tokio::time::timeout(within, finished.wait_for(|finished| finished.contains(name))).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) => Err(format!("load `{name}` ended before it had done its operations")),
                Err(_) => Err(format!("load `{name}` still runs")),
            }
        }
        .boxed_local()
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }
}
