//! Follows faults and changes of links one after the other: who was taken down, who was cut off, and who came back.

use std::collections::{BTreeMap, BTreeSet};

use super::healthy::view_at;
use super::reach::{owners, reach_of, voters};
use super::takedown::{Takedown, TakedownCause, overlap};
use crate::evidence::{Effect, EventKind, Evidence, NetworkChange, NodeStatus, Reach};
use crate::vocab::{Instant, NodeName, Role, ServerPort};

/// Every time a master that owned something was taken down or cut off, in order; what came of it is not yet known.
pub(super) fn takedowns(evidence: &Evidence) -> Vec<Takedown> {
    let mut changes: Vec<_> = evidence.events.iter().flat_map(|event| changes_of(&event.kind)).collect();
    changes.sort_by_key(|(at, _)| *at);
    let mut tracker = TakedownTracker {
        evidence,
        reach: reach_of(&evidence.plan),
        down: BTreeSet::new(),
        silent: BTreeMap::new(),
        cut: BTreeSet::new(),
        takedowns: Vec::new(),
    };
    for (at, change) in changes {
        tracker.apply(at, &change);
    }
    tracker.takedowns
}

/// Something that may take a node down or bring it back.
enum Change<'a> {
    Node {
        action: &'a str,
        effect: &'a Effect,
        node: &'a NodeName,
    },
    Network(&'a NetworkChange),
    /// A process that answered nobody for a while may answer again.
    AnswersAgain(&'a NodeName),
}

/// What an event says, and when that began.
fn changes_of(event: &EventKind) -> Vec<(Instant, Change<'_>)> {
    match event {
        EventKind::ActedOnNode { action, effect, node, began, .. } => {
            let acted = (*began, Change::Node { action, effect, node });
            let silent = effect.silent_for_ms.map(|ms| (silent_until(*began, ms), Change::AnswersAgain(node)));
            std::iter::once(acted).chain(silent).collect()
        }
        EventKind::Network(change) => vec![(change.began, Change::Network(change))],
        _ => Vec::new(),
    }
}

fn silent_until(began: Instant, silent_for_ms: u64) -> Instant {
    began.plus_nanos(silent_for_ms.saturating_mul(1_000_000))
}

/// Follows who is down and who is cut off, from change to change.
struct TakedownTracker<'a> {
    evidence: &'a Evidence,
    reach: Reach,
    /// Nodes whose process ended or stands still.
    down: BTreeSet<&'a NodeName>,
    /// Nodes whose process answers nobody until then.
    silent: BTreeMap<&'a NodeName, Instant>,
    /// The masters that a partition keeps from a majority, until they reach one that runs.
    cut: BTreeSet<&'a NodeName>,
    takedowns: Vec<Takedown>,
}

impl<'a> TakedownTracker<'a> {
    fn apply(&mut self, at: Instant, change: &Change<'a>) {
        match change {
            Change::Node { action, effect, node } => self.node(at, action, effect, node),
            Change::Network(change) => self.network(change),
            Change::AnswersAgain(node) => self.answers_again(at, node),
        }
    }

    fn node(&mut self, began: Instant, action: &str, effect: &Effect, node: &'a NodeName) {
        let was_serving = self.is_serving(node);
        match effect.process {
            Some(NodeStatus::Running) => {
                self.down.remove(node);
            }
            Some(NodeStatus::Paused) => {
                self.down.insert(node);
            }
            Some(NodeStatus::Down) => {
                self.down.insert(node);
                self.silent.remove(node);
            }
            None => {}
        }
        if let Some(silent_for_ms) = effect.silent_for_ms {
            let until = self.silent.entry(node).or_default();
            *until = silent_until(began, silent_for_ms).max(*until);
        }
        match (was_serving, self.is_serving(node)) {
            // Killing a node that is paused or cut off already interrupts nobody a second time.
            (true, false) if !self.cut.contains(node) => {
                let cause = TakedownCause::Fault { name: action.to_owned(), silences: effect.silences() };
                self.takedown(node, cause, began);
            }
            (false, true) if !self.cut.contains(node) => self.returned(node, began),
            _ => {}
        }
        // The majority that a healed master needs may come back after the links.
        self.come_back(began);
    }

    fn answers_again(&mut self, at: Instant, node: &'a NodeName) {
        // Another silence may have begun meanwhile, or the process may have ended.
        if self.silent.get(node).is_none_or(|until| *until > at) {
            return;
        }
        self.silent.remove(node);
        if self.is_serving(node) && !self.cut.contains(node) {
            self.returned(node, at);
        }
        self.come_back(at);
    }

