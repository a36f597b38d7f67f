//! Every time a master that owned a shard was taken down or cut off from the majority, and who took over.

use std::collections::BTreeSet;
use std::fmt;

use crate::evidence::{LogRecord, Operation};
use crate::vocab::{Instant, NodeName, Ownership};

/// A server's log gives whole milliseconds, cut off: what it dates to `t` happened before `t` plus this.
const LOG_RESOLUTION_NANOS: u64 = 1_000_000;

/// A master that owned a shard was taken down, or cut off from the majority of the masters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Takedown {
    /// The master.
    pub(crate) failed: NodeName,
    /// What was done to it.
    pub(crate) cause: TakedownCause,
    /// The instant just before that.
    pub(crate) began: Instant,
    /// What happens from here on belongs to the next time this node is taken down.
    pub(crate) until: Instant,
    /// When it was resumed, started again or healed, if before `until`.
    pub(crate) returned: Option<Instant>,
    /// What it owned.
    pub(crate) owns: Ownership,
    /// The shards that this belongs to, by their positions in the plan.
    pub(crate) shards: Vec<u16>,
    /// Its replicas at that moment.
    pub(crate) replicas: Vec<NodeName>,
    /// The nodes that had connections to a majority of the masters then. What the others believe decides nothing.
    pub(crate) majority: BTreeSet<NodeName>,
    /// Who took that over, and when.
    pub(crate) promotion: Option<Promotion>,
    /// The first write to its shard that another node acknowledged.
    pub(crate) first_write: Option<Operation>,
}

/// What takes a master down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TakedownCause {
    /// Something done to its process.
    Fault {
        /// The name of the fault's kind, for people.
        name: String,
        /// Whether connections stay open and nobody answers on them.
        silences: bool,
    },
    /// It reaches no majority of the masters any more.
    Partition,
}

impl fmt::Display for TakedownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault { name, .. } => f.write_str(name),
            Self::Partition => f.write_str("Partition"),
        }
    }
}

/// A node took over what a failed master owned.
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

    /// Whether its process ended by it, and did not only fall silent.
    pub(crate) fn ended_process(&self) -> bool {
        matches!(self.cause, TakedownCause::Fault { silences: false, .. })
    }

    /// Whether a node's word counts in this failover: it is another one, on the majority's side.
    pub(crate) fn is_witness(&self, node: &NodeName) -> bool {
        *node != self.failed && self.majority.contains(node)
    }

    /// Whether an operation is about what the master owned.
    pub(crate) fn is_about(&self, operation: &Operation) -> bool {
        operation.shard.is_some_and(|shard| self.shards.contains(&shard))
    }

    /// Nanoseconds from the fault to the first write that the successor acknowledged.
    pub(crate) fn nanos(&self) -> Option<u64> {
        self.first_write.map(|write| write.ended.nanos_since(self.began))
    }
}

/// Whether two nodes' shares have something in common.
pub(crate) fn overlap(one: &Ownership, other: &Ownership) -> bool {
    one.ranges().iter().any(|a| other.ranges().iter().any(|b| a.first <= b.last && b.first <= a.last))
}
