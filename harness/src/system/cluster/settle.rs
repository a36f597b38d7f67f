//! When the nodes' views agree with each other and with what really runs, side by side of a partition.

use std::collections::{BTreeMap, BTreeSet};

use super::slot::SLOT_COUNT;
use crate::evidence::{
    Agreement, ClusterState, Health, Member, NodeStatus, NodeView, Place, Reach, Settlement, Side, Topology,
};
use crate::vocab::{NodeName, Role, ServerPort};

/// Compares the views of the running nodes with each other and with what really runs and which nodes reach each other.
///
/// Two nodes are connected when packets of the cluster bus pass both ways between them: everything on it is TCP. Only
/// replicas follow their masters by way of the client port. Settled means:
///
/// - every running node answered;
/// - each holds those that it is connected with for alive, and nobody is in handshake;
/// - each has noticed who is gone or out of its reach: it holds them for failed (FAIL) where a majority of the masters
///   that can tell each other misses them, else it suspects them (PFAIL), which is then the last word;
/// - connected nodes agree on the roles, owners and epochs of all that both of them reach, or that neither does;
/// - every running replica that reaches the client port of its running master has its link up;
/// - `cluster_state` is fail on a node that reaches no majority, and ok on one that reaches a majority and knows a live owner
///   for every slot;
/// - no replica is about to take over from a failed master.
///
/// Former identities of a wiped node do not count. (Redis 7.0 `cluster.c`: `markNodeAsFailingIfNeeded`, `clusterUpdateState`,
/// `clusterHandleSlaveFailover`.)
pub(crate) fn settle(
    status: &BTreeMap<NodeName, NodeStatus>,
    reach: &Reach,
    views: &BTreeMap<NodeName, Option<NodeView>>,
) -> Settlement {
    match (Scene { status, reach, views }).try_settle() {
        Ok(agreement) => Settlement::Settled(agreement),
        Err(reason) => Settlement::Unsettled(reason),
    }
}

#[derive(Clone, Copy)]
struct Scene<'a> {
    status: &'a BTreeMap<NodeName, NodeStatus>,
    reach: &'a Reach,
    views: &'a BTreeMap<NodeName, Option<NodeView>>,
}

/// A running node and what it sees.
type Seen<'a> = (&'a NodeName, &'a NodeView);

impl<'a> Scene<'a> {
    fn try_settle(self) -> Result<Agreement, String> {
        let running = self.status.iter().filter(|(_, status)| **status == NodeStatus::Running);
        let seen = running.map(|(node, _)| match self.views.get(node) {
            Some(Some(view)) => Ok((node, view)),
            _ => Err(format!("{node} does not answer")),
        });
        let seen = seen.collect::<Result<Vec<Seen<'a>>, _>>()?;
        if seen.is_empty() {
            return Err("no node runs".to_owned());
        }
        for &(node, view) in &seen {
            self.check_members(node, view, &seen)?;
        }
        // Without a cut, a node that agrees with the first agrees with all.
        let compared = if self.reach.is_whole() { 1 } else { seen.len() };
        for (index, &one) in seen.iter().enumerate().take(compared) {
            for &other in seen[index + 1..].iter().filter(|other| self.connected(one.0, other.0)) {
                self.check_agreement(one, other)?;
            }
        }
        for &(node, view) in &seen {
            self.check_link(node, view)?;
            self.check_takeover(node, view, &seen)?;
            self.check_state(node, view)?;
        }
        Ok(Agreement::new(self.sides(&seen)))
    }

    fn runs(self, node: &NodeName) -> bool {
        self.status.get(node) == Some(&NodeStatus::Running)
    }

    fn connected(self, one: &NodeName, other: &NodeName) -> bool {
        self.reach.nodes_connected(one, other, ServerPort::Bus)
    }

    /// Whether a node can hear from another at all.
    fn reaches(self, viewer: &NodeName, node: &NodeName) -> bool {
        self.runs(node) && self.connected(viewer, node)
    }

    /// Whether it is a node of the plan, and not a former identity of one.
    fn is_known(self, node: &NodeName) -> bool {
        self.status.contains_key(node)
    }

    /// Whether a node reaches a majority of the masters, itself among them if it is one.
    fn has_quorum(self, node: &NodeName, view: &'a NodeView) -> bool {
        is_majority(owners(view).filter(|owner| self.reaches(node, owner)).count(), view)
    }

