//! A node does not serve.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::ConditionKind;
use crate::evidence::ClusterState;
use crate::observe::Observation;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen, Meant};
use crate::vocab::{NodeName, SystemAbility};

/// this node refuses to serve (its `cluster_state` is fail); the cluster need not have settled
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Refuses(pub NodeName);

impl Refuses {
    pub(super) const EXAMPLE: &str = r#"Refuses("A")"#;
}

impl fmt::Display for Refuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refuses to serve", self.0)
    }
}

impl ConditionKind for Refuses {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.needs(SystemAbility::Refusing, Meant::Node(&self.0), "Refuses", at);
        checker.known(&self.0, at.index(0));
    }

    fn check_reachable(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        let node = &self.0;
        if foreseen.is_untouched() {
            let message = format!("`{node}` cannot refuse to serve: nothing happened to the cluster so far");
            checker.report(Problem::new(at.head(), message));
        } else {
            checker.check_present(foreseen, node, "refuse anything", at.index(0));
        }
    }

    fn unmet(&self, seen: &Observation) -> Option<String> {
        let node = &self.0;
        match seen.views.get(node).and_then(Option::as_ref).map(|view| view.state) {
            None => Some(format!("{node} does not answer at all")),
            Some(ClusterState::Ok) => Some(format!("{node}'s cluster_state is ok")),
            Some(ClusterState::Fail) => None,
        }
    }

    fn names(&self) -> Vec<NodeName> {
        vec![self.0.clone()]
    }
}
