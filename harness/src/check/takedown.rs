//! Every time a master that owned slots was taken down or cut off from the majority, and who took over.

use std::collections::BTreeSet;
use std::fmt;

use super::calm::view_at;
use super::case::KeySlots;
use crate::evidence::{Evidence, FaultKind, LogEvent, LogRecord, Operation, Outcome, Reach, What};
use crate::plan::Plan;
use crate::vocab::{Instant, NodeName, Role, SlotSet};

/// A server's log gives whole milliseconds, cut off: what it dates to `t` happened before `t` plus this.
const LOG_RESOLUTION_NANOS: u64 = 1_000_000;

/// A master that owned slots was taken down, or cut off from the majority of the masters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Takedown {
    /// The master.
    pub(crate) failed: NodeName,
    /// What was done to it.
    pub(crate) fault: Blow,
    /// The instant just before that.
    pub(crate) began: Instant,
    /// What happens from here on belongs to the next time this node is taken down.
    pub(crate) until: Instant,
    /// When it was resumed, started again or healed, if before `until`.
    pub(crate) returned: Option<Instant>,
    /// The slots it owned.
    pub(crate) slots: SlotSet,
    /// Its replicas at that moment.
    pub(crate) replicas: Vec<NodeName>,
    /// Who took its slots over, and when.
    pub(crate) promotion: Option<Promotion>,
    /// The first write to its slots that another node acknowledged.
    pub(crate) first_write: Option<Operation>,
}

/// What takes a master down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// Something done to its process.
    Fault(FaultKind),
    /// It reaches no majority of the masters any more.
    Partition,
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(kind) => kind.fmt(f),
            Self::Partition => f.write_str("Partition"),
        }
    }
}

/// A node took the slots of a failed master over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Promotion {
    /// The new owner.
    pub(crate) node: NodeName,
    /// When it won, by its own log.
    pub(crate) logged: Option<Instant>,
    /// When a node was first seen to know, and which.
    pub(crate) viewed: Option<(Instant, NodeName)>,
}

impl Promotion {
    /// The best time there is: the winner's log, else the first view.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.logged.or_else(|| self.viewed.as_ref().map(|(at, _)| *at))
    }
}

impl Takedown {
    /// Whether the moment belongs to this failover.
    pub(crate) fn covers(&self, at: Instant) -> bool {
        (self.began..self.until).contains(&at)
    }

    /// When a log line of this failover was written; none if it belongs to another time.
    pub(crate) fn logged(&self, record: &LogRecord) -> Option<Instant> {
        let latest = record.logged.plus_nanos(LOG_RESOLUTION_NANOS);
        (latest > self.began && record.logged < self.until).then(|| record.logged.max(self.began))
    }

    /// Nanoseconds from the fault to the first write that the successor acknowledged.
    pub(crate) fn nanos(&self) -> Option<u64> {
        self.first_write.map(|write| write.ended.nanos_since(self.began))
    }
}

/// Finds every takedown in the evidence, in order.
pub(crate) fn find(plan: &Plan, evidence: &Evidence, slots: &KeySlots) -> Vec<Takedown> {
    let mut takedowns = from_faults(plan, evidence);
    for index in 0..takedowns.len() {
        let (before, rest) = takedowns.split_at_mut(index + 1);
        let takedown = &mut before[index];
        if let Some(again) = rest.iter().find(|later| later.failed == takedown.failed) {
            takedown.until = again.began;
        }
        takedown.promotion = promotion(plan, evidence, takedown);
        takedown.first_write = first_write(plan, evidence, slots, takedown);
    }
    takedowns
}

fn from_faults(plan: &Plan, evidence: &Evidence) -> Vec<Takedown> {
    let mut blows: Vec<_> = evidence.events.iter().filter(|event| began(&event.what).is_some()).collect();
    blows.sort_by_key(|event| began(&event.what));
    let mut fall = Fall { plan, evidence, takedowns: Vec::new(), down: BTreeSet::new(), cut: BTreeSet::new() };
    let mut reach = Reach::default();
    for event in blows {
        match &event.what {
            What::Fault { fault, node, began, .. } => fall.fault(*fault, node, *began),
            What::Network(change) => {
                let before = reach.clone();
                reach.apply(change);
                fall.network(&before, &reach, change.began);
            }
            _ => {}
        }
    }
    fall.takedowns
}

/// When a fault or a change of links began.
fn began(what: &What) -> Option<Instant> {
    match what {
        What::Fault { began, .. } => Some(*began),
        What::Network(change) => Some(change.began),
        _ => None,
    }
}

/// Follows who is down and who is cut off, from blow to blow.
struct Fall<'a> {
    plan: &'a Plan,
    evidence: &'a Evidence,
    takedowns: Vec<Takedown>,
    down: BTreeSet<&'a NodeName>,
    cut: BTreeSet<&'a NodeName>,
}

impl<'a> Fall<'a> {
    fn fault(&mut self, fault: FaultKind, node: &'a NodeName, began: Instant) {
        if fault.takes_down() {
            // Killing a node that is paused or cut off already interrupts nobody a second time.
            if self.down.insert(node) && !self.cut.contains(node) {
                self.takedowns.extend(takedown(self.plan, self.evidence, node, Blow::Fault(fault), began));
            }
        } else if matches!(fault, FaultKind::Resume | FaultKind::Start)
            && self.down.remove(node)
            && !self.cut.contains(node)
        {
            self.returned(node, began);
        }
    }

