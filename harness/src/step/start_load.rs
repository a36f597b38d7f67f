//! A load begins under way.

use std::fmt;

use documented::Documented;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::error::{Abort, StepEnd};
use super::{Stage, StepKind};
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen, LoadState};
use crate::vocab::NodeName;

/// a load begins here, and not when the cluster is formed
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct StartLoad(pub String);

impl StartLoad {
    pub(super) const EXAMPLE: &str = r#"StartLoad("app")"#;
}

impl fmt::Display for StartLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Start load {}", self.0)
    }
}

impl StepKind for StartLoad {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.known_load(&self.0, at.index(0));
    }

    fn follow<'a>(&self, checker: &mut Checker<'a>, foreseen: &mut Foreseen<'a>, at: Cursor<'a>) {
        let (step, did) = match foreseen.loads.insert(self.0.clone(), LoadState::Begun(at)) {
            Some(LoadState::Begun(step)) => (step, "it began here"),
            Some(LoadState::Ended(step)) => (step, "it was stopped here"),
            None => return,
        };
        let problem = Problem::new(at.index(0).head(), format!("the load `{}` cannot begin again", self.0));
        checker.report(problem.also(step.head(), did).help("a load begins once; write one more load"));
    }

    fn begins_load(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn acts(&self) -> bool {
        false
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, _: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        Box::pin(async {
            stage.loads.begin(&self.0)?;
            Ok(StepEnd::Done)
        })
    }
}
