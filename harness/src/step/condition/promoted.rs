//! A replica took over.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{ConditionKind, agreed, expect};
use crate::observe::Observation;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen, Meant, SystemFacts};
use crate::vocab::{NodeName, Role, SystemAbility};

/// the cluster has settled with this node as a master that owns keys
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Promoted(pub NodeName);

/// The fewest masters of which a majority is left when one dies.
const MASTERS_FOR_MAJORITY: u16 = 3;

impl Promoted {
    pub(super) const EXAMPLE: &str = r#"Promoted("A1")"#;

    /// A promotion that nothing causes.
    fn check_cause(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        let node = &self.0;
        let Some(member) = checker.member(node).cloned() else { return };
        let same_shard = |name: &NodeName| checker.member(name).is_some_and(|other| other.shard == member.shard);
        let caused = foreseen.moved
            || foreseen.selected
            || foreseen.disturbed
            || checker.may_migrate(foreseen, node)
            || foreseen.faulted.iter().any(|name| name != node && same_shard(name));
        // A topology without failover has been reported.
        if member.role == Role::Master || caused || checker.no_failover(Meant::Node(node)).is_some() {
            return;
        }
        let Some(master) = member.shard.map(NodeName::master) else { return };
        let problem =
            Problem::new(at.head(), format!("`{node}` stays a replica: nothing happened to its master `{master}`"));
        checker.report(problem.help(format!("take the master away first: `Kill(node: \"{master}\")`")));
    }
}

impl fmt::Display for Promoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is a master that owns keys", self.0)
    }
}

impl ConditionKind for Promoted {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let node = &self.0;
        checker.known(node, at.index(0));
        let Some((why, place)) = checker.no_failover(Meant::Node(node)) else { return };
        let Some(system) = checker.system_of(node) else { return };
        let SystemFacts { masters, replicas, .. } = system;
        let is_replica = checker.member(node).is_some_and(|member| member.role == Role::Replica);
        if replicas == 0 && checker.member(node).is_some() {
            let problem = Problem::new(at.head(), "`Promoted` waits for a replica to take over, and there is none");
            checker.report(problem.also(place, "the reason").help("to wait until every key is served write `Healthy`"));
        } else if is_replica && (masters < MASTERS_FOR_MAJORITY || !system.can(SystemAbility::Elections)) {
            let problem = Problem::new(at.head(), format!("`{node}` can never be promoted: {why}"));
            let help = if system.can(SystemAbility::Elections) {
                "take 3 masters or more".to_owned()
            } else {
                format!("promote it first: `Promote(node: \"{node}\")`")
            };
            checker.report(problem.also(place, "the reason").help(help));
        }
    }

    fn check_reachable(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        // Without replicas the condition itself has been reported.
        let has_replicas = checker.system_of(&self.0).is_some_and(|system| system.replicas > 0);
        if has_replicas && !checker.check_present(foreseen, &self.0, "be a master", at.index(0)) {
            self.check_cause(checker, foreseen, at);
        }
    }

    fn unmet(&self, seen: &Observation) -> Option<String> {
        agreed(seen, |agreement| {
            expect(agreement.of(&self.0), &self.0, |place| {
                place.role == Role::Master && !place.owns.is_empty() && !place.failed
            })
        })
    }

    fn names(&self) -> Vec<NodeName> {
        vec![self.0.clone()]
    }
}
