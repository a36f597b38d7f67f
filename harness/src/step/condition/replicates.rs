//! A node follows another.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{ConditionKind, agreed, expect};
use crate::evidence::NodeStatus;
use crate::observe::Observation;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen};
use crate::vocab::{NodeName, Role};

/// the cluster has settled with `node` as a linked replica of the other one
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Replicates {
    /// The replica.
    pub node: NodeName,
    /// Its master.
    pub of: NodeName,
}

impl Replicates {
    pub(super) const EXAMPLE: &str = r#"Replicates(node: "A", of: "A1")"#;
}

impl fmt::Display for Replicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} replicates {}", self.node, self.of)
    }
}

impl ConditionKind for Replicates {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.known(&self.node, at.field("node"));
        checker.known(&self.of, at.field("of"));
        checker.check_same_system(&self.node, &self.of, at.field("of"));
        if self.node == self.of {
            checker.report(Problem::new(at.field("of").head(), "a node cannot replicate itself"));
        }
    }

    fn check_reachable(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        checker.check_present(foreseen, &self.node, "replicate anything", at.field("node"));
        if foreseen.status(&self.of) == Some(NodeStatus::Down) {
            checker.report_absent(foreseen, &self.of, "be replicated", at.field("of"));
        }
    }

    fn unmet(&self, seen: &Observation) -> Option<String> {
        agreed(seen, |agreement| {
            expect(agreement.of(&self.node), &self.node, |place| {
                place.role == Role::Replica && place.master.as_ref() == Some(&self.of) && !place.failed
            })
        })
    }

    fn names(&self) -> Vec<NodeName> {
        vec![self.node.clone(), self.of.clone()]
    }
}
