//! What every read of a set, a hash, a list or a log tells, and what became of each element: as Jepsen's `set-full` has it.

use std::collections::HashMap;

use super::case::Case;
use super::fate::{acknowledged, may_have_happened};
use super::reads::Impossible;
use crate::evidence::{DataType, Operation, OperationEffect, OperationSource, Outcome, Value};
use crate::vocab::Instant;

/// An element that was acknowledged, as the reads tell of it that began afterwards and would have to have found it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ElementSeen<'a> {
    pub(crate) write: &'a Operation,
    /// When the last of them began that found it.
    pub(crate) found: Option<Instant>,
    /// When the last of them began that did not.
    pub(crate) missed: Option<Instant>,
    /// The same of those that had ended before a take of unknown outcome began: these miss what nobody can have taken.
    missed_before_takes: Option<Instant>,
    /// Whether somebody was told that they took it.
    is_taken: bool,
}

/// What became of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ElementFate {
    /// Nobody looked after it had been acknowledged.
    NeverRead,
    /// Everybody found it who looked.
    Stable,
    /// Somebody did not find it so long after it had been acknowledged, in nanoseconds, and others found it later.
    Stale(u64),
    /// The last who looked did not find it.
    Lost,
}

impl ElementSeen<'_> {
    pub(crate) fn fate(&self) -> ElementFate {
        self.fate_if_missed(self.missed)
    }

    /// The same if a take of unknown outcome took it.
    pub(crate) fn fate_if_taken(&self) -> ElementFate {
        self.fate_if_missed(self.missed_before_takes)
    }

    /// Whether nobody knows if it is still there: nobody took it, and nobody looked.
    pub(crate) fn is_unseen(&self) -> bool {
        self.fate() == ElementFate::NeverRead && !self.is_taken
    }

    fn fate_if_missed(&self, missed: Option<Instant>) -> ElementFate {
        match (self.found, missed) {
            (None, None) => ElementFate::NeverRead,
            (Some(_), None) => ElementFate::Stable,
            (Some(found), Some(missed)) if missed <= found => ElementFate::Stale(missed.nanos_since(self.write.ended)),
            _ => ElementFate::Lost,
        }
    }
}

/// What the reads of one key's elements tell, clients' and the final one.
#[derive(Default)]
pub(crate) struct KeyElements<'a> {
    /// Every read that a client did, and what cannot be in it, if anything cannot.
    pub(super) reads: Vec<(&'a Operation, Option<Impossible>)>,
    /// The elements that were acknowledged, when all reads have been looked at.
    pub(super) acknowledged: Vec<ElementSeen<'a>>,
    /// How many of them takes of unknown outcome may have taken.
    pub(super) unknown_takes: u64,
}

/// What the reads of the elements of the key tell that has these operations; nothing where nobody looked.
pub(super) fn of_key<'a>(case: &Case<'_>, operations: &'a [Operation]) -> KeyElements<'a> {
    let is_collection = operations.first().is_some_and(|first| first.data.is_collection());
    let is_look = |operation: &Operation| is_read(operation) || operation.is_final_read();
    if !is_collection || !operations.iter().any(is_look) {
        return KeyElements::default();
    }
    let (mut key, mut reads) = (ElementKey::of(operations), Vec::new());
    for found in operations.iter().filter(|operation| is_read(operation)) {
        let look = key.look(found, case.evidence.elements.of(found.value));
        key.look_for_missing(found, reads_all(case, found, look.count), look.first);
        reads.push((found, look.impossible));
    }
    let last: Vec<_> = operations.iter().filter(|operation| operation.is_final_read()).collect();
    if let Some(first) = last.first().filter(|first| first.outcome == Outcome::Ok) {
        let elements = last.iter().map(|found| found.value).filter(|value| *value != Value::Missing);
        let look = key.look(first, elements);
        key.look_for_missing(first, true, look.first);
    }
    let acknowledged = key.elements.iter().filter(|element| acknowledged(element.write));
    KeyElements { reads, acknowledged: acknowledged.map(Element::seen).collect(), unknown_takes: key.unknown_takes }
}

/// Whether a client read elements and was answered.
fn is_read(operation: &Operation) -> bool {
    let is_answered = operation.effect == OperationEffect::Reads && operation.outcome == Outcome::Ok;
    is_answered && matches!(operation.value, Value::Elements { .. } | Value::Missing) && !operation.is_final_read()
}

/// An element that somebody tried to insert.
struct Element<'a> {
    write: &'a Operation,
    /// When somebody first tried to take it; none if nobody did.
    taken: Option<Instant>,
    /// The last look that found it, from 1, and how often that did.
    look: (usize, u64),
    found: Option<Instant>,
    missed: Option<Instant>,
    missed_before_takes: Option<Instant>,
}

impl<'a> Element<'a> {
    fn new(write: &'a Operation) -> Self {
        Self { write, taken: None, look: (0, 0), found: None, missed: None, missed_before_takes: None }
    }

