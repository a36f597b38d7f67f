//! A load is done.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::ConditionKind;
use crate::load::LoadEnd;
use crate::observe::Observation;
use crate::step::Stage;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen};
use crate::vocab::{Instant, NodeName};

/// a load with a limited number of operations, or with a pace that ends, has done them all, or has no key left that it may write
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
        let Some(load) = checker.known_load(name, at) else { return };
        if !load.is_limited {
            let index = checker.loads.iter().position(|load| load.name == *name).unwrap_or_default();
            let load = checker.root.field("load").index(index).field("name").head();
            let problem = Problem::new(at.head(), format!("the load `{name}` never finishes"))
                .also(load, "it has no `operations`, so it goes on to the timeline's end")
                .help("limit it: `operations: 100_000`");
            checker.report(problem);
        }
    }

    fn check_reachable(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        checker.check_load_runs(&self.0, foreseen, at.index(0));
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
        stage.loads.await_end(&self.0, LoadEnd::Finished, within).boxed_local()
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }
}