    fn is_serving(&self, node: &NodeName) -> bool {
        !self.down.contains(node) && !self.silent.contains_key(node)
    }

    fn network(&mut self, change: &NetworkChange) {
        let before = self.reach.clone();
        self.reach.apply(change);
        let plan = &self.evidence.plan;
        let mut lost = Vec::new();
        // Who knows of no other needs no majority.
        let not_alone = (0..plan.systems.len()).filter(|system| !plan.systems[*system].independent);
        for system in not_alone {
            let view = view_at(self.evidence, system, change.began);
            let voters = voters(plan, system, view);
            let loses = |node: &&NodeName| {
                [true, false].into_iter().any(|running| {
                    let has = |reach: &Reach| self.has_majority(node, reach, &voters, running);
                    has(&before) && !has(&self.reach)
                })
            };
            lost.extend(owners(plan, system, view).into_iter().filter(loses));
        }
        for node in lost {
            if self.cut.insert(node) && self.is_serving(node) {
                self.takedown(node, TakedownCause::Partition, change.began);
            }
        }
        self.come_back(change.began);
    }

    /// Whether a node has connections to a majority of those who decide; `running`: to a majority that runs.
    fn has_majority(&self, node: &NodeName, reach: &Reach, voters: &[&NodeName], running: bool) -> bool {
        // Sentinels speak with everybody by the port for clients.
        let is_sentinel =
            |name: &NodeName| self.evidence.plan.node(name).is_some_and(|node| node.role == Role::Sentinel);
        let by_sentinels = voters.iter().any(|voter| is_sentinel(voter));
        let port = if by_sentinels { ServerPort::Clients } else { ServerPort::Bus };
        let connected = |voter: &NodeName| reach.nodes_connected(node, voter, port);
        let counts = |voter: &&&NodeName| connected(voter) && (!running || self.is_serving(voter));
        voters.iter().filter(counts).count() * 2 > voters.len()
    }

    fn come_back(&mut self, at: Instant) {
        if self.cut.is_empty() {
            return;
        }
        let plan = &self.evidence.plan;
        let mut back = Vec::new();
        for system in 0..plan.systems.len() {
            let cut = self.cut.iter().filter(|node| plan.system_of(node) == system);
            let voters = voters(plan, system, view_at(self.evidence, system, at));
            back.extend(cut.filter(|node| self.has_majority(node, &self.reach, &voters, true)).copied());
        }
        for node in back {
            self.cut.remove(node);
            if self.is_serving(node) {
                self.returned(node, at);
            }
        }
    }

    fn returned(&mut self, node: &NodeName, at: Instant) {
        if let Some(takedown) = self.takedowns.iter_mut().rev().find(|takedown| takedown.failed == *node) {
            takedown.returned.get_or_insert(at);
        }
    }

    /// Notes what the node owned at that moment, from what the nodes said then and not only from the plan; nothing if it
    /// owned nothing.
    fn takedown(&mut self, node: &NodeName, cause: TakedownCause, began: Instant) {
        let plan = &self.evidence.plan;
        let system = plan.system_of(node);
        let view = view_at(self.evidence, system, began);
        let (owns, replicas): (_, Vec<_>) = if let Some(view) = view {
            let Some(member) = view.members.get(node) else { return };
            let replicas = view.members.iter().filter(|(_, other)| other.master.as_ref() == Some(node));
            (member.owns.clone(), replicas.map(|(name, _)| name.clone()).collect())
        } else {
            let Some(planned) = plan.node(node) else { return };
            let replicas = plan.nodes.iter().filter(|other| other.master.as_ref() == Some(node));
            (planned.owns.clone(), replicas.map(|other| other.name.clone()).collect())
        };
        if owns.is_empty() {
            return;
        }
        let voters = voters(plan, system, view);
        let names = plan.nodes_of(system).map(|node| &node.name);
        let majority = names.filter(|name| self.has_majority(name, &self.reach, &voters, false));
        self.takedowns.push(Takedown {
            failed: node.clone(),
            cause,
            began,
            until: Instant(u64::MAX),
            returned: None,
            shards: (0..).zip(plan.shards()).filter(|(_, shard)| overlap(&shard.owns, &owns)).map(|(i, _)| i).collect(),
            owns,
            replicas,
            majority: majority.cloned().collect(),
            promotion: None,
            first_write: None,
        });
    }
}
