//! What became of a key's acknowledged writes, as its final read and its history tell: one file for each way to write.

mod collection;
pub(super) mod contended;
mod counter;
pub(super) mod register;
#[cfg(test)]
mod tests;

use super::case::Case;
use crate::evidence::{DataType, Operation, OperationEffect, Outcome};
use crate::vocab::Duration;

/// What the history says about one key.
pub(super) struct Key<'a> {
    /// Every write that was begun, in the order in which they were.
    pub(super) writes: &'a [Operation],
    /// What the key held at the end: the final reads that got an answer.
    pub(super) survivors: &'a [Operation],
    /// Whether several may have written it at the same time, so that its writes have no order but that of their times.
    pub(super) contended: bool,
}

/// What became of a key's acknowledged writes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fate<'a> {
    /// How many are surely gone.
    pub(super) lost: u64,
    /// Those of them that are known.
    pub(super) lost_writes: Vec<&'a Operation>,
    /// How many others were either lost, or made up for by attempts whose outcome the client did not learn.
    pub(super) possibly_lost: u64,
    /// What is there and no write explains.
    pub(super) unexplained: Option<Unexplained>,
}

/// What no sequence of the writes can have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unexplained {
    /// A value that nobody wrote to the key, or whose write surely was not executed.
    Phantom,
    /// Values that are only written together, and were not.
    Torn,
    /// A counter above all attempts to increment it.
    Surplus,
    /// An element more often than it was attempted to be added.
    Duplicate,
    /// Elements in another order than that in which they were added.
    Disorder,
}

impl Fate<'_> {
    fn unexplained(what: Unexplained) -> Self {
        Self { unexplained: Some(what), ..Self::default() }
    }
}

impl Unexplained {
    /// In words, after "a key with".
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Phantom => "a value that was never written to it",
            Self::Torn => "values that were never written together",
            Self::Surplus => "more increments than were attempted",
            Self::Duplicate => "an element more often than it was added",
            Self::Disorder => "elements in another order than they were added in",
        }
    }
}

impl<'a> Key<'a> {
    /// The writes that hide what was lost before them.
    pub(super) fn hiding_writes(&self) -> impl Iterator<Item = &'a Operation> {
        self.writes.iter().skip(1).filter(|write| hides_losses(write))
    }

    /// What became of its acknowledged writes; none if nobody knows what survived.
    pub(super) fn fate(&self, case: &Case<'_>) -> Option<Fate<'a>> {
        let last = self.survivors.last()?;
        Some(match last.data {
            // Of a channel there is nothing to read, and which transfers are gone their balances do not tell.
            DataType::Channel | DataType::ShardChannel | DataType::Accounts | DataType::Lock => return None,
            DataType::Value | DataType::Group | DataType::Scattered => {
                let expires = |write: &Operation| expires_nanos(case, write);
                if self.contended {
                    contended::register_fate(self.writes, last, expires)
                } else {
                    register::fate(self.writes, last, expires)
                }
            }
            DataType::Counter if self.contended => contended::counter_fate(self.writes, last),
            DataType::Counter => counter::fate(self.writes, last),
            DataType::Log | DataType::List | DataType::Set | DataType::Hash | DataType::SortedSet => {
                collection::fate(self.writes, self.survivors)
            }
        })
    }

    /// Its acknowledged writes.
    pub(super) fn acknowledged(&self) -> impl Iterator<Item = &'a Operation> {
        self.writes.iter().filter(|write| acknowledged(write))
    }
}

/// Whether a write replaced or removed a value and does not say which: what was lost before it is hidden.
pub(super) fn hides_losses(write: &Operation) -> bool {
    let hides = match write.effect {
        OperationEffect::Replaces => write.replaced_other().is_none(),
        effect => effect == OperationEffect::Removes,
    };
    hides && may_have_happened(write)
}

/// Whether a write was acknowledged. One that found nothing to take wrote nothing.
pub(super) fn acknowledged(write: &Operation) -> bool {
    write.outcome == Outcome::Ok && !write.took_nothing()
}

/// Whether a write may have happened, or may yet.
pub(super) fn may_have_happened(write: &Operation) -> bool {
    write.outcome != Outcome::Fail || write.unknown_attempts > 0
}

/// How long servers remember what the write wrote, in nanoseconds; none if for ever.
pub(super) fn expires_nanos(case: &Case<'_>, write: &Operation) -> Option<u64> {
    let load = case.plan.loads.get(usize::from(write.load))?;
    load.mix.get(usize::from(write.entry()?))?.expires.map(Duration::as_nanos)
}
