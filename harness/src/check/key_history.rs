//! A key's operations, and what several checks want to know of them.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::case::Case;
use super::elements::{self, KeyElements};
use super::keys::KeyId;
use super::preload::Preloads;
use super::reads::{self, ReadFound};
use crate::evidence::Operation;

/// All operations of a key, whoever did them. What is worked out from them is worked out once.
pub(crate) struct KeyHistory<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) id: KeyId,
    /// In the order in which they were started.
    pub(super) operations: &'a [Operation],
    pub(super) preloads: &'a Preloads,
    /// In how many parts keys are looked at, each with tallies of its own.
    pub(super) parts: usize,
    reads: OnceCell<Vec<ReadFound<'a>>>,
    elements: OnceCell<KeyElements<'a>>,
}

impl<'a> KeyHistory<'a> {
    /// The history of a key that has these operations.
    pub(super) fn new(
        case: &'a Case<'a>,
        (preloads, parts): (&'a Preloads, usize),
        id: KeyId,
        operations: &'a [Operation],
    ) -> Self {
        Self { case, id, operations, preloads, parts, reads: OnceCell::new(), elements: OnceCell::new() }
    }

    /// Those of its operations that are wanted.
    pub(super) fn only(&self, wanted: impl Fn(&Operation) -> bool) -> Cow<'a, [Operation]> {
        if self.operations.iter().all(&wanted) {
            return Cow::Borrowed(self.operations);
        }
        Cow::Owned(self.operations.iter().filter(|operation| wanted(operation)).copied().collect())
    }

    /// The write that preloaded it, as if it had a record, where that is known.
    pub(super) fn preloaded(&self) -> Option<Operation> {
        self.preloads.known_write(self.id, self.operations)
    }

    /// Every read of a value that was answered.
    pub(super) fn reads(&self) -> &[ReadFound<'a>] {
        self.reads.get_or_init(|| reads::found(self.case, self.preloaded(), self.operations))
    }

    /// What reads of its elements tell; nothing if it has none.
    pub(super) fn elements(&self) -> &KeyElements<'a> {
        self.elements.get_or_init(|| elements::of_key(self.case, self.operations))
    }
}