    /// Whether a node that `viewer` hears, or itself, has the reports of a majority that misses `node`: then a FAIL was
    /// broadcast. Reports are not passed on, so each must come from a master that the reporter hears itself; one without slots
    /// may report, too.
    fn can_be_failed(self, viewer: &NodeName, view: &'a NodeView, node: &NodeName, seen: &[Seen<'a>]) -> bool {
        let misses = |master: &NodeName| self.runs(master) && master != node && !self.reaches(master, node);
        let detects = |detector: &NodeName| {
            let masters = view.members.iter().filter(|(_, member)| member.role == Role::Master).map(|(node, _)| node);
            let reports = masters.filter(|master| misses(master) && self.connected(detector, master));
            !self.reaches(detector, node) && is_majority(reports.count(), view)
        };
        let mut heard = seen.iter().map(|(other, _)| *other).filter(|other| self.connected(viewer, other));
        heard.any(detects)
    }

    /// Every node that should be known is known, and flagged as what it is.
    fn check_members(self, viewer: &NodeName, view: &'a NodeView, seen: &[Seen<'a>]) -> Result<(), String> {
        // A node that is down may have been forgotten on purpose.
        let mut running = self.status.keys().filter(|node| self.runs(node));
        if let Some(missing) = running.find(|node| !view.members.contains_key(*node)) {
            return Err(format!("{viewer} does not know {missing}"));
        }
        for (node, member) in view.members.iter().filter(|(node, _)| self.is_known(node)) {
            let reached = self.reaches(viewer, node);
            match member.health {
                _ if member.handshake => return Err(format!("{viewer} is in handshake with {node}")),
                Health::Pfail if reached || self.can_be_failed(viewer, view, node, seen) => {
                    return Err(format!("{viewer} suspects {node} (PFAIL)"));
                }
                Health::Fail if reached => return Err(format!("{viewer} holds {node} for failed")),
                Health::Ok if !self.runs(node) => {
                    return Err(format!("{viewer} has not noticed that {node} is gone"));
                }
                Health::Ok if !reached => {
                    return Err(format!("{viewer} has not noticed that {node} is out of reach"));
                }
                Health::Ok | Health::Pfail | Health::Fail => {}
            }
        }
        Ok(())
    }

    /// Connected nodes agree on all that both of them reach, or neither: the others say their roles and epochs themselves,
    /// and only to those who hear them.
    fn check_agreement(self, one: Seen<'_>, other: Seen<'_>) -> Result<(), String> {
        let disagree = |what: String| Err(format!("{} and {} disagree: {what}", one.0, other.0));
        if one.1.current_version != other.1.current_version {
            return disagree(format!("the current epoch is {} and {}", one.1.current_version, other.1.current_version));
        }
        let names: BTreeSet<_> = one.1.members.keys().chain(other.1.members.keys()).collect();
        let difference =
            names.into_iter().find_map(|node| match (one.1.members.get(node), other.1.members.get(node)) {
                (Some(a), Some(b)) if alike_but_for_health(a, b) => None,
                (Some(_), Some(_)) if self.reaches(one.0, node) != self.reaches(other.0, node) => None,
                (Some(a), Some(b)) => Some(format!("{node} is {} and {}", in_words(a), in_words(b))),
                _ => Some(format!("only one of them knows {node}")),
            });
        if let Some(difference) = difference {
            return disagree(difference);
        }
        let alike = self.has_quorum(one.0, one.1) == self.has_quorum(other.0, other.1)
            && self.is_covered(one.1) == self.is_covered(other.1);
        if alike && one.1.state != other.1.state {
            return disagree(format!("cluster_state is {:?} and {:?}", one.1.state, other.1.state).to_lowercase());
        }
        Ok(())
    }

    fn check_link(self, node: &NodeName, view: &NodeView) -> Result<(), String> {
        let master = view.members.get(node).and_then(|own| own.master.as_ref());
        let can_follow =
            |master: &NodeName| self.runs(master) && self.reach.nodes_connected(node, master, ServerPort::Clients);
        if view.master_link_up == Some(false) && master.is_some_and(can_follow) {
            return Err(format!("{node} is not linked to its master"));
        }
        Ok(())
    }

    /// Whether this node is a replica that can and will take over from its failed master. It stands when it holds the master
    /// for failed itself, and a majority of the masters must hear it and hold its master for failed as well: nobody else votes.
    fn check_takeover(self, replica: &NodeName, view: &'a NodeView, seen: &[Seen<'a>]) -> Result<(), String> {
        let Some(own) = view.members.get(replica) else { return Ok(()) };
        let failed = |view: &NodeView, master: &NodeName| {
            view.members.get(master).is_some_and(|member| member.health == Health::Fail && !member.owns.is_empty())
        };
        let Some(master) = own.master.as_ref().filter(|master| failed(view, master)) else { return Ok(()) };
        let owners: Vec<_> = owners(view).collect();
        let votes = |voter: &NodeName, voters: &NodeView| {
            owners.contains(&voter) && self.connected(replica, voter) && failed(voters, master)
        };
        let votes = seen.iter().filter(|(voter, voters)| votes(voter, voters)).count();
        if own.no_failover || view.data_too_old || !is_majority(votes, view) {
            return Ok(());
        }
        Err(format!("{master} failed and {replica} has not taken over yet"))
    }

    fn check_state(self, node: &NodeName, view: &'a NodeView) -> Result<(), String> {
        match (self.has_quorum(node, view), view.state) {
            (true, ClusterState::Fail) if self.is_covered(view) => {
                Err(format!("{node} knows a live master for every slot but its cluster_state is still fail"))
            }
            (false, ClusterState::Ok) => {
                Err(format!("{node} reaches no majority of the masters but its cluster_state is still ok"))
            }
            _ => Ok(()),
        }
    }

    /// Whether every slot has an owner that is not held for failed.
    fn is_covered(self, view: &NodeView) -> bool {
        let known = view.members.iter().filter(|(node, _)| self.is_known(node));
        is_covered(known.filter(|(_, member)| member.health != Health::Fail).map(|(_, member)| member.owns.len()))
    }

    /// Groups the nodes that see the same topology and are connected, if only by way of others.
    fn sides(self, seen: &[Seen<'a>]) -> Vec<Side> {
        let mut sides = Vec::<Side>::new();
        for &(node, view) in seen {
            let topology = self.topology_for(node, view);
            let joins = |side: &Side| {
                side.topology == topology && side.members.iter().any(|member| self.connected(member, node))
            };
            // A node can join sides that had nobody in common before it.
            let (joined, others) = sides.into_iter().partition::<Vec<_>, _>(joins);
            let members = joined.into_iter().flat_map(|side| side.members).chain([node.clone()]).collect();
            sides = others;
            sides.push(Side { system: 0, members, topology });
        }
        sides
    }

    /// The cluster as a node sees it. Where it reaches no majority nobody can be flagged failed any more: a suspicion (PFAIL)
    /// is the most that will ever be said, and counts as failed.
    fn topology_for(self, viewer: &NodeName, view: &'a NodeView) -> Topology {
        let hopeless = !self.has_quorum(viewer, view);
        let place_of = |member: &Member| {
            let failed = member.health == Health::Fail || hopeless && member.health == Health::Pfail;
            Place { failed, ..place(member) }
        };
        let known = view.members.iter().filter(|(node, _)| self.is_known(node));
        topology(view.state, known.map(|(node, member)| (node.clone(), place_of(member))).collect())
    }
}

