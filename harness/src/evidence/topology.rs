//! The cluster as its nodes see it, and when those views agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocab::{Instant, NodeName, Role, SLOT_COUNT, SlotSet};

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
    pub current_epoch: u64,
    /// `master_link_status` is up; none on a master.
    pub master_link_up: Option<bool>,
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
    pub slots: SlotSet,
    /// Its configuration epoch.
    pub epoch: u64,
    /// Whether it is believed to be alive.
    pub health: Health,
    /// The handshake with it is not finished.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handshake: bool,
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

/// The topology that all running nodes agree on. This is what snapshots show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// `cluster_state` of every running node.
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
    pub slots: SlotSet,
    /// Marked as failed.
    pub failed: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.role, &self.master) {
            (Role::Master, _) if self.slots.is_empty() => f.write_str("master without slots")?,
            (Role::Master, _) => write!(f, "master of {}", self.slots)?,
            (Role::Replica, Some(master)) => write!(f, "replica of {master}")?,
            (Role::Replica, None) => f.write_str("replica of nobody")?,
        }
        if self.failed { f.write_str(", failed") } else { Ok(()) }
    }
}

/// Whether the cluster is settled, and if not, the first reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// All running nodes agree on this topology and it matches what really runs.
    Settled(Topology),
    /// They do not (yet), because of this.
    Unsettled(String),
}

/// Compares the views of the running nodes with each other and with what really runs.
///
/// Settled means: every running node answered; all see the same roles, owners and epochs; exactly those nodes are
/// flagged failed that do not run; nobody is merely suspected or in handshake; every running replica of a running
/// master has its link up; `cluster_state` is the same everywhere, and is ok when every slot has a live owner; and no
/// replica is about to take over from a failed master. Former identities of a wiped node do not count. Where no majority
/// of the masters runs, nobody can be flagged failed any more: there a suspicion (PFAIL) of a node that does not run is
/// the most that its peers will ever say, and counts as failed.
pub fn settle(status: &BTreeMap<NodeName, NodeStatus>, views: &BTreeMap<NodeName, Option<NodeView>>) -> Settlement {
    match try_settle(status, views) {
        Ok(topology) => Settlement::Settled(topology),
        Err(reason) => Settlement::Unsettled(reason),
    }
}

fn try_settle(
    status: &BTreeMap<NodeName, NodeStatus>,
    views: &BTreeMap<NodeName, Option<NodeView>>,
) -> Result<Topology, String> {
    let running: BTreeSet<_> =
        status.iter().filter(|(_, status)| **status == NodeStatus::Running).map(|(node, _)| node).collect();
    let mut seen = Vec::with_capacity(running.len());
    for node in &running {
        match views.get(*node) {
            Some(Some(view)) => seen.push((*node, without_hopeless_suspicions(view, &running))),
            _ => return Err(format!("{node} does not answer")),
        }
    }
    let Some((first_node, first)) = seen.first() else { return Err("no node runs".to_owned()) };
    for (node, view) in &seen {
        check_members(node, view, status)?;
        if let Some(difference) = first_difference(first, view) {
            return Err(format!("{first_node} and {node} disagree: {difference}"));
        }
        let replicates_running = view.members.get(*node).and_then(|own| own.master.as_ref());
        if view.master_link_up == Some(false) && replicates_running.is_some_and(|m| running.contains(m)) {
            return Err(format!("{node} is not linked to its master"));
        }
    }
    let known = first.members.iter().filter(|(node, _)| status.contains_key(*node));
    let nodes = known.map(|(node, member)| (node.clone(), Place::of(member))).collect();
    let topology = Topology { state: first.state, nodes };
    if let Some((replica, master)) = topology.pending_failover() {
        return Err(format!("{master} failed and {replica} has not taken over yet"));
    }
    if first.state == ClusterState::Fail && topology.is_covered() && topology.has_quorum() {
        return Err("every slot has a live master but cluster_state is still fail".to_owned());
    }
    if first.state == ClusterState::Ok && !topology.has_quorum() {
        return Err("no majority of the masters is left but cluster_state is still ok".to_owned());
    }
    Ok(topology)
}

