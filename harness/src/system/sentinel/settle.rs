//! When sentinels and the nodes that they watch agree with each other, and with what really runs.

use std::collections::{BTreeMap, BTreeSet};

use super::Sentinel;
use crate::evidence::{
    Agreement, ClusterState, Health, Member, NodeStatus, NodeView, Place, Reach, Settlement, Side, Topology,
};
use crate::system::replication::settle::{Scene, Seen, elsewhere, place, sides};
use crate::vocab::{NodeName, Ownership, Position, Role, ServerPort};

/// Settled means, beside what holds of replicas and masters (see `replication/settle.rs`):
///
/// - every running sentinel knows every node, and holds exactly those for down that do not run or that it does not reach;
/// - sentinels that reach each other agree on the masters and on the epochs of their configuration;
/// - every node that such a sentinel reaches has the role that it says;
/// - no replica is about to take over: there is one, and the sentinels that miss its master and reach each other are as many as the
///   quorum and a majority of all.
///
/// (Redis `sentinel.c`: `sentinelCheckSubjectivelyDown`, `sentinelStartFailoverIfNeeded`, `sentinelGetLeader`.)
pub(super) fn settle(
    sentinel: Sentinel,
    status: &BTreeMap<NodeName, NodeStatus>,
    reach: &Reach,
    views: &BTreeMap<NodeName, Option<NodeView>>,
) -> Settlement {
    match (Watched { sentinel, scene: Scene { status, reach, views } }).try_settle() {
        Ok(agreement) => Settlement::Settled(agreement),
        Err(reason) => Settlement::Unsettled(reason),
    }
}

#[derive(Clone, Copy)]
struct Watched<'a> {
    sentinel: Sentinel,
    scene: Scene<'a>,
}

impl<'a> Watched<'a> {
    fn try_settle(self) -> Result<Agreement, String> {
        let seen = self.scene.seen()?;
        let (sentinels, data): (Seen<'a>, Seen<'a>) =
            seen.iter().partition(|(node, _)| self.sentinel.is_sentinel(node));
        self.scene.check_replication(&data)?;
        for (sentinel, view) in &sentinels {
            self.check_watched(sentinel, view)?;
            self.check_alike(sentinel, view, &sentinels)?;
            self.check_roles(sentinel, view, &data)?;
            self.check_takeover(sentinel, view, &sentinels)?;
        }
        let side = |members| Side { system: 0, topology: self.topology(&members, &seen), members };
        Ok(Agreement::new(sides(self.scene.reach, seen.keys().copied()).into_iter().map(side).collect()))
    }

    fn reaches(self, one: &NodeName, other: &NodeName) -> bool {
        let runs = self.scene.status.get(other) == Some(&NodeStatus::Running);
        runs && self.scene.reach.nodes_connected(one, other, ServerPort::Clients)
    }

    /// Every node is known, and held for down if it is.
    fn check_watched(self, sentinel: &NodeName, view: &NodeView) -> Result<(), String> {
        for node in self.scene.status.keys() {
            let Some(member) = view.members.get(node) else { return Err(format!("{sentinel} does not know {node}")) };
            let reached = self.reaches(sentinel, node);
            match member.health {
                _ if reached && member.handshake => return Err(format!("{sentinel} has no connection to {node} yet")),
                Health::Ok if !reached => return Err(format!("{sentinel} has not noticed that {node} is gone")),
                Health::Pfail | Health::Fail if reached => return Err(format!("{sentinel} holds {node} for down")),
                _ => {}
            }
        }
        Ok(())
    }

    fn check_alike(self, sentinel: &NodeName, view: &NodeView, sentinels: &Seen<'a>) -> Result<(), String> {
        let masters = |view: &NodeView| -> BTreeSet<_> {
            let masters = view.members.iter().filter(|(_, member)| !member.owns.is_empty());
            masters.map(|(node, member)| (node.clone(), member.version)).collect()
        };
        let differs =
            |(other, seen): &(&&NodeName, &&NodeView)| self.reaches(sentinel, other) && masters(seen) != masters(view);
        match sentinels.iter().find(differs) {
            Some((other, _)) => Err(format!("{sentinel} and {other} disagree on who is the master")),
            None => Ok(()),
        }
    }

