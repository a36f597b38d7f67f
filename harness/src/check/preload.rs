//! What was written to keys before the run's clock started. Its values follow from the keys (`Value::preloaded`), so the history has
//! no record of these writes, nor of a key that nobody wrote again and that was found as it was: millions of them cost nothing.

use std::collections::BTreeSet;

use crate::evidence::{
    DataType, EventKind, Evidence, LoadIndex, NO_WORKER, Operation, OperationEffect, OperationSource, Outcome, Value,
};
use crate::vocab::Instant;

/// The preload of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preload {
    /// How many keys were written, from the first on.
    pub(crate) keys: u32,
    /// The number of the last one.
    last: u32,
    /// How long that took.
    pub(crate) took_nanos: u64,
    /// When all of them were acknowledged.
    done: Instant,
}

impl Preload {
    /// The number of the last key.
    pub(super) fn last(self) -> u32 {
        self.last
    }
}

/// What was preloaded for the load of that name, if anything was.
pub(crate) fn of(evidence: &Evidence, name: &str) -> Option<Preload> {
    evidence.events.iter().find_map(|event| match &event.kind {
        EventKind::Preloaded { load, keys, last, took_nanos } if load == name => {
            Some(Preload { keys: *keys, last: *last, took_nanos: *took_nanos, done: event.at })
        }
        _ => None,
    })
}

/// The preload's write of each key that the history tells anything of, as if it had a record.
pub(super) fn writes(evidence: &Evidence) -> Vec<Operation> {
    let preloads: Vec<_> = evidence.plan.loads.iter().map(|load| of(evidence, &load.name)).collect();
    let preload = |load: LoadIndex| preloads.get(usize::from(load)).copied().flatten();
    let tells = |operation: &&Operation| {
        operation.data == DataType::Value
            && (operation.is_final_read() || operation.writes() && !operation.never_begun())
    };
    let touched = evidence.history.iter().filter(tells).map(|operation| (operation.load, operation.key));
    let touched: BTreeSet<_> = touched.collect();
    let preloaded = |(load, key)| Some(write(load, key, preload(load).filter(|preload| key <= preload.last)?.done));
    touched.into_iter().filter_map(preloaded).collect()
}

fn write(load: LoadIndex, key: u32, at: Instant) -> Operation {
    Operation {
        load,
        worker: NO_WORKER,
        // No entry of the mix: none of them says how long the value is remembered.
        source: OperationSource::Mix { entry: u16::MAX, command: 0 },
        effect: OperationEffect::Replaces,
        data: DataType::Value,
        key,
        shard: None,
        value: Value::Written(Value::preloaded(load, key)),
        intended: at,
        ready: at,
        started: at,
        ended: at,
        outcome: Outcome::Ok,
        error: None,
        attempts: 1,
        unknown_attempts: 0,
        node: None,
    }
}

/// Preloaded keys of which the history tells nothing, since nobody wrote them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Untouched {
    /// How many there are.
    pub(super) keys: u64,
    /// How many of them the final read did not find as they were, and has no record of.
    pub(super) unread: u64,
}

/// The preloaded keys of which the history tells nothing: all but so many.
pub(super) fn untouched(evidence: &Evidence, touched: usize) -> Untouched {
    let preloaded = evidence.plan.loads.iter().filter_map(|load| Some(u64::from(of(evidence, &load.name)?.keys)));
    let keys = preloaded.sum::<u64>().saturating_sub(touched as u64);
    let found = evidence.events.iter().map(|event| match &event.kind {
        EventKind::PreloadFound { keys, .. } => *keys,
        _ => 0,
    });
    Untouched { keys, unread: keys.saturating_sub(found.sum()) }
}