/// The view, with every suspicion of a node that does not run raised to FAIL if no majority is left to raise it.
fn without_hopeless_suspicions(view: &NodeView, running: &BTreeSet<&NodeName>) -> NodeView {
    let mut view = view.clone();
    let owners = view.members.iter().filter(|(_, member)| !member.slots.is_empty());
    let (live, all) =
        owners.fold((0, 0), |(live, all), (node, _)| (live + usize::from(running.contains(node)), all + 1));
    if live * 2 <= all {
        for (_, member) in view.members.iter_mut().filter(|(node, _)| !running.contains(node)) {
            if member.health == Health::Pfail {
                member.health = Health::Fail;
            }
        }
    }
    view
}

/// Every node that should be known is known, and flagged as what it is.
fn check_members(viewer: &NodeName, view: &NodeView, status: &BTreeMap<NodeName, NodeStatus>) -> Result<(), String> {
    // A node that is down may have been forgotten on purpose.
    let mut running = status.iter().filter(|(_, status)| **status == NodeStatus::Running);
    if let Some((missing, _)) = running.find(|(node, _)| !view.members.contains_key(*node)) {
        return Err(format!("{viewer} does not know {missing}"));
    }
    for (node, member) in view.members.iter().filter(|(node, _)| status.contains_key(*node)) {
        let runs = status.get(node) == Some(&NodeStatus::Running);
        match member.health {
            _ if member.handshake => return Err(format!("{viewer} is in handshake with {node}")),
            Health::Pfail => return Err(format!("{viewer} suspects {node} (PFAIL)")),
            Health::Fail if runs => return Err(format!("{viewer} holds {node} for failed")),
            Health::Ok if !runs => return Err(format!("{viewer} has not noticed that {node} is gone")),
            Health::Ok | Health::Fail => {}
        }
    }
    Ok(())
}

fn first_difference(one: &NodeView, other: &NodeView) -> Option<String> {
    if one.state != other.state {
        return Some(format!("cluster_state is {:?} and {:?}", one.state, other.state).to_lowercase());
    }
    if one.current_epoch != other.current_epoch {
        return Some(format!("the current epoch is {} and {}", one.current_epoch, other.current_epoch));
    }
    let names: BTreeSet<_> = one.members.keys().chain(other.members.keys()).collect();
    names.into_iter().find_map(|node| match (one.members.get(node), other.members.get(node)) {
        (Some(a), Some(b)) if a == b => None,
        (Some(a), Some(b)) => Some(format!("{node} is {a} and {b}")),
        _ => Some(format!("only one of them knows {node}")),
    })
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (epoch {})", Place::of(self), self.epoch)
    }
}

impl Place {
    fn of(member: &Member) -> Self {
        Self {
            role: member.role,
            master: member.master.clone(),
            slots: member.slots.clone(),
            failed: member.health == Health::Fail,
        }
    }
}

impl Topology {
    /// Whether every slot has an owner that is not failed.
    pub fn is_covered(&self) -> bool {
        let live: usize = self.nodes.values().filter(|place| !place.failed).map(|place| place.slots.len()).sum();
        live == usize::from(SLOT_COUNT)
    }

    /// A replica and the failed master that it can take over from, while a majority is left to vote for it.
    fn pending_failover(&self) -> Option<(&NodeName, &NodeName)> {
        let is_failed_owner =
            |name: &NodeName| self.nodes.get(name).is_some_and(|place| place.failed && !place.slots.is_empty());
        let live_replicas = self.nodes.iter().filter(|(_, place)| !place.failed);
        let mut candidates = live_replicas.filter_map(|(node, place)| Some((node, place.master.as_ref()?)));
        candidates.find(|(_, master)| self.has_quorum() && is_failed_owner(master))
    }

    /// Whether a majority of the slot-owning masters is not failed.
    pub fn has_quorum(&self) -> bool {
        let masters = self.nodes.values().filter(|place| !place.slots.is_empty());
        let (live, all) = masters.fold((0, 0), |(live, all), place| (live + usize::from(!place.failed), all + 1));
        live * 2 > all
    }
}

#[cfg(test)]
mod tests;
