//! What an open load was due to start, and whether its workers were enough for it.

use std::collections::BTreeMap;

use super::case::Case;
use super::window::Window;
use crate::evidence::{EventKind, Operation, RecordedLoad};
use crate::vocab::{Arrivals, Instant};

/// A worker's operations that the schedule called for. The next command of an entry follows the one before at once, or was left
/// with it.
pub(crate) fn scheduled<'a>(operations: &'a [&'a Operation]) -> impl Iterator<Item = &'a Operation> {
    operations.iter().copied().filter(|operation| operation.starts_entry())
}

/// What a load's own arrivals count from: where it began is known by when its first start was due.
pub(crate) fn began(arrivals: &Arrivals, first_due: Instant) -> Instant {
    Instant(first_due.0.saturating_sub(arrivals.due_nanos(0).unwrap_or(0)))
}

/// The paces that steps made a load go on at, each with what its arrivals count from.
pub(crate) fn pace_changes<'a>(case: &Case<'a>, load: &str) -> impl Iterator<Item = (Instant, &'a Arrivals)> {
    case.evidence.events.iter().filter_map(move |event| match &event.kind {
        EventKind::PaceChanged { load: name, from, arrivals } if name == load => Some((*from, arrivals)),
        _ => None,
    })
}

/// From when to when all workers that a load may have on a shard were busy, for each shard where that was so: what was due
/// meanwhile had to wait, and that is the bound's doing as well as the servers'.
pub(crate) fn bound_reached(case: &Case<'_>, index: usize, load: &RecordedLoad) -> Vec<(usize, Window)> {
    let own = || case.client_operations().filter(move |operation| usize::from(operation.load) == index);
    if !own().any(|operation| operation.never_begun() || operation.ready > operation.intended) {
        return Vec::new();
    }
    let mut moments = vec![Vec::new(); case.plan.shards().count()];
    for operation in own().filter(|operation| !operation.never_begun()) {
        if let Some(moments) = operation.shard.and_then(|shard| moments.get_mut(usize::from(shard))) {
            moments.extend([(operation.ended, false, operation.worker), (operation.started, true, operation.worker)]);
        }
    }
    let workers = usize::from(load.workers);
    moments.into_iter().enumerate().filter_map(|(shard, moments)| Some((shard, full(moments, workers)?))).collect()
}

/// From the first to the last moment at which this many workers were busy. A moment is a start (true) or an end of one of a
/// worker's operations, of which a pipeline has several under way.
fn full(mut moments: Vec<(Instant, bool, u16)>, workers: usize) -> Option<Window> {
    // At the same moment an end goes before a start: who takes over is not one more.
    moments.sort_unstable();
    let (mut busy, mut window) = (BTreeMap::<u16, usize>::new(), None::<Window>);
    for (at, starts, worker) in moments {
        let was_full = busy.len() == workers;
        let under_way = busy.entry(worker).or_default();
        *under_way = if starts { *under_way + 1 } else { under_way.saturating_sub(1) };
        if *under_way == 0 {
            busy.remove(&worker);
        }
        if was_full || busy.len() == workers {
            window = Some(Window { start: window.map_or(at, |window| window.start), end: at });
        }
    }
    window
}
