//! One name for outcomes that may legally differ from run to run.
//!
//! When a master with several good replicas fails, any of them may win the election. The replicas are alike, so a
//! run in which A2 wins is a run in which A1 wins with the two names exchanged. The snapshot exchanges them: **the winner
//! is called by the first of the candidates' names, and the node that had that name gets the winner's**, from there on.
//!
//! Names are left as they are where the candidates are not alike: the scenario gives them different directives or
//! binaries, or a later step names one of them or cuts links by the nodes' places in the plan (`Halves`, `Ring`).

use std::collections::BTreeMap;

use crate::evidence::{LinksPart, LinksText, RecordedNode, RecordedPlan, RecordedStep, Topology};
use crate::vocab::{HostName, NodeName, Role};

/// Which name each node has in the snapshot.
pub(super) struct Naming<'a> {
    plan: &'a RecordedPlan,
    exchanged: BTreeMap<NodeName, NodeName>,
}

/// The winners' names in the snapshot, each with the names of all that could have won.
pub(super) type Winners = BTreeMap<NodeName, Vec<NodeName>>;

impl<'a> Naming<'a> {
    pub(super) fn new(plan: &'a RecordedPlan) -> Self {
        Self { plan, exchanged: BTreeMap::new() }
    }

    /// The node's name in the snapshot.
    pub(super) fn shown<'b>(&'b self, node: &'b NodeName) -> &'b NodeName {
        self.exchanged.get(node).unwrap_or(node)
    }

    /// Which links are meant, in the snapshot's names: nodes that stand together in the snapshot's order.
    pub(super) fn rename_links(&self, text: &LinksText) -> LinksText {
        let parts = text.0.iter().map(|part| match part {
            LinksPart::Words(_) => part.clone(),
            LinksPart::Hosts(hosts) => LinksPart::Hosts(self.rename_hosts(hosts)),
        });
        LinksText(parts.collect())
    }

    fn rename_hosts(&self, hosts: &[HostName]) -> Vec<HostName> {
        let is_node = |host: &HostName| self.plan.nodes.iter().any(|node| node.host == *host);
        let renamed = hosts.chunk_by(|one, other| is_node(one) == is_node(other)).flat_map(|together| {
            if !together.first().is_some_and(is_node) {
                return together.to_vec();
            }
            let mut names: Vec<_> =
                together.iter().map(|host| self.shown(&NodeName::from(host.as_str())).clone()).collect();
            names.sort_by(|one, other| self.rank(one).cmp(&self.rank(other)));
            names.iter().map(HostName::own).collect()
        });
        renamed.collect()
    }

    /// The topology under the snapshot's names.
    pub(super) fn rename(&self, topology: &Topology) -> Topology {
        let renamed = topology.nodes.iter().map(|(node, place)| {
            let mut place = place.clone();
            place.master = place.master.as_ref().map(|master| self.shown(master).clone());
            (self.shown(node).clone(), place)
        });
        Topology { nodes: renamed.collect(), ..topology.clone() }
    }

    /// The order in which the snapshot lists nodes: the plan's, then by name.
    pub(super) fn rank<'n>(&self, name: &'n NodeName) -> (usize, &'n NodeName) {
        let position = self.plan.nodes.iter().position(|node| node.name == *name);
        (position.unwrap_or(usize::MAX), name)
    }

    /// Exchanges names for every election between two topologies that another replica could have won as well.
    pub(super) fn after_elections(&mut self, before: &Topology, after: &Topology, step: Option<usize>) -> Winners {
        let mut winners = Winners::new();
        for (winner, place) in &after.nodes {
            let Some(was) = before.nodes.get(winner) else { continue };
            if was.role != Role::Replica || place.role != Role::Master || place.owns.is_empty() {
                continue;
            }
            let candidates: Vec<_> = before
                .nodes
                .iter()
                .filter(|(node, place)| {
                    place.role == Role::Replica && place.master == was.master && alive(before, node)
                })
                .map(|(node, _)| node.clone())
                .filter(|node| alive(after, node))
                .collect();
            if candidates.len() > 1 && self.are_alike(&candidates, step) {
                let names = self.exchange(winner, &candidates);
                winners.insert(names[0].clone(), names);
            }
        }
        winners
    }

    /// Gives the winner the first of the candidates' names; returns their names in the snapshot's order.
    fn exchange(&mut self, winner: &NodeName, candidates: &[NodeName]) -> Vec<NodeName> {
        let mut names: Vec<_> = candidates.iter().map(|node| self.shown(node).clone()).collect();
        names.sort_by(|one, other| self.rank(one).cmp(&self.rank(other)));
        let old = self.shown(winner).clone();
        if let Some(holder) = candidates.iter().find(|node| *self.shown(node) == names[0]) {
            self.exchanged.insert(holder.clone(), old);
        }
        self.exchanged.insert(winner.clone(), names[0].clone());
        names
    }

    fn are_alike(&self, candidates: &[NodeName], step: Option<usize>) -> bool {
        let specs: Vec<_> = candidates.iter().filter_map(|node| self.plan.node(node)).collect();
        let server = |node: &RecordedNode| (node.config.clone(), node.binary.clone(), node.image.clone());
        let same_server = specs.windows(2).all(|pair| server(pair[0]) == server(pair[1]));
        let later = step.map_or(self.plan.steps.len(), |step| step + 1);
        let mut later = self.plan.steps.iter().skip(later);
        same_server && specs.len() == candidates.len() && !later.any(|step| tells_apart(step, candidates))
    }
}

fn alive(topology: &Topology, node: &NodeName) -> bool {
    topology.nodes.get(node).is_some_and(|place| !place.failed)
}

/// Whether a step names one of the nodes, or treats them by their places in the plan.
fn tells_apart(step: &RecordedStep, nodes: &[NodeName]) -> bool {
    step.by_place || nodes.iter().any(|node| step.names.contains(node))
}