    /// A node that a sentinel reaches is what that says of it.
    fn check_roles(self, sentinel: &NodeName, view: &NodeView, data: &Seen<'a>) -> Result<(), String> {
        for (node, own) in data.iter().filter(|(node, _)| self.reaches(sentinel, node)) {
            let (Some(wanted), Some(is)) = (view.members.get(*node), own.members.get(*node)) else { continue };
            if (wanted.role, &wanted.master) != (is.role, &is.master) {
                return Err(format!("{node} is {} and {sentinel} wants it to be {}", in_words(is), in_words(wanted)));
            }
        }
        Ok(())
    }

    fn check_takeover(self, sentinel: &NodeName, view: &NodeView, sentinels: &Seen<'a>) -> Result<(), String> {
        let down = view.members.iter().filter(|(_, member)| !member.owns.is_empty() && member.health != Health::Ok);
        for (master, _) in down {
            let misses = |other: &NodeName, seen: &NodeView| {
                let flagged = seen.members.get(master).is_some_and(|member| member.health != Health::Ok);
                flagged && (other == sentinel || self.reaches(sentinel, other))
            };
            let missing = sentinels.iter().filter(|(other, seen)| misses(other, seen)).count();
            let heard = sentinels.keys().filter(|other| **other == sentinel || self.reaches(sentinel, other)).count();
            let majority = usize::from(self.sentinel.sentinels) / 2 + 1;
            let candidate = view.members.iter().find(|(_, member)| {
                member.master.as_ref() == Some(master) && member.health == Health::Ok && !member.no_failover
            });
            if let Some((candidate, _)) = candidate
                && missing >= usize::from(self.sentinel.quorum)
                && heard >= majority
            {
                return Err(format!("{master} is down and {candidate} has not taken over yet"));
            }
        }
        Ok(())
    }

    fn topology(self, side: &BTreeSet<NodeName>, seen: &Seen<'a>) -> Topology {
        let on_side = |node: &NodeName| seen.get(node).filter(|_| side.contains(node)).copied();
        let watchers: Vec<_> = side.iter().filter(|node| self.sentinel.is_sentinel(node)).filter_map(on_side).collect();
        let flagged = |node: &NodeName| {
            watchers.iter().any(|view| view.members.get(node).is_some_and(|member| member.health != Health::Ok))
        };
        let nodes: BTreeMap<_, _> = self
            .scene
            .status
            .iter()
            .map(|(node, status)| {
                let place = on_side(node).and_then(|view| self.place(node, view));
                let place = place.unwrap_or_else(|| Place { failed: flagged(node), ..elsewhere(*status) });
                (node.clone(), place)
            })
            .collect();
        let owned = |position: Position| nodes.values().any(|place| place.owns.contains(position));
        let unserved: Vec<_> =
            self.sentinel.masters().filter(|(at, _)| !owned(*at)).map(|(_, name)| name.to_string()).collect();
        let all = unserved.len() == usize::from(self.sentinel.masters);
        Topology {
            state: if all { ClusterState::Fail } else { ClusterState::Ok },
            outage: (!unserved.is_empty()).then(|| format!("nobody serves {}'s keys", unserved.join("'s and "))),
            nodes,
        }
    }

    /// The place of a node by its own word: a master serves the keys of its shard.
    fn place(self, node: &NodeName, view: &NodeView) -> Option<Place> {
        let place = place(node, view)?;
        Some(match place.role {
            Role::Master => Place { owns: self.share_of(node), ..place },
            Role::Replica => place,
            // Of several masters each has sentinels; the one of a single master names it.
            Role::Sentinel => {
                let mut masters = view.members.iter().filter(|(_, member)| !member.owns.is_empty());
                let master = masters.next().map(|(node, _)| node.clone()).filter(|_| masters.next().is_none());
                Place { master, ..place }
            }
        })
    }

    /// What the shard of a node has.
    fn share_of(self, node: &NodeName) -> Ownership {
        let master = self.sentinel.master_of_replica(node).unwrap_or_else(|| node.clone());
        let position = self.sentinel.masters().find(|(_, name)| *name == master).map(|(position, _)| position);
        position.map(Sentinel::share).unwrap_or_default()
    }
}

fn in_words(member: &Member) -> String {
    match &member.master {
        Some(master) => format!("{} of {master}", member.role),
        None => member.role.to_string(),
    }
}
