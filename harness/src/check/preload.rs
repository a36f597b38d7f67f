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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::{Story, key_names, load};
    use crate::evidence::RecordedLoad;

    /// `app` preloaded so many keys up to 10, and `other` writes the same ones.
    fn story(preloaded: u32) -> Story {
        let mut story = Story::new();
        story.evidence.plan.loads.push(RecordedLoad { key_names: key_names("app:"), ..load("other") });
        let (load, took_nanos) = ("app".to_owned(), 2_000_000);
        story.event(900, EventKind::Preloaded { load, keys: preloaded, last: 10, took_nanos });
        story
    }

    /// What nobody recorded is known from the key: what was written to it, and when that was certain.
    #[test]
    fn a_preloaded_key_was_written_before_the_run() {
        let story = story(10);
        let (at, preloads) = (Instant::from_millis(900), Preloads::of(&story.evidence));
        let write = preloads.write((0, DataType::Value, 10)).unwrap();
        assert_eq!((write.load, write.key, write.value), (0, 10, Value::Written(Value::preloaded(0, 10))));
        assert_eq!((write.started, write.ended, write.outcome, write.unknown_attempts), (at, at, Outcome::Ok, 0));
        for (owner, data, key) in [(0, DataType::Value, 11), (0, DataType::Set, 10), (1, DataType::Value, 10)] {
            assert_eq!(preloads.write((owner, data, key)), None, "{owner} {data:?} {key}");
        }
        let preload = of(&story.evidence, "app").unwrap();
        assert_eq!((preload.keys, preload.last(), preload.took_nanos), (10, 10, 2_000_000));
        assert_eq!(of(&story.evidence, "other"), None);
    }

    /// Where `app` took only those keys that lie somewhere, it must be seen that a key is one of them.
    #[test]
    fn a_key_is_known_to_be_preloaded_by_who_used_it() {
        let mut own = story(5);
        own.write(1_000, 7, |_| {});
        let mut others = story(5);
        others.write(1_000, 7, |write| write.load = 1);
        let [mut found, mut replaced] = [&others, &others].map(|story| vec![story.evidence.history.at(0)]);
        found[0].value = Value::Written(Value::preloaded(0, 7));
        replaced[0].replaced = Some(Value::Written(Value::preloaded(0, 7)));
        let (own, others) = (vec![own.evidence.history.at(0)], vec![others.evidence.history.at(0)]);
        for (keys, operations, is_known) in
            [(5, &own, true), (5, &found, true), (5, &replaced, true), (5, &others, false), (10, &others, true)]
        {
            let preloads = Preloads::of(&story(keys).evidence);
            assert_eq!(preloads.has_every_key(0), keys == 10);
            assert!(!preloads.has_every_key(1));
            assert_eq!(preloads.known_write((0, DataType::Value, 7), operations).is_some(), is_known, "{operations:?}");
        }
    }

    /// Of ten preloaded keys a run touched three, and the final read found five of the others as they were.
    #[test]
    fn what_nobody_found_again_is_unread() {
        let mut story = story(10);
        assert_eq!(untouched(&story.evidence, 3), Untouched { keys: 7, unread: 7 });
        story.event(9_000, EventKind::PreloadFound { load: "app".to_owned(), keys: 5 });
        assert_eq!(untouched(&story.evidence, 3), Untouched { keys: 7, unread: 2 });
        assert_eq!(untouched(&story.evidence, 8), Untouched { keys: 2, unread: 0 });
    }

    #[test]
    fn writes_and_the_final_read_tell_of_a_key() {
        let mut story = story(10);
        story.write(1_000, 1, |_| {});
        story.write(1_000, 1, |read| read.effect = OperationEffect::Reads);
        story.never_begun(1_000, 1, 2_000);
        story.final_read(1, Value::Missing, Outcome::Ok);
        let told: Vec<_> = story.evidence.history.iter().map(|operation| tells(&operation)).collect();
        assert_eq!(told, [true, false, false, true]);
    }
}
