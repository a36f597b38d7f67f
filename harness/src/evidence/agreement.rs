//! What the nodes of a settled system agree on, side by side of a partition.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ClusterState, Place, Topology};
use crate::vocab::{NodeName, Position};

/// Whether the nodes are settled, and if not, the first reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Every running node agrees with those it can reach, and with what really runs.
    Settled(Agreement),
    /// They do not agree (yet), for this reason.
    Unsettled(String),
}

/// What the running nodes agree on: of each system one topology, or one for each side of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The sides; every system has one at least. By system; then first the one that serves, then the one with the most nodes.
    pub sides: Vec<Side>,
}

/// Running nodes that see their system alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The place of the system among those of the plan.
    #[serde(default)]
    pub system: usize,
    /// The nodes.
    pub members: BTreeSet<NodeName>,
    /// The system as they see it.
    pub topology: Topology,
}

impl Settlement {
    /// What all systems agree on, once each is settled by itself; else why the first is not.
    pub fn of_all(systems: &[Self]) -> Self {
        let mut agreements = Vec::new();
        for system in systems {
            match system {
                Self::Settled(agreement) => agreements.push(agreement.clone()),
                Self::Unsettled(reason) => return Self::Unsettled(reason.clone()),
            }
        }
        Self::Settled(Agreement::beside(agreements))
    }
}

impl Agreement {
    /// The sides of each system.
    pub fn systems(&self) -> impl Iterator<Item = &[Side]> {
        self.sides.chunk_by(|one, other| one.system == other.system)
    }

    /// The topology of each system's side that serves; of its largest side if none does.
    pub fn mains(&self) -> impl Iterator<Item = &Topology> {
        self.systems().filter_map(|sides| Some(&sides.first()?.topology))
    }

    /// The one of those that knows a node; the first if none does.
    pub fn main_of(&self, node: &NodeName) -> &Topology {
        self.mains().find(|topology| topology.nodes.contains_key(node)).unwrap_or(&self.sides[0].topology)
    }

    /// The topology of the side that a node is on; of its system's main side if it does not run.
    pub fn of(&self, node: &NodeName) -> &Topology {
        let side = self.sides.iter().find(|side| side.members.contains(node));
        side.map_or_else(|| self.main_of(node), |side| &side.topology)
    }

    /// Every node's place on the main side of its system.
    pub fn places(&self) -> impl Iterator<Item = (&NodeName, &Place)> {
        self.mains().flat_map(|topology| &topology.nodes)
    }

    /// The masters that are there.
    pub fn masters(&self) -> impl Iterator<Item = &NodeName> {
        self.mains().flat_map(Topology::masters)
    }

    /// Whether somebody serves the keys at this position.
    pub fn serves(&self, position: Position) -> bool {
        self.mains().any(|topology| topology.serves(position))
    }

    /// Why not every key is served, in words; none if each is.
    pub fn outage(&self) -> Option<String> {
        let outages: Vec<_> = self.mains().filter_map(|topology| topology.outage.as_deref()).collect();
        (!outages.is_empty()).then(|| outages.join("; "))
    }

    /// What several systems agree on, each by itself, in their order.
    pub fn beside(systems: impl IntoIterator<Item = Self>) -> Self {
        let of_system =
            |(system, agreement): (usize, Self)| agreement.sides.into_iter().map(move |side| Side { system, ..side });
        Self { sides: systems.into_iter().enumerate().flat_map(of_system).collect() }
    }

    /// What one system agrees on: puts the sides in their order.
    pub fn new(mut sides: Vec<Side>) -> Self {
        sides.sort_by_key(|side| {
            (side.topology.state == ClusterState::Fail, std::cmp::Reverse(side.members.len()), side.members.clone())
        });
        Self { sides }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Role;

    /// A side of these nodes, of which the first is a master that owns this.
    fn side(names: &[&str], owns: &str, state: ClusterState) -> Side {
        let members: BTreeSet<NodeName> = names.iter().map(|name| NodeName::from(*name)).collect();
        let place = |(index, node): (usize, &NodeName)| {
            let (role, owns) = if index == 0 { (Role::Master, owns) } else { (Role::Replica, "none") };
            let place =
                Place { role, master: None, owns: owns.parse().unwrap(), title: role.to_string(), failed: false };
            (node.clone(), place)
        };
        let outage = (state == ClusterState::Fail).then(|| format!("nobody serves {}'s keys", names[0]));
        Side {
            system: 0,
            topology: Topology { state, nodes: members.iter().enumerate().map(place).collect(), outage },
            members,
        }
    }

    #[test]
    fn each_system_speaks_for_itself() {
        let cut =
            Agreement::new(vec![side(&["A", "A1"], "0-9", ClusterState::Fail), side(&["B"], "0-9", ClusterState::Ok)]);
        let down = Agreement::new(vec![side(&["D", "D1"], "10", ClusterState::Fail)]);
        let both = Agreement::beside([cut, down]);
        assert_eq!(both.systems().map(<[Side]>::len).collect::<Vec<_>>(), [2, 1]);
        let mains: Vec<_> = both.places().map(|(node, _)| node.as_str()).collect();
        assert_eq!(mains, ["B", "D", "D1"]);
        assert!(both.of(&"A1".into()).nodes.contains_key(&"A".into()), "its own side");
        assert!(both.main_of(&"D1".into()).nodes.contains_key(&"D".into()), "its own system");
        assert_eq!([0, 9, 10].map(|at| both.serves(Position(at))), [true, true, false]);
        assert_eq!(both.outage().as_deref(), Some("nobody serves D's keys"));
    }
}
