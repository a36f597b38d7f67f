//! The operations of each key, one key after the other.
//!
//! A history has the order of time. Here its records are brought together by their keys: what is sorted is where they are, and each
//! operation is decoded when its key's turn comes. Keys are looked at in parts, several at the same time; which key is in which part
//! depends on the key and on how many operations there are, and on nothing else.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::parallel::in_parallel;
use crate::evidence::{
    DataType, Evidence, History, KeyRecord, LoadIndex, Operation, RecordPlace, RecordedLoad, RecordedPlan,
};

/// A key: the first load that drives its system and calls its keys so, what it holds, its number. Of the loads that share keys only
/// one may write.
pub(super) type KeyId = (LoadIndex, DataType, u32);

/// The first load that drives the same system and calls its keys as each load does.
pub(super) fn owners(plan: &RecordedPlan) -> Vec<LoadIndex> {
    let indexed = || (0..).zip(&plan.loads);
    let same =
        |one: &RecordedLoad, other: &RecordedLoad| one.system == other.system && one.key_names == other.key_names;
    let first = |load: &RecordedLoad| indexed().find(|(_, other)| same(other, load));
    indexed().map(|(own, load)| first(load).map_or(own, |(first, _)| first)).collect()
}

/// How many operations are sorted at once: about 200 MB. Only those of a single part may be more.
const SORTED_MAX: usize = 8 << 20;

/// So many operations are in a part, about.
const PART: usize = 1 << 18;

/// Of so many operations the records are made ready together: neighbours of a key's lie far apart.
const PREPARED: usize = 256;

/// An operation of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct OfKey {
    /// The key as a number.
    key: u64,
    place: RecordPlace,
}

impl OfKey {
    const NONE: Self = Self { key: 0, place: RecordPlace::FIRST };
}

/// A part of the keys.
pub(super) struct KeyPart<'a> {
    history: &'a History,
    /// In how many parts the keys are.
    pub(super) parts: usize,
    operations: &'a mut [OfKey],
}

impl KeyPart<'_> {
    /// Calls `visit` with every key, and its operations: in the order in which they were started, and where several were started
    /// together in that of the history.
    pub(super) fn for_each_key(&mut self, mut visit: impl FnMut(KeyId, &[Operation])) {
        self.operations.sort_unstable();
        let (mut operations, mut looked_at, mut prepared) = (Vec::new(), 0, 0);
        for of_key in self.operations.chunk_by(|one, next| one.key == next.key) {
            looked_at += of_key.len();
            if looked_at > prepared {
                let next = prepared..self.operations.len().min(looked_at + PREPARED);
                prepared = next.end;
                self.history.prepare(self.operations[next].iter().map(|of_key| of_key.place));
            }
            operations.clear();
            operations.extend(of_key.iter().filter_map(|of_key| self.history.operation_at(of_key.place)));
            operations.sort_by_key(|operation: &Operation| (operation.started, operation.ended));
            let Some(Operation { data, key, .. }) = operations.first() else { continue };
            let owner = LoadIndex::try_from(of_key[0].key >> OWNER_AT).unwrap_or(LoadIndex::MAX);
            visit((owner, *data, *key), &operations);
        }
    }
}

/// Has `look` look at each part of the keys, and gives what comes of it to `take`, in the order of the parts.
pub(super) fn in_parts<T: Send>(evidence: &Evidence, look: impl Fn(&mut KeyPart<'_>) -> T + Sync, take: impl FnMut(T)) {
    let parts = evidence.history.len().div_ceil(PART).max(1);
    Sorter { history: &evidence.history, owners: owners(&evidence.plan), parts }.in_parts(SORTED_MAX, look, take);
}

/// Which parts are looked at together, so that no more operations are sorted at once than may be.
fn rounds(sizes: &[usize], sorted_max: usize) -> Vec<Range<usize>> {
    let (mut rounds, mut from, mut together) = (Vec::new(), 0, 0);
    for (part, size) in sizes.iter().enumerate() {
        if part > from && together + size > sorted_max {
            rounds.push(from..part);
            (from, together) = (part, 0);
        }
        together += size;
    }
    rounds.push(from..sizes.len());
    rounds
}

/// Where a key's number has its owner, and what the key holds.
const OWNER_AT: u32 = 40;
const DATA_AT: u32 = 32;

/// Brings operations together that are of keys of the same part.
struct Sorter<'a> {
    history: &'a History,
    owners: Vec<LoadIndex>,
    parts: usize,
}

