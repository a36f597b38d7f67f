//! When clients work again as if nothing had happened.

use std::collections::BTreeMap;

use super::{Window, load_window};
use crate::evidence::{Event, EventKind, Evidence, Operation, Outcome};
use crate::vocab::Instant;

/// An operation that starts later than this after its intended start is not on its client's pace.
const PACE_NANOS_MAX: u64 = 5_000_000;

/// Operations that wait for each other: the load's index, and in a closed loop a worker, whose operations follow one another; in
/// an open one a shard, whose workers share what is due.
type QueueKey = (u16, u16);

/// What every queue did after each of some moments at which the cluster was healthy.
pub(super) struct BackOnPace {
    /// Those moments, in order.
    healthy: Vec<Instant>,
    loads: Vec<LoadTimes>,
    queues: BTreeMap<QueueKey, Queue>,
}

/// What a queue did.
#[derive(Default)]
struct Queue {
    /// For each moment, the end of the first operation that was meant to start after it, and was on its pace; as far as there was
    /// one.
    back: Vec<Instant>,
    /// The end of the last operation that did not end ok.
    last_not_ok: Option<Instant>,
}

/// When a load ran, and whether any of its workers gave up.
struct LoadTimes {
    window: Window,
    gave_up: bool,
}

impl LoadTimes {
    fn of(evidence: &Evidence, name: &str, whole: Window) -> Self {
        let gave_up = |event: &Event| matches!(&event.kind, EventKind::GaveUp { load, .. } if load == name);
        Self { window: load_window(evidence, name, whole), gave_up: evidence.events.iter().any(gave_up) }
    }
}

impl BackOnPace {
    pub(super) fn of(evidence: &Evidence, whole: Window, mut healthy: Vec<Instant>) -> Self {
        healthy.sort_unstable();
        healthy.dedup();
        let loads = evidence.plan.loads.iter();
        let loads = loads.map(|load| LoadTimes::of(evidence, &load.name, whole)).collect();
        let mut found = Self { healthy, loads, queues: BTreeMap::new() };
        if found.healthy.is_empty() {
            return found;
        }
        let is_open: Vec<_> = evidence.plan.loads.iter().map(|load| !load.is_closed()).collect();
        for operation in evidence.history.iter().filter(|operation| !operation.is_final_read()) {
            let is_open = is_open.get(usize::from(operation.load)).is_some_and(|is_open| *is_open);
            let queue = if is_open { operation.shard.unwrap_or(u16::MAX) } else { operation.worker };
            found.add((operation.load, queue), &operation);
        }
        found
    }

    fn add(&mut self, key: QueueKey, operation: &Operation) {
        let queue = self.queues.entry(key).or_default();
        if operation.outcome != Outcome::Ok {
            queue.last_not_ok = Some(operation.ended);
        }
        if is_on_pace(operation) {
            let waiting = self.healthy[queue.back.len()..].iter().take_while(|healthy| operation.intended >= **healthy);
            queue.back.extend(waiting.map(|_| operation.ended));
        }
    }

    /// When every queue has done an operation as if nothing had happened: meant to start after `healthy`, started on time, and
    /// acknowledged at the first attempt. One that never does is away until its load ends, or until its worker gave up. Of an open
    /// loop a single worker says nothing: it may have been made for a backlog, and not be needed any more. A load that begins later
    /// waits for nothing.
    pub(super) fn after(&self, healthy: Instant) -> Instant {
        let Some(moment) = self.healthy.iter().position(|moment| *moment == healthy) else { return healthy };
        let back = self.queues.iter().filter_map(|((load, _), queue)| {
            let load = self.loads.get(usize::from(*load)).filter(|load| load.window.start <= healthy)?;
            // The others of its last pipeline may have been acknowledged.
            let gave_up = queue.last_not_ok.filter(|_| load.gave_up);
            Some(queue.back.get(moment).copied().or(gave_up).unwrap_or(load.window.end))
        });
        back.max().map_or(healthy, |last| last.max(healthy))
    }
}

/// Whether an operation was started on time, and acknowledged at the first attempt.
fn is_on_pace(operation: &Operation) -> bool {
    operation.outcome == Outcome::Ok
        && operation.attempts == 1
        && operation.started.nanos_since(operation.intended) <= PACE_NANOS_MAX
}
