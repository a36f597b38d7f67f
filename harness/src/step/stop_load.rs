//! A load ends before the timeline does.

use std::fmt;

use documented::Documented;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::error::{Abort, StepEnd};
use super::{Stage, StepKind};
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen, LoadState};
use crate::vocab::NodeName;

/// a load ends here: nothing more is started, and what is under way is waited for
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct StopLoad(pub String);

impl StopLoad {
    pub(super) const EXAMPLE: &str = r#"StopLoad("app")"#;
}

impl fmt::Display for StopLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stop load {}", self.0)
    }
}

impl StepKind for StopLoad {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.known_load(&self.0, at.index(0));
    }

    fn follow<'a>(&self, checker: &mut Checker<'a>, foreseen: &mut Foreseen<'a>, at: Cursor<'a>) {
        checker.check_load_runs(&self.0, foreseen, at.index(0));
        foreseen.loads.insert(self.0.clone(), LoadState::Ended(at));
    }

    fn acts(&self) -> bool {
        false
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, _: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        Box::pin(async {
            stage.loads.stop_one(&self.0).await?;
            Ok(StepEnd::Done)
        })
    }
}
