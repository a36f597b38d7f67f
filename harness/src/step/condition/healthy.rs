//! The cluster serves everything.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{ConditionKind, agreed};
use crate::evidence::{Agreement, NodeStatus};
use crate::observe::Observation;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen, Meant};
use crate::vocab::{NodeName, Role};

/// the cluster has settled and every key is served
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct Healthy;

impl Healthy {
    pub(super) const EXAMPLE: &str = "Healthy";
}

impl fmt::Display for Healthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every key is served")
    }
}

impl ConditionKind for Healthy {
    /// A shard of which nothing is left, or nothing that could take over.
    fn check_reachable(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        if foreseen.moved {
            return;
        }
        let no_failover = |name: &NodeName| checker.no_failover(Meant::Node(name)).is_some();
        let may_migrate = |name: &NodeName| checker.may_migrate(foreseen, name);
        let down = |name: &NodeName| foreseen.status(name) == Some(NodeStatus::Down);
        let members = &checker.topology.members;
        let lost = members.iter().filter(|member| member.role == Role::Master).find(|master| {
            let mut shard = members.iter().filter(|member| member.shard == master.shard);
            down(&master.name)
                && (no_failover(&master.name) || !may_migrate(&master.name) && shard.all(|member| down(&member.name)))
        });
        if let Some(name) = lost.map(|master| master.name.clone()) {
            let why = if no_failover(&name) { "no replica can take over" } else { "so are all its replicas" };
            let history = checker.history(foreseen, &name);
            let message = format!("the keys of `{name}` cannot be served: it {history}, and {why}");
            let problem = checker.with_cause(Problem::new(at.head(), message), foreseen, &name);
            checker.report(problem);
        }
    }

    fn unmet(&self, seen: &Observation) -> Option<String> {
        agreed(seen, |agreement| agreement.outage().map(|_| format!("not every key is served: {}", listed(agreement))))
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }
}

fn listed(agreement: &Agreement) -> String {
    let places: Vec<_> = agreement.places().map(|(node, place)| format!("{node} is {place}")).collect();
    places.join("; ")
}
