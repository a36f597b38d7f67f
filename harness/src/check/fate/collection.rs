//! What is made of elements: each is there, or was taken, or is lost.

use std::collections::BTreeMap;

use super::{Fate, Unexplained, acknowledged, may_have_happened};
use crate::evidence::{Operation, OperationEffect, Outcome, Value};

/// Accounts for every element that was added.
pub(super) fn fate<'a>(writes: &'a [Operation], survivors: &[Operation]) -> Fate<'a> {
    let mut elements = BTreeMap::new();
    let mut unknown_takes = 0;
    for write in writes {
        match write.effect {
            OperationEffect::Inserts => drop(elements.insert(write.value, Element::new(write))),
            OperationEffect::Takes => unknown_takes += u64::from(write.unknown_attempts),
            _ => {}
        }
    }
    let mut fate = Fate::default();
    for take in writes.iter().filter(|write| write.effect == OperationEffect::Takes && acknowledged(write)) {
        match elements.get_mut(&take.value) {
            Some(element) if may_have_happened(element.write) => element.takes.push(take),
            _ => fate.unexplained = Some(Unexplained::Phantom),
        }
    }
    // When the latest of the elements that were found so far was added, of those that were certainly added once.
    let mut latest = None;
    for survivor in survivors.iter().filter(|survivor| survivor.value != Value::Missing) {
        let Some(element) = elements.get_mut(&survivor.value).filter(|element| may_have_happened(element.write)) else {
            fate.unexplained = Some(Unexplained::Phantom);
            continue;
        };
        element.found += 1;
        if survivor.data.is_ordered() && element.is_sure() {
            let in_order = latest.is_none_or(|latest| latest < element.write.ended);
            fate.unexplained = fate.unexplained.or((!in_order).then_some(Unexplained::Disorder));
            latest = latest.max(Some(element.write.started));
        }
    }
    for element in elements.values() {
        element.add_to(&mut fate);
    }
    // Of the elements that are missing, a take without a reply may have taken any.
    let missing: Vec<_> =
        elements.values().filter(|element| element.is_missing()).map(|element| element.write).collect();
    let maybe_taken = unknown_takes.min(missing.len() as u64);
    fate.possibly_lost += maybe_taken;
    fate.lost += missing.len() as u64 - maybe_taken;
    fate.lost_writes.extend(missing.into_iter().skip(usize::try_from(maybe_taken).unwrap_or(usize::MAX)));
    fate
}

/// An element, and what became of it.
struct Element<'a> {
    write: &'a Operation,
    /// The takes that were acknowledged with it.
    takes: Vec<&'a Operation>,
    /// How often it is there in the end.
    found: u64,
}

impl<'a> Element<'a> {
    fn new(write: &'a Operation) -> Self {
        Self { write, takes: Vec::new(), found: 0 }
    }

    /// Whether it was added once, and no attempt can add it again.
    fn is_sure(&self) -> bool {
        self.write.outcome == Outcome::Ok && self.write.unknown_attempts == 0
    }

    /// How often it may have been added.
    fn added_at_most(&self) -> u64 {
        (u64::from(self.write.outcome == Outcome::Ok) + u64::from(self.write.unknown_attempts)).max(1)
    }

    fn add_to(&self, fate: &mut Fate<'a>) {
        let takes = self.takes.len() as u64;
        if self.found > self.added_at_most() {
            fate.unexplained = fate.unexplained.or(Some(Unexplained::Duplicate));
        } else {
            // It was there again after it had been taken: that much of the takes is lost.
            let again = (self.found + takes).saturating_sub(self.added_at_most());
            fate.lost += again;
            fate.lost_writes.extend(self.takes.iter().take(usize::try_from(again).unwrap_or(usize::MAX)));
        }
    }

    /// Whether it was acknowledged, and nobody has it.
    fn is_missing(&self) -> bool {
        acknowledged(self.write) && self.found == 0 && self.takes.is_empty()
    }
}
