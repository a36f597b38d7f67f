//! What the nodes of a settled system agree on, side by side of a partition.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ClusterState, Topology};
use crate::vocab::NodeName;

/// Whether the nodes are settled, and if not, the first reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Every running node agrees with those it can reach, and with what really runs.
    Settled(Agreement),
    /// They do not agree (yet), for this reason.
    Unsettled(String),
}

/// What the running nodes agree on: one topology, or one for each side of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The sides; never empty. First the one that serves, then the one with the most nodes.
    pub sides: Vec<Side>,
}

/// Running nodes that see the system alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The nodes.
    pub members: BTreeSet<NodeName>,
    /// The system as they see it.
    pub topology: Topology,
}

impl Agreement {
    /// The topology of the side that serves; of the largest side if none does.
    pub fn main(&self) -> &Topology {
        &self.sides[0].topology
    }

    /// The topology of the side that a node is on; of the main side if it does not run.
    pub fn of(&self, node: &NodeName) -> &Topology {
        self.sides.iter().find(|side| side.members.contains(node)).map_or_else(|| self.main(), |side| &side.topology)
    }

    /// Puts the sides in their order.
    pub fn new(mut sides: Vec<Side>) -> Self {
        sides.sort_by_key(|side| {
            (side.topology.state == ClusterState::Fail, std::cmp::Reverse(side.members.len()), side.members.clone())
        });
        Self { sides }
    }
}
