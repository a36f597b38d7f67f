//! Steps that are timed to an event.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::error::{Abort, StepEnd};
use super::{InnerSteps, Stage, Step, StepKind, Trigger};
use crate::evidence::{Event, EventKind};
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::{Duration, Instant, NodeName};

/// waits for an event and begins the steps of `then` at most 20 ms after it was seen; if it is not seen in time the run fails
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// What to wait for. Only what is seen after the step began counts.
    pub event: Trigger,
    /// The longest that it may take.
    pub within: Duration,
    /// What is done at once.
    pub then: Vec<Step>,
}

impl When {
    pub(super) const EXAMPLE: &str = r#"When(event: Flagged("A"), within: "5s", then: [Kill(node: "A1")])"#;

    /// When the event is seen, if it is in time.
    async fn seen(&self, events: &mut UnboundedReceiver<Event>, within: std::time::Duration) -> Option<Instant> {
        let waiting = async {
            while let Some(event) = events.recv().await {
                if self.event.kind().is(&event.kind) {
                    return Some(event.at);
                }
            }
            None
        };
        timeout(within, waiting).await.ok().flatten()
    }

    async fn wait(&self, stage: &Stage<'_>, index: usize) -> StepEnd {
        let (mut events, delayed) = (stage.journal.watch(), (stage.machine_delay)());
        if let Some(seen) = self.seen(&mut events, self.within.0).await {
            stage.journal.record(EventKind::Triggered { step: index, seen });
            return StepEnd::Done;
        }
        let last_state = format!("no log said within {} that {}", self.within, self.event);
        stage.journal.record(EventKind::UntilMissed { step: index, last_state });
        // Was it the machine? Then it is seen within as much more time as that may have taken.
        let (bound, more) = (stage.journal.clock().now(), (stage.machine_delay)().saturating_sub(delayed));
        if let Some(seen) = self.seen(&mut events, more.min(self.within.0)).await {
            stage.journal.record(EventKind::UntilMetLate { step: index, late_nanos: seen.nanos_since(bound) });
        }
        StepEnd::Failed
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "When {}, within {}", self.event, self.within)
    }
}

impl StepKind for When {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        self.event.kind().check(checker, at.field("event"));
        if self.within == Duration::default() {
            let problem = Problem::new(at.field("within").head(), "nothing can be seen in no time");
            checker.report(problem.help("write the longest it may take, such as `within: \"5s\"`"));
        }
        let then = at.field("then");
        match self.then.first() {
            None if checker.is_as_written(then) => {
                let problem = Problem::new(then.head(), "nothing is timed to the event");
                checker.report(problem.help("to wait for something and go on write `Until`"));
            }
            Some(first) if first.kind().needs_topology() => {
                let message = "this has nodes chosen from a settled topology, which takes longer than an event waits";
                checker.report(Problem::new(then.index(0).head(), message).help("name a node: `node: \"A\"`"));
            }
            _ => {}
        }
    }

    fn inner(&self) -> Option<InnerSteps<'_>> {
        Some(InnerSteps { field: "then", steps: &self.then, times: 1, follow: true })
    }

    fn acts(&self) -> bool {
        false
    }

    fn waits(&self) -> bool {
        true
    }

    fn names(&self) -> Vec<NodeName> {
        self.event.kind().names()
    }

    fn duration(&self) -> (std::time::Duration, std::time::Duration) {
        (std::time::Duration::ZERO, self.within.0)
    }

    /// One that is missed may be watched for as long again.
    fn bound(&self) -> std::time::Duration {
        self.within.0.saturating_mul(2)
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, index: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        self.wait(stage, index).map(Ok).boxed_local()
    }
}
