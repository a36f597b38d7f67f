//! The operations of each key, one key after the other.

use crate::evidence::{DataType, Evidence, LoadIndex, Operation, RecordedLoad, RecordedPlan};

/// A key: the first load that calls its keys so, what it holds, its number. Of the loads that share keys only one may write.
pub(super) type KeyId = (LoadIndex, DataType, u32);

/// The first load that calls its keys as each load does.
pub(super) fn owners(plan: &RecordedPlan) -> Vec<LoadIndex> {
    let indexed = || (0..).zip(&plan.loads);
    let first = |load: &RecordedLoad| indexed().find(|(_, other)| other.key_names == load.key_names);
    indexed().map(|(own, load)| first(load).map_or(own, |(first, _)| first)).collect()
}

/// How many operations are held at once: about 250 MB with what sorting them takes. Only those of a single key may be more.
const HELD_MAX: usize = 2 << 20;

/// Calls `visit` with every key that has such operations, and these: in the order in which they were started, and where several
/// were started together in that of the history.
pub(super) fn for_each_key(
    evidence: &Evidence,
    wanted: impl Fn(&Operation) -> bool,
    mut visit: impl FnMut(KeyId, &[Operation]),
) {
    let owners = owners(&evidence.plan);
    let owner = |load: LoadIndex| owners.get(usize::from(load)).copied().unwrap_or(load);
    let key = |operation: &Operation| (owner(operation.load), operation.data, operation.key);
    let wanted = || evidence.history.iter().filter(&wanted);
    let parts = wanted().count().div_ceil(HELD_MAX) as u64;
    for part in 0..parts {
        let mut held: Vec<_> = wanted().filter(|operation| part_of(key(operation), parts) == part).collect();
        held.sort_by_key(|operation| (key(operation), operation.started, operation.ended));
        held.chunk_by(|one, next| key(one) == key(next)).for_each(|operations| visit(key(&operations[0]), operations));
    }
}

/// Which of so many parts a key is in: about as many keys in each.
fn part_of((load, data, key): KeyId, parts: u64) -> u64 {
    let number = u64::from(key) | u64::from(load) << 32 | (data as u64) << 48;
    // Fibonacci hashing (Knuth, "The Art of Computer Programming", volume 3, section 6.4): neighbours lie far apart.
    ((number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) * parts) >> 32
}
