//! Which nodes a selector means, in a settled topology.

use std::collections::BTreeMap;

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::evidence::{NodeStatus, Place, Topology};
use crate::vocab::{NodeName, Position, Role, Selector};

/// The nodes a selector means, in the order of their names; none is an error of the scenario, which the caller reports.
pub(super) fn select(
    selector: &Selector,
    topology: &Topology,
    status: &BTreeMap<NodeName, NodeStatus>,
    random: &mut ChaCha8Rng,
) -> Vec<NodeName> {
    let running = |holds: &dyn Fn(&Place) -> bool| {
        let of = topology
            .nodes
            .iter()
            .filter(|(node, place)| status.get(*node) == Some(&NodeStatus::Running) && !place.failed && holds(place));
        of.map(|(node, _)| node.clone()).collect::<Vec<_>>()
    };
    let is_master = |place: &Place| !place.owns.is_empty();
    let is_replica = |place: &Place| place.role == Role::Replica;
    match selector {
        Selector::MasterOf { slot } => running(&|place| place.owns.contains(slot.position())),
        Selector::ReplicasOf { slot } => {
            let master = owner(topology, slot.position());
            running(&|place| is_replica(place) && place.master == master)
        }
        Selector::Masters => running(&is_master),
        Selector::Replicas => running(&is_replica),
        Selector::MajorityOfMasters => running(&is_master).into_iter().take(masters(topology) / 2 + 1).collect(),
        Selector::MinorityOfMasters => {
            running(&is_master).into_iter().take(masters(topology).saturating_sub(1) / 2).collect()
        }
        Selector::RandomMaster => running(&is_master).choose(random).cloned().into_iter().collect(),
        Selector::RandomReplica => running(&is_replica).choose(random).cloned().into_iter().collect(),
        Selector::Down => with_status(NodeStatus::Down, status),
        Selector::Paused => with_status(NodeStatus::Paused, status),
    }
}

/// The nodes that a selector means whatever the topology; none for a selector that asks the topology.
pub(super) fn select_by_status(selector: &Selector, status: &BTreeMap<NodeName, NodeStatus>) -> Option<Vec<NodeName>> {
    match selector {
        Selector::Down => Some(with_status(NodeStatus::Down, status)),
        Selector::Paused => Some(with_status(NodeStatus::Paused, status)),
        _ => None,
    }
}

fn with_status(wanted: NodeStatus, status: &BTreeMap<NodeName, NodeStatus>) -> Vec<NodeName> {
    status.iter().filter(|(_, status)| **status == wanted).map(|(node, _)| node.clone()).collect()
}

/// How many masters own slots, whether or not they run.
fn masters(topology: &Topology) -> usize {
    topology.nodes.values().filter(|place| !place.owns.is_empty()).count()
}

fn owner(topology: &Topology, position: Position) -> Option<NodeName> {
    topology.nodes.iter().find(|(_, place)| place.owns.contains(position)).map(|(node, _)| node.clone())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rstest::rstest;

    use super::*;
    use crate::evidence::ClusterState;

    fn topology() -> Topology {
        let place = |role, master: Option<&str>, slots: &str, failed| Place {
            role,
            master: master.map(NodeName::from),
            owns: slots.parse().unwrap(),
            title: String::new(),
            failed,
        };
        let nodes = [
            ("A", place(Role::Master, None, "none", true)),
            ("A1", place(Role::Master, None, "0-5460", false)),
            ("B", place(Role::Master, None, "5461-10922", false)),
            ("B1", place(Role::Replica, Some("B"), "none", false)),
            ("C", place(Role::Master, None, "10923-16383", false)),
            ("C1", place(Role::Replica, Some("C"), "none", false)),
        ];
        Topology {
            state: ClusterState::Ok,
            nodes: nodes.into_iter().map(|(node, place)| (NodeName::from(node), place)).collect(),
            outage: None,
        }
    }

    #[rstest]
    #[case(Selector::MasterOf { slot: 0.try_into().unwrap() }, "A1")]
    #[case(Selector::ReplicasOf { slot: 6_000.try_into().unwrap() }, "B1")]
    #[case(Selector::ReplicasOf { slot: 0.try_into().unwrap() }, "")]
    #[case(Selector::Masters, "A1 B")]
    #[case(Selector::Replicas, "B1 C1")]
    #[case(Selector::MajorityOfMasters, "A1 B")]
    #[case(Selector::MinorityOfMasters, "A1")]
    #[case(Selector::Down, "A")]
    #[case(Selector::Paused, "C")]
    fn selectors_choose(#[case] selector: Selector, #[case] expected: &str) {
        let status = topology().nodes.into_keys().map(|node| {
            let status = match node.as_str() {
                "A" => NodeStatus::Down,
                "C" => NodeStatus::Paused,
                _ => NodeStatus::Running,
            };
            (node, status)
        });
        let chosen = select(&selector, &topology(), &status.collect(), &mut ChaCha8Rng::seed_from_u64(1));
        let names: Vec<_> = chosen.iter().map(NodeName::as_str).collect();
        assert_eq!(names.join(" "), expected);
    }
}
