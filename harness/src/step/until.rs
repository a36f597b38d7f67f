//! The timeline waits for a condition.

use std::fmt;
use std::time::Duration as StdDuration;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::condition::Condition;
use super::error::{Abort, StepEnd};
use super::{Stage, StepKind};
use crate::evidence::EventKind;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen};
use crate::vocab::{Duration, NodeName};

/// waits; if the condition is not met in time the run fails, with the last state seen
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// What to wait for.
    pub condition: Condition,
    /// The longest that it may take.
    pub within: Duration,
}

impl Until {
    pub(super) const EXAMPLE: &str = r#"Until(condition: Healthy, within: "5s")"#;

    async fn wait(&self, stage: &mut Stage<'_>, index: usize) -> StepEnd {
        let (began, delayed) = (stage.journal.clock().now(), (stage.machine_delay)());
        let condition = self.condition.kind();
        let Err(last_state) = condition.wait(stage, began, self.within.0).await else { return StepEnd::Done };
        stage.journal.record(EventKind::UntilMissed { step: index, last_state });
        // Was it the machine? Then it is met within as much more time as that may have taken.
        let more = (stage.machine_delay)().saturating_sub(delayed).min(self.within.0);
        let bound = stage.journal.clock().now();
        if condition.wait(stage, began, more).await.is_ok() {
            let late_nanos = stage.journal.clock().now().nanos_since(bound);
            stage.journal.record(EventKind::UntilMetLate { step: index, late_nanos });
        }
        StepEnd::Failed
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Until {}, within {}", self.condition, self.within)
    }
}

impl StepKind for Until {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        if self.within == Duration::default() {
            let problem = Problem::new(at.field("within").head(), "no condition can be met in no time");
            checker.report(problem.help("write the longest it may take, such as `within: \"5s\"`"));
        }
        self.condition.kind().check(checker, at.field("condition"));
    }

    fn follow<'a>(&self, checker: &mut Checker<'a>, foreseen: &mut Foreseen<'a>, at: Cursor<'a>) {
        self.condition.kind().check_reachable(checker, foreseen, at.field("condition"));
    }

    fn acts(&self) -> bool {
        false
    }

    fn waits(&self) -> bool {
        true
    }

    fn names(&self) -> Vec<NodeName> {
        self.condition.kind().names()
    }

    fn duration(&self) -> (StdDuration, StdDuration) {
        (StdDuration::ZERO, self.within.0)
    }

    /// One that is missed may be watched for as long again.
    fn bound(&self) -> StdDuration {
        self.within.0.saturating_mul(2)
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, index: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        self.wait(stage, index).map(Ok).boxed_local()
    }
}
