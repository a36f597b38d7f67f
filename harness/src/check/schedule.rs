//! What an open load was due to start, and whether its workers were enough for it.

use std::collections::BTreeMap;

use super::case::Case;
use super::window::Window;
use crate::evidence::{EventKind, RecordedLoad};
use crate::vocab::{Arrivals, Instant};

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
    if !case.operations_of(index).any(|operation| operation.never_begun() || operation.ready > operation.intended) {
        return Vec::new();
    }
    // One shard after the other: the moments of a long run are large.
    let full = |shard: usize| {
        let begun = case.operations_of(index).filter(|operation| !operation.never_begun());
        let here = begun.filter(|operation| operation.shard.map(usize::from) == Some(shard));
        let moments = here.flat_map(|operation| {
            [(operation.ended, false, operation.worker), (operation.started, true, operation.worker)]
        });
        full(moments.collect(), usize::from(load.workers))
    };
    (0..case.plan.shards().count()).filter_map(|shard| Some((shard, full(shard)?))).collect()
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
