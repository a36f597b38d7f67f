//! The cluster serves nothing.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{ConditionKind, agreed};
use crate::evidence::ClusterState;
use crate::observe::Observation;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen};
use crate::vocab::NodeName;

/// the nodes have settled and nobody serves: in a cluster `cluster_state:fail` everywhere, on every side; elsewhere no master runs
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct Down;

impl Down {
    pub(super) const EXAMPLE: &str = "Down";
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody serves")
    }
}

impl ConditionKind for Down {
    fn check_reachable(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        if foreseen.is_untouched() {
            let problem = Problem::new(at.head(), "somebody always serves here: nothing happened so far");
            checker.report(problem);
        }
    }

    fn unmet(&self, seen: &Observation) -> Option<String> {
        agreed(seen, |agreement| {
            let serving = agreement.sides.iter().find(|side| side.topology.state == ClusterState::Ok);
            serving.map(|side| {
                let members: Vec<_> = side.members.iter().map(NodeName::as_str).collect();
                format!("{} still serve", members.join(", "))
            })
        })
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }
}