    fn seen(&self) -> ElementSeen<'a> {
        let (found, missed, missed_before_takes) = (self.found, self.missed, self.missed_before_takes);
        ElementSeen { write: self.write, found, missed, missed_before_takes, is_taken: self.taken.is_some() }
    }

    /// Whether it was added once, and no attempt can add it again.
    fn is_sure(&self) -> bool {
        self.write.outcome == Outcome::Ok && self.write.unknown_attempts == 0
    }

    /// How often it may be there.
    fn times_at_most(&self) -> u64 {
        let repeats = matches!(self.write.data, DataType::List | DataType::Log);
        let attempts = u64::from(self.write.outcome == Outcome::Ok) + u64::from(self.write.unknown_attempts);
        if repeats { attempts.max(1) } else { 1 }
    }
}

/// The elements of a key, in the order in which they were inserted, as they are looked at.
struct ElementKey<'a> {
    elements: Vec<Element<'a>>,
    places: HashMap<Value, usize>,
    /// Since when a take of unknown outcome may have taken any of them.
    unknown_since: Option<Instant>,
    /// How many attempts to take had such an outcome: each takes one at most.
    unknown_takes: u64,
    looks: usize,
}

/// What a read told.
struct Look {
    /// What no server that keeps elements can have told, if it did.
    impossible: Option<Impossible>,
    /// How many elements it found.
    count: u32,
    /// When the one was added that was added first, of those that were surely added once.
    first: Option<Instant>,
}

impl<'a> ElementKey<'a> {
    fn of(operations: &'a [Operation]) -> Self {
        let of_effect = |effect| operations.iter().filter(move |operation| operation.effect == effect);
        let mut elements: Vec<_> = of_effect(OperationEffect::Inserts).map(Element::new).collect();
        let places: HashMap<_, _> = (0..).zip(&elements).map(|(nth, element)| (element.write.value, nth)).collect();
        for take in of_effect(OperationEffect::Takes) {
            if let Some(element) = places.get(&take.value).map(|nth: &usize| &mut elements[*nth]) {
                element.taken = Some(element.taken.map_or(take.started, |taken| taken.min(take.started)));
            }
        }
        let unknown = || of_effect(OperationEffect::Takes).filter(|take| take.unknown_attempts > 0);
        let unknown_takes = unknown().map(|take| u64::from(take.unknown_attempts)).sum();
        Self { elements, places, unknown_since: unknown().map(|take| take.started).min(), unknown_takes, looks: 0 }
    }

    /// Takes in what a read found.
    fn look(&mut self, read: &Operation, elements: impl Iterator<Item = Value>) -> Look {
        self.looks += 1;
        let (mut impossible, mut count) = (None, 0);
        // Of those that were surely added once, and were found: when the one that was added last began, and the one that was added
        // first ended.
        let (mut latest, mut first) = (None::<Instant>, None::<Instant>);
        for value in elements {
            count += 1;
            let Some(element) = self.places.get(&value).map(|nth| &mut self.elements[*nth]) else {
                impossible = impossible.or(Some(Impossible::NeverWritten));
                continue;
            };
            let write = element.write;
            element.look = (self.looks, if element.look.0 == self.looks { element.look.1 + 1 } else { 1 });
            let out_of_order = write.data.is_ordered() && element.is_sure() && latest >= Some(write.ended);
            impossible = impossible.or(match () {
                () if !may_have_happened(write) => Some(Impossible::NotExecuted),
                () if write.started > read.ended => Some(Impossible::BeforeItWasWritten),
                () if element.look.1 > element.times_at_most() => Some(Impossible::Repeated),
                () if out_of_order => Some(Impossible::OutOfOrder),
                () => None,
            });
            if write.ended < read.started {
                element.found = Some(read.started);
            }
            if element.is_sure() {
                latest = latest.max(Some(write.started));
                first = Some(first.map_or(write.ended, |first| first.min(write.ended)));
            }
        }
        Look { impossible, count, first }
    }

    /// Notes which elements should have been found and were not. Of the last few of a list these are only those that were inserted
    /// after one that was found.
    fn look_for_missing(&mut self, read: &Operation, all: bool, first: Option<Instant>) {
        let from = match first {
            _ if all => 0,
            Some(first) if read.data.is_ordered() => {
                self.elements.partition_point(|element| element.write.started < first)
            }
            _ => return,
        };
        let is_before_takes = self.unknown_since.is_none_or(|since| read.ended < since);
        let until = self.elements.partition_point(|element| element.write.started < read.started);
        for element in &mut self.elements[from.min(until)..until] {
            let write = element.write;
            let is_taken = element.taken.is_some_and(|taken| taken <= read.ended);
            if acknowledged(write) && write.ended < read.started && element.look.0 != self.looks && !is_taken {
                element.missed = Some(read.started);
                if is_before_takes {
                    element.missed_before_takes = Some(read.started);
                }
            }
        }
    }
}

/// Whether a read that found so many elements read all that there were.
fn reads_all(case: &Case<'_>, read: &Operation, count: u32) -> bool {
    let OperationSource::Mix { entry, .. } = read.source else { return true };
    let load = case.plan.loads.get(usize::from(read.load));
    let last = load.and_then(|load| load.mix.get(usize::from(entry))?.reads_last);
    last.is_none_or(|last| count < last)
}
