//! Faults and changes of links, one after the other: who was taken down, who was cut off, and who came back.

use std::collections::BTreeSet;

use super::calm::view_at;
use super::reach::owners;
use super::takedown::{Blow, Takedown};
use crate::evidence::{EventKind, Evidence, FaultKind, NetworkChange, Reach};
use crate::plan::Plan;
use crate::vocab::{Instant, NodeName};

/// Every time a master that owned slots was taken down or cut off, in order; what came of it is not yet known.
pub(super) fn takedowns(plan: &Plan, evidence: &Evidence) -> Vec<Takedown> {
    let mut blows: Vec<_> = evidence.events.iter().filter(|event| began(&event.kind).is_some()).collect();
    blows.sort_by_key(|event| began(&event.kind));
    let (down, cut) = (BTreeSet::new(), BTreeSet::new());
    let mut fall = Fall { plan, evidence, reach: Reach::default(), down, cut, takedowns: Vec::new() };
    for event in blows {
        match &event.kind {
            EventKind::Fault { fault, node, began, .. } => fall.fault(*fault, node, *began),
            EventKind::Network(change) => fall.network(change),
            _ => {}
        }
    }
    fall.takedowns
}

/// When a fault or a change of links began.
fn began(what: &EventKind) -> Option<Instant> {
    match what {
        EventKind::Fault { began, .. } => Some(*began),
        EventKind::Network(change) => Some(change.began),
        _ => None,
    }
}

/// Follows who is down and who is cut off, from blow to blow.
struct Fall<'a> {
    plan: &'a Plan,
    evidence: &'a Evidence,
    reach: Reach,
    down: BTreeSet<&'a NodeName>,
    /// The masters that a partition keeps from a majority, until they reach one that runs.
    cut: BTreeSet<&'a NodeName>,
    takedowns: Vec<Takedown>,
}

impl<'a> Fall<'a> {
    fn fault(&mut self, fault: FaultKind, node: &'a NodeName, began: Instant) {
        if fault.takes_down() {
            // Killing a node that is paused or cut off already interrupts nobody a second time.
            if self.down.insert(node) && !self.cut.contains(node) {
                self.takedown(node, Blow::Fault(fault), began);
            }
        } else if matches!(fault, FaultKind::Resume | FaultKind::Start)
            && self.down.remove(node)
            && !self.cut.contains(node)
        {
            self.returned(node, began);
        }
        // The majority that a healed master needs may come back after the links.
        self.come_back(began);
    }

    fn network(&mut self, change: &NetworkChange) {
        let before = self.reach.clone();
        self.reach.apply(change);
        let owners = owners(self.plan, view_at(self.evidence, change.began));
        let lost = |node: &&&NodeName| {
            [true, false].into_iter().any(|up| {
                let has = |reach: &Reach| self.has_majority(node, reach, &owners, up);
                has(&before) && !has(&self.reach)
            })
        };
        let lost: Vec<_> = owners.iter().filter(lost).copied().collect();
        for node in lost {
            if self.cut.insert(node) && !self.down.contains(node) {
                self.takedown(node, Blow::Partition, change.began);
            }
        }
        self.come_back(change.began);
    }

    /// Whether a node has connections to a majority of the owners; `up`: to a majority that runs.
    fn has_majority(&self, node: &NodeName, reach: &Reach, owners: &[&NodeName], up: bool) -> bool {
        let counts = |owner: &&&NodeName| reach.nodes_connected(node, owner) && !(up && self.down.contains(*owner));
        owners.iter().filter(counts).count() * 2 > owners.len()
    }

    fn come_back(&mut self, at: Instant) {
        if self.cut.is_empty() {
            return;
        }
        let owners = owners(self.plan, view_at(self.evidence, at));
        let back = |node: &&&NodeName| self.has_majority(node, &self.reach, &owners, true);
        let back: Vec<_> = self.cut.iter().filter(back).copied().collect();
        for node in back {
            self.cut.remove(node);
            if !self.down.contains(node) {
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
    fn takedown(&mut self, node: &NodeName, fault: Blow, began: Instant) {
        let view = view_at(self.evidence, began);
        let (slots, replicas): (_, Vec<_>) = if let Some(view) = view {
            let Some(member) = view.members.get(node) else { return };
            let replicas = view.members.iter().filter(|(_, other)| other.master.as_ref() == Some(node));
            (member.owns.clone(), replicas.map(|(name, _)| name.clone()).collect())
        } else {
            let Some(planned) = self.plan.node(node) else { return };
            let replicas = self.plan.nodes.iter().filter(|other| other.master.as_ref() == Some(node));
            (planned.owns.clone(), replicas.map(|other| other.name.clone()).collect())
        };
        if slots.is_empty() {
            return;
        }
        let owners = owners(self.plan, view);
        let names = self.plan.nodes.iter().map(|node| &node.name);
        let majority = names.filter(|name| self.has_majority(name, &self.reach, &owners, false));
        self.takedowns.push(Takedown {
            failed: node.clone(),
            fault,
            began,
            until: Instant(u64::MAX),
            returned: None,
            owns: slots,
            replicas,
            majority: majority.cloned().collect(),
            promotion: None,
            first_write: None,
        });
    }
}
