//! The cluster as its nodes see it, and when those views agree.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocab::{Instant, NodeName, Ownership, Role, SLOT_COUNT, Slot};

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

/// The cluster as one node sees it: the parts of `CLUSTER NODES`, `CLUSTER INFO` and `INFO replication`
/// that mean something. What changes all the time (ping times, offsets) is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// `cluster_state`.
    pub state: ClusterState,
    /// `cluster_current_epoch`.
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

/// `cluster_state` of `CLUSTER INFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterState {
    /// The node serves its slots.
    Ok,
    /// The node answers CLUSTERDOWN.
    Fail,
}

/// One node in another's view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its role.
    pub role: Role,
    /// Whom it replicates; none for a master.
    pub master: Option<NodeName>,
    /// The slots it owns.
    pub owns: Ownership,
    /// Its configuration epoch.
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
    /// `cluster_state` of each of them.
    pub state: ClusterState,
    /// Each node's place.
    pub nodes: BTreeMap<NodeName, Place>,
}

/// A node's place in the agreed topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its role.
    pub role: Role,
    /// Whom it replicates; none for a master.
    pub master: Option<NodeName>,
    /// The slots it owns.
    pub owns: Ownership,
    /// Marked as failed; or suspected for good, on a side without a majority that could agree on it.
    pub failed: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.role, &self.master) {
            (Role::Master, _) if self.owns.is_empty() => f.write_str("master without slots")?,
            (Role::Master, _) => write!(f, "master of {}", self.owns)?,
            (Role::Replica, Some(master)) => write!(f, "replica of {master}")?,
            (Role::Replica, None) => f.write_str("replica of nobody")?,
        }
        if self.failed { f.write_str(", failed") } else { Ok(()) }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (epoch {})", Place::of(self), self.version)
    }
}

impl Place {
    /// The place that a node has in a view.
    pub fn of(member: &Member) -> Self {
        Self {
            role: member.role,
            master: member.master.clone(),
            owns: member.owns.clone(),
            failed: member.health == Health::Fail,
        }
    }
}

impl Topology {
    /// Whether every slot has an owner that is not failed.
    pub fn is_covered(&self) -> bool {
        let live: usize = self.nodes.values().filter(|place| !place.failed).map(|place| place.owns.len()).sum();
        live == usize::from(SLOT_COUNT)
    }

    /// Whether somebody serves this slot.
    pub fn serves(&self, slot: Slot) -> bool {
        self.state == ClusterState::Ok && self.nodes.values().any(|place| !place.failed && place.owns.contains(slot))
    }

    /// Why not every slot is served; none if each is.
    pub fn outage(&self) -> Option<String> {
        let dead = self.nodes.iter().filter(|(_, place)| place.failed && !place.owns.is_empty());
        let dead: Vec<_> = dead.map(|(node, _)| node.as_str()).collect();
        let unserved = match &dead[..] {
            [] if self.is_covered() => None,
            [] => Some("nobody owns some of the slots".to_owned()),
            dead => Some(format!("nobody serves {}'s slots", dead.join("'s and "))),
        };
        match (self.state, unserved) {
            (ClusterState::Ok, unserved) => unserved,
            (ClusterState::Fail, _) if !self.has_quorum() => {
                Some("the cluster is down: no majority of its masters runs".to_owned())
            }
            (ClusterState::Fail, unserved) => {
                Some(["the cluster is down".to_owned()].into_iter().chain(unserved).collect::<Vec<_>>().join(": "))
            }
        }
    }

    /// Whether a majority of the slot-owning masters is not failed.
    pub fn has_quorum(&self) -> bool {
        let masters = self.nodes.values().filter(|place| !place.owns.is_empty());
        let (live, all) = masters.fold((0, 0), |(live, all), place| (live + usize::from(!place.failed), all + 1));
        live * 2 > all
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Three masters that share the slots; these are failed.
    fn topology(state: ClusterState, failed: &[&str]) -> Topology {
        let place = |shard: usize, name: &str| {
            let slots = Ownership::share(shard, 3);
            Place { role: Role::Master, master: None, owns: slots, failed: failed.contains(&name) }
        };
        let nodes = ["A", "B", "C"].into_iter().enumerate();
        Topology { state, nodes: nodes.map(|(shard, name)| (name.into(), place(shard, name))).collect() }
    }

    #[rstest]
    #[case::well(ClusterState::Ok, &[], None, [true, true])]
    #[case::a_shard(ClusterState::Ok, &["A"], Some("nobody serves A's slots"), [false, true])]
    #[case::two(ClusterState::Ok, &["A", "B"], Some("nobody serves A's and B's slots"), [false, true])]
    #[case::all_refuse(ClusterState::Fail, &["A"], Some("the cluster is down: nobody serves A's slots"), [false, false])]
    #[case::no_majority(
        ClusterState::Fail,
        &["A", "B"],
        Some("the cluster is down: no majority of its masters runs"),
        [false, false]
    )]
    fn who_is_not_served_is_known(
        #[case] state: ClusterState,
        #[case] failed: &[&str],
        #[case] outage: Option<&str>,
        #[case] first_and_last: [bool; 2],
    ) {
        let topology = topology(state, failed);
        assert_eq!(topology.outage().as_deref(), outage);
        let served = [0, SLOT_COUNT - 1].map(|slot| Slot::try_from(slot).is_ok_and(|slot| topology.serves(slot)));
        assert_eq!(served, first_and_last);
    }

    #[test]
    fn slots_without_an_owner_are_served_by_nobody() {
        let mut topology = topology(ClusterState::Ok, &[]);
        topology.nodes.remove(&NodeName::from("C"));
        assert_eq!(topology.outage().as_deref(), Some("nobody owns some of the slots"));
    }
}
