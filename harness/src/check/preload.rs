//! What was written to keys before the run's clock started. Its values follow from the keys (`Value::preloaded`), so the history has
//! no record of these writes, nor of a key that nobody wrote again and that was found as it was: millions of them cost nothing.

use super::keys::{self, KeyId};
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

/// The preloads of all loads: the first load that calls its keys so, the load, what was preloaded.
pub(super) struct Preloads(Vec<(LoadIndex, LoadIndex, Preload)>);

impl Preloads {
    pub(super) fn of(evidence: &Evidence) -> Self {
        let loads = (0..).zip(&evidence.plan.loads).zip(keys::owners(&evidence.plan));
        Self(loads.filter_map(|((index, load), owner)| Some((owner, index, of(evidence, &load.name)?))).collect())
    }

    /// Whether every number up to the last is a key that a load preloaded: not so where only those are taken that lie somewhere.
    pub(super) fn has_every_key(&self, load: LoadIndex) -> bool {
        self.0.iter().any(|(_, index, preload)| *index == load && preload.keys == preload.last)
    }

    /// The write of a key that was preloaded, as if it had a record, where the key's operations leave no doubt that it was: where not
    /// every number is a key of the load that preloaded, only its own operations tell that this one is, and those that found what was
    /// preloaded: the value says which key it was written to.
    pub(super) fn known_write(&self, id: KeyId, operations: &[Operation]) -> Option<Operation> {
        let is_own = |write: &Operation| {
            let found =
                |operation: &Operation| [Some(operation.value), operation.replaced].contains(&Some(write.value));
            operations.iter().any(|operation| operation.load == write.load || found(operation))
        };
        self.write(id).filter(|write| self.has_every_key(write.load) || is_own(write))
    }

    /// The write of a key that was preloaded, as if it had a record.
    pub(super) fn write(&self, (owner, data, key): KeyId) -> Option<Operation> {
        let has = |(of, _, preload): &&(LoadIndex, LoadIndex, Preload)| *of == owner && key <= preload.last;
        let (_, load, preload) = self.0.iter().find(has)?;
        (data == DataType::Value).then(|| write(*load, key, preload.done))
    }
}

/// Whether an operation tells what became of its key. Of a preloaded key of which none does, the final read has told.
pub(super) fn tells(operation: &Operation) -> bool {
    operation.is_final_read() || operation.writes() && !operation.never_begun()
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
        replaced: None,
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
