//! What an open load was meant to do: its schedule, and what of it nobody was free to begin.

use super::case::Worker;
use super::window::Window;
use crate::evidence::{Evidence, Operation, OperationKind, What};
use crate::load::{Load, Op, Pace};
use crate::vocab::Instant;

/// An open load's schedule. Starts are evenly spaced over all workers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// When the first operation was meant to start.
    pub(crate) origin: Instant,
    /// Starts a second.
    pub(crate) per_second: u32,
    /// Starts that were due when the load was stopped and that no worker got to: they are not in the history.
    pub(crate) not_started: u64,
    /// When the load was stopped, if the history holds every start that somebody got to: the last start was due then.
    pub(crate) stop: Instant,
}

impl Schedule {
    /// The schedule of a load; none if it is closed or did nothing. `workers` are its workers' operations.
    pub(crate) fn of<'a>(
        evidence: &Evidence,
        load: &Load,
        workers: impl Iterator<Item = (&'a Worker, &'a Vec<&'a Operation>)>,
    ) -> Option<Self> {
        let Pace::Open { per_second } = load.pace else { return None };
        let (mut origin, mut starts) = (None, 0_u64);
        for (_, operations) in workers {
            origin = origin.into_iter().chain(operations.iter().map(|operation| operation.intended)).min();
            starts += scheduled(load, operations).count() as u64;
        }
        let origin = origin?;
        let not_started = evidence.events.iter().find_map(|event| match &event.what {
            What::LoadEnded { load: name, totals } if *name == load.name => Some(totals.not_started),
            _ => None,
        });
        let not_started = not_started.unwrap_or(0);
        let nanos = (u128::from(starts) + u128::from(not_started)) * 1_000_000_000 / u128::from(per_second.max(1));
        let stop = origin.plus_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Some(Self { origin, per_second, not_started, stop })
    }

    /// How long, at least, each start that nobody got to had been due: of those that were due in a stretch, when the load
    /// was stopped or at `until`, whichever came first. None if no start was due in the stretch.
    pub(crate) fn left_waiting(self, stretch: Window, until: Instant) -> Option<Waits> {
        let interval = (1_000_000_000 / u64::from(self.per_second.max(1))).max(1);
        let last = (self.stop.nanos_since(stretch.start) / interval).min(self.not_started);
        let first = self.stop.nanos_since(stretch.end) / interval + 1;
        (first <= last).then_some(Waits { interval, first, last, less: self.stop.nanos_since(until) })
    }
}

/// Evenly spaced times in nanoseconds: `interval * n - less` for each n from `first` to `last`. They are counted and
/// never written out, because a schedule may hold more starts than there is memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waits {
    pub(crate) interval: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) less: u64,
}

impl Waits {
    /// How many there are.
    pub(crate) fn count(self) -> u64 {
        self.last - self.first + 1
    }

    /// How many of them do not exceed `limit`.
    pub(crate) fn at_most(self, limit: u64) -> u64 {
        let last = (limit.saturating_add(self.less) / self.interval).min(self.last);
        (last + 1).saturating_sub(self.first)
    }
}

/// A worker's operations that the schedule called for. The second command of an entry follows the first at once.
pub(crate) fn scheduled<'a>(load: &Load, operations: &'a [&'a Operation]) -> impl Iterator<Item = &'a Operation> {
    with_previous(load, operations).map(|(_, operation)| operation)
}

/// How late the driver itself was with each start that the schedule called for: since the start was due and the worker had
/// ended what it did before. What the servers take to answer is none of it.
pub(crate) fn own_lateness<'a>(
    load: &Load,
    operations: &'a [&'a Operation],
) -> impl Iterator<Item = (&'a Operation, u64)> {
    with_previous(load, operations).map(|(before, operation)| {
        let free = before.map_or(operation.intended, |before| before.ended.max(operation.intended));
        (operation, operation.started.nanos_since(free))
    })
}

/// A worker's operations that the schedule called for, each with what the worker did before.
fn with_previous<'a>(
    load: &Load,
    operations: &'a [&'a Operation],
) -> impl Iterator<Item = (Option<&'a Operation>, &'a Operation)> {
    let has_pairs = load.mix.iter().any(|op| matches!(op, Op::SetThenGet(_)));
    operations.iter().enumerate().filter_map(move |(index, operation)| {
        let before = index.checked_sub(1).map(|before| operations[before]);
        let is_second = before.is_some_and(|before| {
            operation.kind == OperationKind::Get
                && before.kind == OperationKind::Set
                && operation.key == before.key
                && operation.intended >= before.ended
        });
        (!(has_pairs && is_second)).then_some((before, *operation))
    })
}
