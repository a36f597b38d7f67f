//! What clients were told that no write of its key can have left.

use std::collections::BTreeMap;

use super::counts;
use super::key_history::KeyHistory;
use super::key_question::KeyQuestion;
use super::reads::Impossible;
use crate::evidence::Operation;

/// Whether what was read can have been written: values, elements and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadsPossible;

/// What clients were told.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadsTold {
    /// How often they were told what a key holds.
    pub(crate) count: u64,
    /// What they cannot have been told: how often they were, and the first of those.
    pub(crate) impossible: BTreeMap<Impossible, (u64, Operation)>,
}

impl KeyQuestion for ReadsPossible {
    type Tally = ReadsTold;

    fn add(&self, tally: &mut ReadsTold, key: &KeyHistory<'_>) {
        let values = key.reads().iter().map(|found| (found.read, found.impossible));
        let elements = key.elements().reads.iter().copied();
        for (told, impossible) in values.chain(elements).chain(counts::told(key.operations)) {
            tally.count += 1;
            if let Some(impossible) = impossible {
                tally.impossible.entry(impossible).or_insert((0, *told)).0 += 1;
            }
        }
    }

    fn merge(&self, tally: &mut ReadsTold, later: ReadsTold) {
        tally.count += later.count;
        for (impossible, (count, first)) in later.impossible {
            tally.impossible.entry(impossible).or_insert((0, first)).0 += count;
        }
    }
}
