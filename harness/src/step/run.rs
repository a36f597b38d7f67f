//! Nothing happens but the load.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::error::{Abort, StepEnd};
use super::{Stage, StepKind};
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::{Duration, NodeName};

/// lets the load run
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// For how long.
    pub r#for: Duration,
}

impl Run {
    pub(super) const EXAMPLE: &str = r#"Run(for: "2s")"#;
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Run for {}", self.r#for)
    }
}

impl StepKind for Run {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        if self.r#for == Duration::default() {
            checker.report(Problem::new(at.field("for").head(), "running for no time does nothing"));
        }
    }

    fn acts(&self) -> bool {
        false
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }

    fn duration(&self) -> (std::time::Duration, std::time::Duration) {
        (self.r#for.0, self.r#for.0)
    }

    fn bound(&self) -> std::time::Duration {
        self.r#for.0
    }

    fn perform<'a>(&'a self, _: &'a mut Stage<'_>, _: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        tokio::time::sleep(self.r#for.0).map(|()| Ok(StepEnd::Done)).boxed_local()
    }
}
