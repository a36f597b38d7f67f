//! Every time a master that owned slots was taken down or cut off from the majority, and who took over.

use std::collections::BTreeSet;
use std::fmt;

use super::calm::view_at;
use super::case::KeySlots;
use super::fall;
use crate::evidence::{EventKind, Evidence, FaultKind, LogEvent, LogRecord, Operation, Outcome};
use crate::plan::Plan;
use crate::vocab::{Instant, NodeName, Ownership, Role};

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
    pub(crate) owns: Ownership,
    /// Its replicas at that moment.
    pub(crate) replicas: Vec<NodeName>,
    /// The nodes that had connections to a majority of the masters then. What the others believe decides nothing.
    pub(crate) majority: BTreeSet<NodeName>,
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

    /// When the master came back, or was taken down again.
    pub(crate) fn end(&self) -> Instant {
        self.returned.map_or(self.until, |returned| returned.min(self.until))
    }

    /// Whether a node's word counts in this failover: it is another one, on the majority's side.
    pub(crate) fn is_witness(&self, node: &NodeName) -> bool {
        *node != self.failed && self.majority.contains(node)
    }

    /// Nanoseconds from the fault to the first write that the successor acknowledged.
    pub(crate) fn nanos(&self) -> Option<u64> {
        self.first_write.map(|write| write.ended.nanos_since(self.began))
    }
}

/// Finds every takedown in the evidence, in order.
pub(crate) fn find(plan: &Plan, evidence: &Evidence, slots: &KeySlots) -> Vec<Takedown> {
    let mut takedowns = fall::takedowns(plan, evidence);
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

fn promotion(plan: &Plan, evidence: &Evidence, takedown: &Takedown) -> Option<Promotion> {
    let viewed = first_view_of_new_owner(plan, evidence, takedown);
    let wins = evidence.events.iter().filter_map(|event| match &event.kind {
        EventKind::Log(record) if record.says == LogEvent::ElectionWon => {
            Some((&record.node, takedown.logged(record)?))
        }
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
    let epoch = known
        .map(|member| member.version)
        .or_else(|| plan.node(&takedown.failed).map(|node| node.version))
        .unwrap_or(0);
    // A view from before the previous failover may come late; its owner has an older epoch.
    let records = evidence.topology.iter().filter(|record| takedown.covers(record.at));
    records
        .filter_map(|record| {
            let members = record.view.as_ref()?.members.iter();
            let mut owners = members.filter(|(name, member)| {
                **name != takedown.failed
                    && member.role == Role::Master
                    && member.version > epoch
                    && overlap(&member.owns, &takedown.owns)
            });
            owners.next().map(|(name, _)| (record.at, record.node.clone(), name.clone()))
        })
        .min_by_key(|(at, ..)| *at)
}

fn overlap(one: &Ownership, other: &Ownership) -> bool {
    one.ranges().iter().any(|a| other.ranges().iter().any(|b| a.first <= b.last && b.first <= a.last))
}

fn first_write(plan: &Plan, evidence: &Evidence, slots: &KeySlots, takedown: &Takedown) -> Option<Operation> {
    let failed = plan.nodes.iter().position(|node| node.name == takedown.failed);
    let writes = evidence.history.iter().filter(|operation| {
        operation.writes()
            && operation.outcome == Outcome::Ok
            && operation.ended > takedown.began
            && operation.ended < takedown.until
            && operation.node.is_some_and(|node| Some(usize::from(node)) != failed)
            && slots.of_operation(operation).is_some_and(|slot| takedown.owns.contains(slot))
    });
    writes.min_by_key(|write| write.ended).copied()
}
