//! A node counts as failed.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{ConditionKind, agreed, expect};
use crate::evidence::NodeStatus;
use crate::observe::Observation;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen, Meant};
use crate::vocab::{NodeName, SystemAbility};

/// the cluster has settled with this node flagged as failed; where no majority is left to flag it, with this node suspected
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Failed(pub NodeName);

impl Failed {
    pub(super) const EXAMPLE: &str = r#"Failed("A")"#;
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is flagged failed", self.0)
    }
}

impl ConditionKind for Failed {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.needs(SystemAbility::FailureFlags, Meant::Node(&self.0), "Failed", at);
        checker.known(&self.0, at.index(0));
    }

    fn check_reachable(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        let node = &self.0;
        if !foreseen.disturbed && foreseen.status(node) == Some(NodeStatus::Running) {
            let message = format!("`{node}` cannot be flagged failed: it {}", checker.history(foreseen, node));
            let problem = checker.with_cause(Problem::new(at.index(0).head(), message), foreseen, node);
            checker.report(problem);
        }
    }

    fn unmet(&self, seen: &Observation) -> Option<String> {
        agreed(seen, |agreement| expect(agreement.main_of(&self.0), &self.0, |place| place.failed))
    }

    fn names(&self) -> Vec<NodeName> {
        vec![self.0.clone()]
    }
}
