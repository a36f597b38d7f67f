//! What an open load was due to start, and whether its workers were enough for it.

use super::case::Case;
use super::window::Window;
use crate::evidence::{Operation, OperationKind};
use crate::load::{Load, Op};

/// A worker's operations that the schedule called for. The second command of an entry follows the first at once, or was left
/// with it.
pub(crate) fn scheduled<'a>(load: &Load, operations: &'a [&'a Operation]) -> impl Iterator<Item = &'a Operation> {
    let has_pairs = load.mix.iter().any(|op| matches!(op, Op::SetThenGet(_)));
    operations.iter().enumerate().filter_map(move |(index, operation)| {
        let before = index.checked_sub(1).map(|before| operations[before]);
        let is_second = before.is_some_and(|before| {
            operation.kind == OperationKind::Get
                && before.kind == OperationKind::Set
                && operation.key == before.key
                && (operation.intended >= before.ended || operation.intended == before.intended)
        });
        (!(has_pairs && is_second)).then_some(*operation)
    })
}

/// From when to when all workers that a load may have on a shard were busy, for each shard where that was so: what was due
/// meanwhile had to wait, and that is the bound's doing as well as the servers'.
pub(crate) fn bound_reached(case: &Case<'_>, index: usize, load: &Load) -> Vec<(usize, Window)> {
    let own = || case.client_operations().filter(move |operation| usize::from(operation.load) == index);
    if !own().any(|operation| operation.never_begun() || operation.ready > operation.intended) {
        return Vec::new();
    }
    let reached = |shard: usize| {
        let begun = own().filter(|operation| !operation.never_begun() && case.slots.shard_of(operation) == Some(shard));
        // At the same moment an end goes before a start: who takes over is not one more.
        let mut moments: Vec<_> =
            begun.flat_map(|operation| [(operation.ended, false), (operation.started, true)]).collect();
        moments.sort_unstable();
        let (mut busy, mut window) = (0_usize, None::<Window>);
        for (at, starts) in moments {
            let full = busy == usize::from(load.workers());
            busy = if starts { busy + 1 } else { busy.saturating_sub(1) };
            if full || busy == usize::from(load.workers()) {
                window = Some(Window { start: window.map_or(at, |window| window.start), end: at });
            }
        }
        Some((shard, window?))
    };
    (0..case.plan.shards().count()).filter_map(reached).collect()
}