/// The masters that own slots, as this view has it. Also the former identity of a wiped node that nobody replaced: it counts
/// among those of which a majority is needed.
fn owners(view: &NodeView) -> impl Iterator<Item = &NodeName> {
    view.members.iter().filter(|(_, member)| !member.owns.is_empty()).map(|(node, _)| node)
}

/// Whether this many of the masters are a majority.
fn is_majority(count: usize, view: &NodeView) -> bool {
    count * 2 > owners(view).count()
}

/// The topology in which each node has this place.
pub(crate) fn topology(state: ClusterState, nodes: BTreeMap<NodeName, Place>) -> Topology {
    let outage = outage(state, &nodes);
    Topology { state, nodes, outage }
}

/// The place that a node has in a view.
pub(crate) fn place(member: &Member) -> Place {
    let title = match member.role {
        Role::Master if member.owns.is_empty() => "master without slots".to_owned(),
        Role::Master => format!("master of {}", member.owns),
        Role::Replica | Role::Sentinel => member.role.to_string(),
    };
    Place {
        role: member.role,
        master: member.master.clone(),
        owns: member.owns.clone(),
        title,
        failed: member.health == Health::Fail,
    }
}

/// A member's place and its epoch.
pub(super) fn in_words(member: &Member) -> String {
    format!("{} (epoch {})", place(member), member.version)
}

/// Whether owners of this many slots each own all of them together.
fn is_covered(owned: impl Iterator<Item = usize>) -> bool {
    owned.sum::<usize>() == usize::from(SLOT_COUNT)
}

/// Why not every slot is served; none if each is.
fn outage(state: ClusterState, nodes: &BTreeMap<NodeName, Place>) -> Option<String> {
    let owners = nodes.iter().filter(|(_, place)| !place.owns.is_empty());
    let (failed, live): (Vec<_>, Vec<_>) = owners.partition(|(_, place)| place.failed);
    let names: Vec<_> = failed.iter().map(|(node, _)| node.as_str()).collect();
    let unserved = match &names[..] {
        [] if is_covered(live.iter().map(|(_, place)| place.owns.len())) => None,
        [] => Some("nobody owns some of the slots".to_owned()),
        names => Some(format!("nobody serves {}'s slots", names.join("'s and "))),
    };
    match (state, unserved) {
        (ClusterState::Ok, unserved) => unserved,
        (ClusterState::Fail, _) if live.len() <= failed.len() => {
            Some("the cluster is down: no majority of its masters runs".to_owned())
        }
        (ClusterState::Fail, None) => Some("the cluster is down".to_owned()),
        (ClusterState::Fail, Some(unserved)) => Some(format!("the cluster is down: {unserved}")),
    }
}

fn alike_but_for_health(one: &Member, other: &Member) -> bool {
    one.role == other.role
        && one.master == other.master
        && one.owns == other.owns
        && one.version == other.version
        && one.handshake == other.handshake
        && one.no_failover == other.no_failover
}

#[cfg(test)]
#[path = "settle_side_tests.rs"]
mod side_tests;
#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
