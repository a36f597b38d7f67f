//! When masters and replicas agree on who follows whom, and with what really runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::{
    Agreement, ClusterState, Member, NodeStatus, NodeView, Place, Reach, Settlement, Side, Topology,
};
use crate::vocab::{NodeName, Ownership, Role, ServerPort};

/// Compares what the running nodes say with each other, with what really runs and with which nodes reach each other. Settled means:
///
/// - every running node answered;
/// - a replica that reaches its running master has its link up, and the master lists it as online;
/// - any other replica has noticed that its link is down;
/// - no master lists a replica that follows another or does not run.
///
/// Nobody elects anybody, so there may be two masters, or none, or no node that runs: that is for people to change. Nodes that reach each other are a
/// side, and what it says of the others is that they are down or out of reach.
pub(super) fn settle(
    status: &BTreeMap<NodeName, NodeStatus>,
    reach: &Reach,
    views: &BTreeMap<NodeName, Option<NodeView>>,
) -> Settlement {
    match (Scene { status, reach, views }).try_settle() {
        Ok(agreement) => Settlement::Settled(agreement),
        Err(reason) => Settlement::Unsettled(reason),
    }
}

/// What every running node sees.
pub(in crate::system) type Seen<'a> = BTreeMap<&'a NodeName, &'a NodeView>;

/// What the nodes say, what really runs, and which nodes reach each other.
#[derive(Clone, Copy)]
pub(in crate::system) struct Scene<'a> {
    pub(in crate::system) status: &'a BTreeMap<NodeName, NodeStatus>,
    pub(in crate::system) reach: &'a Reach,
    pub(in crate::system) views: &'a BTreeMap<NodeName, Option<NodeView>>,
}

impl<'a> Scene<'a> {
    fn try_settle(self) -> Result<Agreement, String> {
        let seen = self.seen()?;
        self.check_replication(&seen)?;
        let side = |members| Side { system: 0, topology: self.topology(&members, &seen), members };
        Ok(Agreement::new(sides(self.reach, seen.keys().copied()).into_iter().map(side).collect()))
    }

    /// What the running nodes see, all of which must answer.
    pub(in crate::system) fn seen(self) -> Result<Seen<'a>, String> {
        let running = self.status.iter().filter(|(_, status)| **status == NodeStatus::Running);
        let seen = running.map(|(node, _)| match self.views.get(node) {
            Some(Some(view)) => Ok((node, view)),
            _ => Err(format!("{node} does not answer")),
        });
        seen.collect()
    }

    /// Whether replicas and masters agree on who follows whom.
    pub(in crate::system) fn check_replication(self, seen: &Seen<'a>) -> Result<(), String> {
        for (node, view) in seen {
            self.check_link(node, view, seen)?;
            self.check_followers(node, view, seen)?;
        }
        Ok(())
    }

    /// Whether a replica could follow: replication goes by the client port of its master.
    fn can_follow(self, node: &NodeName, master: &NodeName) -> bool {
        self.status.get(master) == Some(&NodeStatus::Running)
            && self.reach.nodes_connected(node, master, ServerPort::Clients)
    }

    fn check_link(self, node: &NodeName, view: &NodeView, seen: &Seen<'a>) -> Result<(), String> {
        let Some(master) = view.members.get(node).and_then(|own| own.master.as_ref()) else { return Ok(()) };
        let is_up = view.master_link_up == Some(true);
        if !self.can_follow(node, master) {
            return if is_up {
                Err(format!("{node} has not noticed that its master {master} is gone"))
            } else {
                Ok(())
            };
        }
        let listed = seen.get(master).and_then(|view| view.members.get(node));
        match listed.filter(|listed| listed.master.as_ref() == Some(master)) {
            _ if !is_up => Err(format!("{node} is not linked to its master {master}")),
            None => Err(format!("{master} does not list its replica {node}")),
            Some(listed) if listed.handshake => Err(format!("{master} is not done with the sync of {node}")),
            Some(_) => Ok(()),
        }
    }

    fn check_followers(self, node: &NodeName, view: &NodeView, seen: &Seen<'a>) -> Result<(), String> {
        let listed = view.members.iter().filter(|(_, member)| member.master.as_ref() == Some(node));
        for (follower, _) in listed {
            let says = seen.get(follower).and_then(|view| view.members.get(follower)?.master.as_ref());
            if says != Some(node) || !self.can_follow(follower, node) {
                return Err(format!("{node} still lists {follower} as its replica"));
            }
        }
        Ok(())
    }

    fn topology(self, side: &BTreeSet<NodeName>, seen: &Seen<'a>) -> Topology {
        let nodes: BTreeMap<_, _> = self
            .status
            .iter()
            .map(|(node, status)| {
                let place = seen.get(node).filter(|_| side.contains(node)).and_then(|view| place(node, view));
                (node.clone(), place.unwrap_or_else(|| elsewhere(*status)))
            })
            .collect();
        let serves = nodes.values().any(|place| !place.owns.is_empty());
        let (state, outage) =
            if serves { (ClusterState::Ok, None) } else { (ClusterState::Fail, Some(NO_MASTER.to_owned())) };
        Topology { state, nodes, outage }
    }
}

/// Groups running nodes that reach each other, if only by way of others; one empty group if none runs.
pub(in crate::system) fn sides<'n>(
    reach: &Reach,
    running: impl Iterator<Item = &'n NodeName>,
) -> Vec<BTreeSet<NodeName>> {
    let mut sides = Vec::<BTreeSet<NodeName>>::new();
    for node in running {
        let connected = |other: &NodeName| reach.nodes_connected(node, other, ServerPort::Clients);
        let (joined, others) = sides.into_iter().partition::<Vec<_>, _>(|side| side.iter().any(connected));
        sides = others;
        sides.push(joined.into_iter().flatten().chain([node.clone()]).collect());
    }
    if sides.is_empty() { vec![BTreeSet::new()] } else { sides }
}

const NO_MASTER: &str = "no master runs";

/// The place that a node has by its own word.
pub(in crate::system) fn place(node: &NodeName, view: &NodeView) -> Option<Place> {
    let Member { role, master, owns, .. } = view.members.get(node)?.clone();
    Some(Place { role, master, owns, title: role.to_string(), failed: false })
}

/// The place of a node that a side hears nothing of.
pub(in crate::system) fn elsewhere(status: NodeStatus) -> Place {
    let title = match status {
        NodeStatus::Running => "out of reach",
        NodeStatus::Paused => "paused",
        NodeStatus::Down => "down",
    };
    Place { role: Role::Master, master: None, owns: Ownership::default(), title: title.to_owned(), failed: false }
}
