//! Steps again and again.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::error::{Abort, StepEnd};
use super::{InnerSteps, Stage, Step, StepKind};
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::NodeName;

/// does the steps inside of it several times, one round after the other
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// How many rounds.
    pub times: u32,
    /// The steps of a round.
    pub steps: Vec<Step>,
}

impl Repeat {
    pub(super) const EXAMPLE: &str = r#"Repeat(times: 3, steps: [Kill(node: "A1"), Start(node: "A1")])"#;
}

impl fmt::Display for Repeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.steps.iter().map(ToString::to_string).collect();
        write!(f, "Repeat {} times: {}", self.times, steps.join("; "))
    }
}

impl StepKind for Repeat {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        if self.times == 0 {
            checker.report(Problem::new(at.field("times").head(), "repeated 0 times, these steps are never done"));
        }
        if self.steps.is_empty() && checker.is_as_written(at.field("steps")) {
            checker.report(Problem::new(at.field("steps").head(), "there is no step to repeat"));
        }
    }

    fn needs_topology(&self) -> bool {
        self.steps.first().is_some_and(|first| first.kind().needs_topology())
    }

    fn inner(&self) -> Option<InnerSteps<'_>> {
        Some(InnerSteps { field: "steps", steps: &self.steps, times: self.times, follow: false })
    }

    fn acts(&self) -> bool {
        false
    }

    fn names(&self) -> Vec<NodeName> {
        self.steps.iter().flat_map(|step| step.kind().names()).collect()
    }

    /// Its steps stand in its place.
    fn perform<'a>(&'a self, _: &'a mut Stage<'_>, _: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        async { Ok(StepEnd::Done) }.boxed_local()
    }
}
