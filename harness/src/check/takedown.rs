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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::testing::Story;
    use crate::evidence::LogEvent;

    /// A was taken down half a millisecond after 3 s, and again at 5 s. Its replica logged something, as servers do in whole milliseconds.
    #[rstest]
    #[case::before(2_999, None)]
    #[case::in_the_millisecond_of_the_fault(3_000, Some(3_000_500_000))]
    #[case::afterwards(3_001, Some(3_001_000_000))]
    #[case::just_before_the_next(4_999, Some(4_999_000_000))]
    #[case::of_the_next(5_000, None)]
    fn a_log_line_belongs_to_a_takedown(#[case] ms: u64, #[case] expected: Option<u64>) {
        let mut story = Story::formed();
        story.act(3_000, 0, "Kill", "A");
        let mut takedown = story.case().takedowns.remove(0);
        takedown.until = Instant::from_millis(5_000);
        takedown.began = takedown.began.plus_nanos(500_000);
        let record = |at| LogRecord { node: "A1".into(), logged: at, says: LogEvent::ElectionWon };
        assert_eq!(takedown.logged(&record(Instant::from_millis(ms))), expected.map(Instant));
        takedown.began = Instant::from_millis(3_000);
        assert_eq!(takedown.logged(&record(Instant::from_millis(2_999))), None);
        let covered = [2_999, 3_000, 4_999, 5_000].map(|at| takedown.covers(Instant::from_millis(at)));
        assert_eq!(covered, [false, true, true, false]);
    }

    /// A master that was killed or fell silent, and what it is called.
    #[rstest]
    #[case("Kill", true)]
    #[case("Pause", false)]
    #[case("Sleep", false)]
    fn a_process_ends_or_falls_silent(#[case] step: &str, #[case] ended: bool) {
        let mut story = Story::formed();
        story.act(3_000, 0, step, "A");
        let takedown = story.case().takedowns.remove(0);
        assert_eq!((takedown.cause.to_string().as_str(), takedown.ended_process()), (step, ended));
        let back = |returned, until| Takedown { until, returned, ..takedown.clone() }.end();
        let [one, two] = [4_000, 5_000].map(Instant::from_millis);
        assert_eq!([back(None, two), back(Some(one), two), back(Some(two), one)], [two, one, one]);
    }

    #[rstest]
    #[case("0-5", "5-9", true)]
    #[case("0-4", "5-9", false)]
    #[case("0-9", "3-4", true)]
    #[case("0-1,8-9", "3-4", false)]
    fn shares_may_overlap(#[case] one: &str, #[case] other: &str, #[case] expected: bool) {
        let [one, other] = [one, other].map(|share| share.parse::<Ownership>().unwrap());
        assert_eq!((overlap(&one, &other), overlap(&other, &one)), (expected, expected));
    }
}