    fn network(&mut self, before: &Reach, after: &Reach, began: Instant) {
        let Some(view) = view_at(self.evidence, began) else { return };
        let owners: Vec<_> = view.members.iter().filter(|(_, member)| !member.slots.is_empty()).map(|o| o.0).collect();
        let has_quorum = |node: &NodeName, reach: &Reach| {
            let reached =
                owners.iter().filter(|owner| !self.down.contains(*owner) && reach.nodes_connected(node, owner));
            reached.count() * 2 > owners.len()
        };
        let plan = self.plan;
        let nodes: Vec<_> = plan.nodes.iter().map(|node| &node.name).collect();
        let lost = |node: &&&NodeName| owners.contains(*node) && has_quorum(node, before) && !has_quorum(node, after);
        let lost: Vec<_> = nodes.iter().filter(lost).copied().collect();
        let back: Vec<_> = self.cut.iter().filter(|node| has_quorum(node, after)).copied().collect();
        for node in lost {
            if self.cut.insert(node) && !self.down.contains(node) {
                self.takedowns.extend(takedown(plan, self.evidence, node, Blow::Partition, began));
            }
        }
        for node in back {
            if self.cut.remove(node) && !self.down.contains(node) {
                self.returned(node, began);
            }
        }
    }

    fn returned(&mut self, node: &NodeName, at: Instant) {
        if let Some(takedown) = self.takedowns.iter_mut().rev().find(|takedown| takedown.failed == *node) {
            takedown.returned.get_or_insert(at);
        }
    }
}

/// What the node owned at that moment, from what the nodes said then and not only from the plan; none if nothing.
fn takedown(plan: &Plan, evidence: &Evidence, node: &NodeName, fault: Blow, began: Instant) -> Option<Takedown> {
    let (slots, replicas): (_, Vec<_>) = if let Some(view) = view_at(evidence, began) {
        let member = view.members.get(node)?;
        let replicas = view.members.iter().filter(|(_, other)| other.master.as_ref() == Some(node));
        (member.slots.clone(), replicas.map(|(name, _)| name.clone()).collect())
    } else {
        let replicas = plan.nodes.iter().filter(|other| other.master.as_ref() == Some(node));
        (plan.node(node)?.slots.clone(), replicas.map(|other| other.name.clone()).collect())
    };
    (!slots.is_empty()).then(|| Takedown {
        failed: node.clone(),
        fault,
        began,
        until: Instant(u64::MAX),
        returned: None,
        slots,
        replicas,
        promotion: None,
        first_write: None,
    })
}

fn promotion(plan: &Plan, evidence: &Evidence, takedown: &Takedown) -> Option<Promotion> {
    let viewed = first_view_of_new_owner(plan, evidence, takedown);
    let wins = evidence.events.iter().filter_map(|event| match &event.what {
        What::Log(record) if record.says == LogEvent::ElectionWon => Some((&record.node, takedown.logged(record)?)),
        _ => None,
    });
    let (node, logged) = if let Some((_, _, node)) = &viewed {
        (node.clone(), wins.filter(|(winner, _)| *winner == node).map(|(_, at)| at).min())
    } else {
        let (winner, at) = wins.filter(|(winner, _)| takedown.replicas.contains(winner)).min_by_key(|(_, at)| *at)?;
        (winner.clone(), Some(at))
    };
    Some(Promotion { node, logged, viewed: viewed.map(|(at, viewer, _)| (at, viewer)) })
}

/// When, by whom, and who: the first view in which another node holds some of the slots in a newer epoch than before.
fn first_view_of_new_owner(
    plan: &Plan,
    evidence: &Evidence,
    takedown: &Takedown,
) -> Option<(Instant, NodeName, NodeName)> {
    let known = view_at(evidence, takedown.began).and_then(|view| view.members.get(&takedown.failed));
    let epoch =
        known.map(|member| member.epoch).or_else(|| plan.node(&takedown.failed).map(|node| node.epoch)).unwrap_or(0);
    // A view from before the previous failover may come late; its owner has an older epoch.
    let records = evidence.topology.iter().filter(|record| takedown.covers(record.at));
    records
        .filter_map(|record| {
            let members = record.view.as_ref()?.members.iter();
            let mut owners = members.filter(|(name, member)| {
                **name != takedown.failed
                    && member.role == Role::Master
                    && member.epoch > epoch
                    && overlap(&member.slots, &takedown.slots)
            });
            owners.next().map(|(name, _)| (record.at, record.node.clone(), name.clone()))
        })
        .min_by_key(|(at, ..)| *at)
}

fn overlap(one: &SlotSet, other: &SlotSet) -> bool {
    one.ranges().iter().any(|a| other.ranges().iter().any(|b| a.first <= b.last && b.first <= a.last))
}

fn first_write(plan: &Plan, evidence: &Evidence, slots: &KeySlots, takedown: &Takedown) -> Option<Operation> {
    let failed = plan.nodes.iter().position(|node| node.name == takedown.failed);
    let writes = evidence.history.iter().filter(|operation| {
        operation.kind.writes()
            && operation.outcome == Outcome::Ok
            && operation.ended > takedown.began
            && operation.ended < takedown.until
            && operation.node.is_some_and(|node| Some(usize::from(node)) != failed)
            && slots.of_operation(operation).is_some_and(|slot| takedown.slots.contains(slot))
    });
    writes.min_by_key(|write| write.ended).copied()
}
