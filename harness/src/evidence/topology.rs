//! A system as its nodes see it, and what they agree on.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocab::{Instant, NodeName, Ownership, Position, Role};

/// One line of `topology.jsonl`: a node's view changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyRecord {
    /// When the changed view was read.
    pub at: Instant,
    /// Whose view it is.
    pub node: NodeName,
    /// The view; none when the node stopped answering.
    pub view: Option<NodeView>,
}

/// The system as one node sees it: what its answers say of itself and of the others. What changes all the time (ping times, offsets)
/// is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// Whether the node serves.
    pub state: ClusterState,
    /// The newest version of the configuration that the node has heard of.
    pub current_version: u64,
    /// `master_link_status` is up; none on a master.
    pub master_link_up: Option<bool>,
    /// The node's own log says that it stands for no election, because its data is too old
    /// (`cluster-replica-validity-factor`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub data_too_old: bool,
    /// Every node this one knows, itself too.
    pub members: BTreeMap<NodeName, Member>,
}

/// Whether a node serves what it owns, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterState {
    /// It serves.
    Ok,
    /// It refuses to serve.
    Fail,
}

/// One node in another's view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its role.
    pub role: Role,
    /// The node that it replicates; none for a master.
    pub master: Option<NodeName>,
    /// What it owns.
    pub owns: Ownership,
    /// The version of its configuration: of two owners of the same, the one with the higher version is right.
    pub version: u64,
    /// Whether it is believed to be alive.
    pub health: Health,
    /// The handshake with it is not finished.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handshake: bool,
    /// It stands for no election (`cluster-replica-no-failover yes`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_failover: bool,
}

/// Whether a node is believed to be alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// No flag.
    Ok,
    /// `fail?`: this node alone suspects it.
    Pfail,
    /// `fail`: a majority of masters did.
    Fail,
}

/// What the harness itself knows of a node's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeStatus {
    /// The process runs.
    Running,
    /// The process is stopped by SIGSTOP.
    Paused,
    /// There is no process.
    Down,
}

/// The topology that the nodes of a side agree on. This is what snapshots show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Whether these nodes serve.
    pub state: ClusterState,
    /// Each node's place.
    pub nodes: BTreeMap<NodeName, Place>,
    /// Why not every key is served, in words; none if each is.
    pub outage: Option<String>,
}

/// A node's place in the agreed topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its role.
    pub role: Role,
    /// The node that it replicates, or that it watches as a sentinel; none for a master.
    pub master: Option<NodeName>,
    /// What it owns.
    pub owns: Ownership,
    /// What it is, in the system's words: `master of 0-5460`, `replica`.
    pub title: String,
    /// Marked as failed; or suspected for good, on a side without a majority that could agree on it.
    pub failed: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        match (&self.role, &self.master) {
            (Role::Master, _) | (Role::Sentinel, None) => {}
            (Role::Replica | Role::Sentinel, Some(master)) => write!(f, " of {master}")?,
            (Role::Replica, None) => f.write_str(" of nobody")?,
        }
        if self.failed { f.write_str(", failed") } else { Ok(()) }
    }
}

impl Topology {
    /// The masters that are there.
    pub fn masters(&self) -> impl Iterator<Item = &NodeName> {
        let nodes = self.nodes.iter().filter(|(_, place)| place.role == Role::Master && !place.failed);
        nodes.map(|(node, _)| node)
    }

    /// Whether somebody serves the keys at this position.
    pub fn serves(&self, position: Position) -> bool {
        self.state == ClusterState::Ok
            && self.nodes.values().any(|place| !place.failed && place.owns.contains(position))
    }
}
