//! Nodes chosen when a step begins: one selector a file.

use std::collections::BTreeMap;
use std::fmt;

use rand_chacha::ChaCha8Rng;

use crate::evidence::{Agreement, NodeStatus, Place};
use crate::text::{Cursor, Problem, kinds};
use crate::validate::{Checker, Foreseen, SystemFacts};
use crate::vocab::{NodeName, Position, Role};

kinds! {
    /// Nodes chosen from the settled topology when a step begins.
    pub enum Selector: SelectorKind {
        master_of::MasterOf,
        replicas_of::ReplicasOf,
        masters::Masters as unit,
        replicas::Replicas as unit,
        majority_of_masters::MajorityOfMasters as unit,
        minority_of_masters::MinorityOfMasters as unit,
        random_master::RandomMaster as unit,
        random_replica::RandomReplica as unit,
        running::Running as unit,
        down::Down as unit,
        paused::Paused as unit,
    }
}

/// A kind of selector.
pub trait SelectorKind: fmt::Display + Sync {
    /// The nodes that it means, in the order of their names; none is an error of the scenario, which the caller reports.
    fn choose(&self, among: Candidates<'_>, random: &mut ChaCha8Rng) -> Vec<NodeName>;

    /// The status of a process that alone decides which nodes it means; none if it asks the topology.
    fn by_status(&self) -> Option<NodeStatus> {
        None
    }

    /// The status of the nodes that it means; none if it does not mind.
    fn means(&self) -> Option<NodeStatus> {
        self.by_status()
    }

    /// Reports that it certainly means nobody after the steps before it.
    fn check_anybody(&self, _: &mut Checker<'_>, _: &Foreseen<'_>, _: Cursor<'_>) {}
}

/// What a selector chooses from.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    /// What all nodes agree on; none for a selector that goes by the status alone.
    pub agreement: Option<&'a Agreement>,
    /// The status of every node.
    pub status: &'a BTreeMap<NodeName, NodeStatus>,
}

impl<'a> Candidates<'a> {
    fn places(self) -> impl Iterator<Item = (&'a NodeName, &'a Place)> {
        self.agreement.into_iter().flat_map(Agreement::places)
    }

    /// The nodes that run and are held for alive, and of whose places this is true.
    fn running(self, holds: impl Fn(&Place) -> bool) -> Vec<NodeName> {
        let runs = |node| self.status.get(node) == Some(&NodeStatus::Running);
        let chosen = self.places().filter(|(node, place)| runs(*node) && !place.failed && holds(place));
        chosen.map(|(node, _)| node.clone()).collect()
    }

    fn running_masters(self) -> Vec<NodeName> {
        self.running(owns_something)
    }

    fn running_replicas(self) -> Vec<NodeName> {
        self.running(is_replica)
    }

    /// How many masters own keys, whether or not they run.
    fn master_count(self) -> usize {
        self.places().filter(|(_, place)| owns_something(place)).count()
    }

    fn owner(self, position: Position) -> Option<&'a NodeName> {
        self.places().find(|(_, place)| place.owns.contains(position)).map(|(node, _)| node)
    }

    fn with_status(self, wanted: NodeStatus) -> Vec<NodeName> {
        self.status.iter().filter(|(_, status)| **status == wanted).map(|(node, _)| node.clone()).collect()
    }
}

fn owns_something(place: &Place) -> bool {
    !place.owns.is_empty()
}

fn is_replica(place: &Place) -> bool {
    place.role == Role::Replica
}

/// Reports a selector of replicas where there are none.
fn check_replicas(checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
    let systems = &checker.topology.systems;
    let Some(first) = systems.first().filter(|_| !foreseen.moved) else { return };
    if systems.iter().all(|system| system.replicas == 0) {
        let replicas = first.at.field("replicas");
        let problem = Problem::new(at.head(), "no master has a replica: this chooses nothing");
        checker.report(problem.also(replicas.head(), "the reason"));
    }
}

/// The only system; where there are several, a selector that counts masters is reported.
fn check_only_system<'a>(checker: &mut Checker<'a>, at: Cursor<'_>) -> Option<SystemFacts<'a>> {
    let systems = &checker.topology.systems;
    if systems.len() > 1 {
        let problem = Problem::new(at.head(), "each of several systems has a majority of its own");
        let problem = problem.also(checker.root.field("topology").head(), format!("{} systems", systems.len()));
        checker.report(problem.help("name a node: `node: \"A\"`"));
        return None;
    }
    systems.first().copied()
}

/// Reports a selector of nodes of a status that no node has.
fn check_status(status: NodeStatus, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
    if foreseen.none_is(status) {
        let message = format!("no node is {} here: this chooses nothing", crate::validate::status_word(status));
        checker.report(Problem::new(at.head(), message));
    }
}

#[cfg(test)]
mod tests;