impl Sorter<'_> {
    /// Has `look` look at each part, and `take` take what comes of it.
    fn in_parts<T: Send>(
        &self,
        sorted_max: usize,
        look: impl Fn(&mut KeyPart<'_>) -> T + Sync,
        mut take: impl FnMut(T),
    ) {
        let (sizes, mut operations) = (self.sizes(), Vec::new());
        for round in rounds(&sizes, sorted_max) {
            self.gather(&round, &sizes, &mut operations);
            let (mut rest, mut parts) = (&mut operations[..], Vec::with_capacity(round.len()));
            for size in &sizes[round] {
                let (operations, others) = rest.split_at_mut(*size);
                parts.push(Mutex::new(KeyPart { history: self.history, parts: sizes.len(), operations }));
                rest = others;
            }
            let looked = in_parallel(&parts, |part| look(&mut part.lock().unwrap_or_else(PoisonError::into_inner)));
            looked.into_iter().for_each(&mut take);
        }
    }

    /// Each operation of a key, and its part. A channel is no key, and a lock not there to stay.
    fn operations(&self) -> impl Iterator<Item = (usize, OfKey)> {
        self.history.keys().filter(|record| record.data.is_stored()).map(|record| {
            let KeyRecord { load, data, key, place } = record;
            let owner = self.owners.get(usize::from(load)).copied().unwrap_or(load);
            let key = u64::from(owner) << OWNER_AT | (data as u64) << DATA_AT | u64::from(key);
            (self.part_of(key), OfKey { key, place })
        })
    }

    /// Which part a key is in: about as many keys in each.
    fn part_of(&self, key: u64) -> usize {
        // Fibonacci hashing (Knuth, "The Art of Computer Programming", volume 3, section 6.4): neighbours lie far apart.
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        usize::try_from((hash * self.parts as u64) >> 32).unwrap_or(0)
    }

    /// How many operations each part has.
    fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.parts];
        self.operations().for_each(|(part, _)| sizes[part] += 1);
        sizes
    }

    /// Replaces `found` by the operations of these parts, those of one behind those of the other.
    fn gather(&self, parts: &Range<usize>, sizes: &[usize], found: &mut Vec<OfKey>) {
        let mut free: Vec<_> =
            sizes[parts.clone()].iter().scan(0, |from, size| Some(std::mem::replace(from, *from + size))).collect();
        found.clear();
        found.resize(sizes[parts.clone()].iter().sum(), OfKey::NONE);
        for (part, operation) in self.operations().filter(|(part, _)| parts.contains(part)) {
            let place = &mut free[part - parts.start];
            found[*place] = operation;
            *place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::testing::{LOAD_STARTS, Story, load};

    /// Every key with its operations, in so many parts, of which so many operations are sorted at once.
    fn by_key(evidence: &Evidence, parts: usize, sorted_max: usize) -> Vec<(KeyId, Vec<Operation>)> {
        let mut found = Vec::new();
        let sorter = Sorter { history: &evidence.history, owners: owners(&evidence.plan), parts };
        let look = |part: &mut KeyPart<'_>| {
            let mut keys = Vec::new();
            part.for_each_key(|id, operations| keys.push((id, operations.to_vec())));
            keys
        };
        sorter.in_parts(sorted_max, look, |keys| found.extend(keys));
        found
    }

    /// Two loads that call their keys alike and one that does not write and read them by turns; some operations end before those that
    /// were begun earlier.
    fn evidence() -> Evidence {
        let mut story = Story::formed();
        let other = story.evidence.plan.loads[0].clone();
        story.evidence.plan.loads.extend([other, load("other")]);
        for nth in 0..2_000_u32 {
            let data = if nth % 7 == 0 { DataType::Counter } else { DataType::Value };
            let begins = LOAD_STARTS + u64::from(nth ^ 3);
            story.write(begins, 1 + nth * nth % 97, |write| (write.load, write.data) = ((nth % 3) as u16, data));
        }
        story.evidence
    }

    #[rstest]
    #[case::in_one(1, usize::MAX)]
    #[case::in_parts(7, usize::MAX)]
    #[case::some_at_a_time(7, 600)]
    #[case::one_at_a_time(7, 1)]
    #[case::more_than_keys(1_000, 600)]
    fn every_operation_comes_once_with_its_key(#[case] parts: usize, #[case] sorted_max: usize) {
        let evidence = evidence();
        let mut expected = std::collections::BTreeMap::<KeyId, Vec<Operation>>::new();
        for operation in &evidence.history {
            let owner = if operation.load == 2 { 2 } else { 0 };
            expected.entry((owner, operation.data, operation.key)).or_default().push(operation);
        }
        for operations in expected.values_mut() {
            operations.sort_by_key(|operation| operation.started);
        }
        let mut found = by_key(&evidence, parts, sorted_max);
        assert_eq!(found, by_key(&evidence, parts, sorted_max));
        found.sort_by_key(|(id, _)| *id);
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }

    /// However close together the keys are.
    #[test]
    fn about_as_many_are_in_each_part() {
        let mut story = Story::formed();
        (1..=2_000).for_each(|key| story.write(LOAD_STARTS, key, |_| {}));
        let sorter = Sorter { history: &story.evidence.history, owners: owners(&story.evidence.plan), parts: 5 };
        let sizes = sorter.sizes();
        assert!(sizes.iter().all(|size| (300..500).contains(size)), "{sizes:?}");
    }

    #[rstest]
    #[case(&[3, 3, 3], 6, &[0..2, 2..3])]
    #[case::one_is_too_large(&[9, 1, 9], 6, &[0..1, 1..2, 2..3])]
    #[case::too_large_at_the_end(&[1, 9], 6, &[0..1, 1..2])]
    fn so_many_are_sorted_at_once(
        #[case] sizes: &[usize],
        #[case] sorted_max: usize,
        #[case] expected: &[Range<usize>],
    ) {
        assert_eq!(rounds(sizes, sorted_max), expected);
    }
}
