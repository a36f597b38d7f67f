//! What every read of a key's value tells, beside the key's writes.
//!
//! No two writes of a key are under way together, so they have one order, and a read has a place in it: behind the write whose value
//! it returned. Where a load is contended, one write is older than another only if it had ended when that began. What may come late (an attempt of unknown outcome) may be read at any time after it was begun.

use std::collections::BTreeMap;

use super::case::Case;
use super::fate::contended;
use super::fate::register::{self, Gone};
use super::fate::{acknowledged, expires_nanos, hides_losses, may_have_happened};
use super::takedown::{Promotion, Takedown};
use crate::evidence::{DataType, LoadIndex, Operation, OperationEffect, Outcome, Value};
use crate::vocab::Instant;

/// A read of a value, and what it tells.
pub(crate) struct ReadFound<'a> {
    pub(crate) read: &'a Operation,
    /// What no write of its key can have left, if it is that.
    pub(crate) impossible: Option<Impossible>,
    /// When the newest write ended that was acknowledged before it began and is not known to be lost, if there is one.
    pub(crate) newest_ended: Option<Instant>,
    /// Beside that write.
    pub(crate) age: ReadAge,
    /// Beside what its worker had written; none if that had not written the key.
    pub(crate) beside_own_write: Option<ReadAge>,
    /// Beside what its worker had read before; none if that had not read the key.
    pub(crate) beside_own_read: Option<ReadAge>,
}

/// How what a read returned stands to a write that it might have missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadAge {
    /// It is as new.
    Fresh,
    /// It is older. But another node was promoted in between, and nobody knows whether it had that write.
    OlderOrLost,
    /// It is older.
    Stale,
}

/// What no read may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Impossible {
    NeverWritten,
    NotExecuted,
    BeforeItWasWritten,
    Expired,
    /// More often than it was added.
    Repeated,
    /// Before what had been added earlier.
    OutOfOrder,
    /// More than all increments that were tried by then.
    MoreThanCounted,
    /// The reply to an increment that counts none.
    NotCounted,
}

impl Impossible {
    /// In words, after "a read of".
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NeverWritten => "what was never written to the key",
            Self::NotExecuted => "what was surely not written",
            Self::BeforeItWasWritten => "what was written only later",
            Self::Expired => "what had expired",
            Self::Repeated => "an element more often than it was added",
            Self::OutOfOrder => "an element behind one that was added after it",
            Self::MoreThanCounted => "more than was counted by then",
            Self::NotCounted => "a counter that did not count the increment",
        }
    }
}

/// A server may forget a value so much later than its time says: it counts whole milliseconds.
const EXPIRY_SLACK_NANOS: u64 = 2_000_000;

/// Every read of a key's value that was answered, in the order in which they began. `preloaded` is the write that preloaded the key, if
/// one did.
pub(super) fn found<'a>(
    case: &Case<'_>,
    preloaded: Option<Operation>,
    operations: &'a [Operation],
) -> Vec<ReadFound<'a>> {
    let is_value = operations.first().is_some_and(|first| matches!(first.data, DataType::Value | DataType::Group));
    if !is_value || !operations.iter().any(is_read) {
        return Vec::new();
    }
    let own = operations.iter().filter(|operation| operation.writes() && !operation.never_begun());
    let writes: Vec<_> = preloaded.into_iter().chain(own.copied()).collect();
    let survivor = operations.iter().rfind(|operation| operation.is_final_read() && operation.outcome == Outcome::Ok);
    let mut register = Register::of(case, &writes, survivor);
    operations.iter().filter(|operation| is_read(operation)).map(|read| register.found(read)).collect()
}

/// Whether a client read a value and was answered. A scan reads no value.
fn is_read(operation: &Operation) -> bool {
    operation.effect == OperationEffect::Reads
        && !operation.is_final_read()
        && operation.outcome == Outcome::Ok
        && !matches!(operation.value, Value::Torn | Value::Number(_) | Value::Elements { .. })
}

/// A client's worker: its load and its number.
type WorkerId = (LoadIndex, u16);

/// A key's writes in their order, and what was known before the read that is looked at: reads are looked at in order.
struct Register<'a> {
    case: &'a Case<'a>,
    writes: &'a [Operation],
    /// The writes in the order of their ends, where that is not their order.
    by_end: Option<Vec<usize>>,
    /// The place behind the write of each value, from 1; in order.
    places: Vec<(Value, usize)>,
    gone: Vec<Gone>,
    /// The last write that hides whether those before it were lost; all are hidden if nobody knows what is left.
    last_hiding: Option<usize>,
    /// The removals that may have happened, each with the one that ended last of those up to it; and the first that may have come
    /// late.
    removals: Vec<(usize, usize)>,
    late_removal: Option<usize>,
    /// Whether servers forget any of what was written.
    expires: bool,
    /// How many writes had ended before the read.
    before: usize,
    /// The newest of these that was acknowledged and is not known to be lost: of all, and of each worker.
    newest: Option<usize>,
    newest_own: BTreeMap<WorkerId, usize>,
    /// What each worker has read: the place of the newest, and when that read ended.
    read: BTreeMap<WorkerId, (usize, Instant)>,
}

impl<'a> Register<'a> {
    fn of(case: &'a Case<'a>, writes: &'a [Operation], survivor: Option<&Operation>) -> Self {
        let places = writes.iter().enumerate().filter(|(_, write)| write.effect.is_unique());
        let mut places: Vec<_> = places.map(|(nth, write)| (write.value, nth + 1)).collect();
        places.sort_unstable();
        let contended = writes.iter().any(|write| case.is_contended(write));
        let expires = |write: &Operation| expires_nanos(case, write);
        let (gone, _) = if contended {
            contended::gone(writes, survivor, expires)
        } else {
            register::gone(writes, survivor, expires)
        };
        let by_end = contended.then(|| {
            let mut by_end: Vec<_> = (0..writes.len()).collect();
            by_end.sort_by_key(|nth| writes[*nth].ended);
            by_end
        });
        let last_hiding = survivor.map_or(Some(writes.len()), |_| writes.iter().rposition(hides_losses));
        let mut removals = Vec::<(usize, usize)>::new();
        for nth in (0..writes.len()).filter(|nth| removes(&writes[*nth])) {
            let both = removals.last().map(|(_, latest)| *latest).into_iter().chain([nth]);
            removals.push((nth, both.max_by_key(|nth| writes[*nth].ended).unwrap_or(nth)));
        }
        Self {
            case,
            writes,
            by_end,
            places,
            gone,
            last_hiding,
            late_removal: removals.iter().map(|(nth, _)| *nth).find(|nth| writes[*nth].unknown_attempts > 0),
            removals,
            expires: writes.iter().any(|write| expires_nanos(case, write).is_some()),
            before: 0,
            newest: None,
            newest_own: BTreeMap::new(),
            read: BTreeMap::new(),
        }
    }

    /// Takes in the writes that had ended when the read began.
    fn advance_to(&mut self, read: &Operation) {
        while self.before < self.writes.len() {
            let nth = self.by_end.as_ref().map_or(self.before, |by_end| by_end[self.before]);
            let write = &self.writes[nth];
            if write.ended >= read.started {
                break;
            }
            if acknowledged(write) && self.gone[nth] == Gone::No {
                self.newest = self.newest.max(Some(nth));
                let own = self.newest_own.entry((write.load, write.worker)).or_insert(nth);
                *own = nth.max(*own);
            }
            self.before += 1;
        }
    }

    /// Whether a write is newer than what a read returned that has this place.
    fn is_behind(&self, place: usize, nth: usize) -> bool {
        match place.checked_sub(1).filter(|_| self.by_end.is_some()) {
            None => place <= nth,
            Some(left) => self.writes[left].ended <= self.writes[nth].started,
        }
    }

    /// Whether nothing of what was written from that place on, up to that write, is known to be lost.
    fn is_kept(&self, place: usize, nth: usize) -> bool {
        let from = if self.by_end.is_some() { nth } else { place };
        self.gone[from..=nth].iter().all(|gone| *gone == Gone::No)
    }

    fn found<'r>(&mut self, read: &'r Operation) -> ReadFound<'r> {
        self.advance_to(read);
        let worker = (read.load, read.worker);
        let newest_ended = self.newest.map(|nth| self.writes[nth].ended);
        let (impossible, age, beside_own_write, beside_own_read) = (None, ReadAge::Fresh, None, None);
        let found = ReadFound { read, impossible, newest_ended, age, beside_own_write, beside_own_read };
        let (place, is_sure) = match self.place(read) {
            Ok(place) => place,
            Err(impossible) => return ReadFound { impossible: Some(impossible), ..found },
        };
        // What may come late may be read whenever it came.
        let beside = |nth: usize| {
            let is_older = is_sure && self.is_behind(place, nth);
            if is_older { self.older_than(nth, self.writes[nth].ended, read) } else { ReadAge::Fresh }
        };
        let (age, beside_own_write) =
            (self.newest.map_or(ReadAge::Fresh, beside), self.newest_own.get(&worker).copied().map(beside));
        let before = self.read.get(&worker).copied();
        let went_back = |(earlier, at): (usize, Instant)| {
            // Not to what is known to have been lost since.
            let newer = earlier.checked_sub(1).filter(|newer| is_sure && self.is_behind(place, *newer));
            let newer = newer.filter(|newer| self.is_kept(place, *newer));
            newer.map_or(ReadAge::Fresh, |newer| self.older_than(newer, at, read))
        };
        let beside_own_read = before.filter(|(_, ended)| *ended <= read.started).map(went_back);
        let earlier = before.and_then(|(earlier, _)| earlier.checked_sub(1));
        if earlier.is_none_or(|earlier| !self.is_behind(place, earlier)) {
            self.read.insert(worker, (place, read.ended));
        }
        ReadFound { age, beside_own_write, beside_own_read, ..found }
    }

    /// How a read that returned something older than a write stands to it, which was there at a moment.
    fn older_than(&self, nth: usize, there: Instant, read: &Operation) -> ReadAge {
        let is_hidden = self.last_hiding.is_some_and(|hiding| hiding > nth);
        let promoted = |takedown: &Takedown| {
            let at = takedown.promotion.as_ref().and_then(Promotion::at);
            takedown.is_about(read) && at.is_some_and(|at| there < at && at <= read.ended)
        };
        if is_hidden && self.case.takedowns.iter().any(promoted) { ReadAge::OlderOrLost } else { ReadAge::Stale }
    }

    /// The place behind the write that left what was read, from 1, or 0 if nothing had been written; and whether that cannot have
    /// come late.
    fn place(&self, read: &Operation) -> Result<(usize, bool), Impossible> {
        match read.value {
            Value::Missing => Ok(self.place_of_nothing(read)),
            value @ Value::Written(_) => {
                let place = self.place_of(value).ok_or(Impossible::NeverWritten)?;
                let write = &self.writes[place - 1];
                let is_sure = write.unknown_attempts == 0;
                let lasts_nanos = expires_nanos(self.case, write).filter(|_| write.outcome == Outcome::Ok && is_sure);
                let kept_until =
                    lasts_nanos.map(|nanos| write.ended.plus_nanos(nanos.saturating_add(EXPIRY_SLACK_NANOS)));
                match () {
                    () if !may_have_happened(write) => Err(Impossible::NotExecuted),
                    () if write.started > read.ended => Err(Impossible::BeforeItWasWritten),
                    () if kept_until.is_some_and(|until| until < read.started) => Err(Impossible::Expired),
                    () => Ok((place, is_sure)),
                }
            }
            Value::Foreign | Value::Number(_) | Value::Torn | Value::Elements { .. } => Err(Impossible::NeverWritten),
        }
    }
}

impl Register<'_> {
    /// The place behind the last write of a value.
    fn place_of(&self, value: Value) -> Option<usize> {
        let behind = self.places.partition_point(|(written, _)| *written <= value);
        self.places[..behind].last().filter(|(written, _)| *written == value).map(|(_, place)| *place)
    }

    /// The same for a read that found nothing: behind the last removal, or the last value that may have been forgotten.
    fn place_of_nothing(&self, read: &Operation) -> (usize, bool) {
        let begun = self.writes.partition_point(|write| write.started <= read.ended);
        if !self.expires {
            let removed = self.removals.partition_point(|(nth, _)| *nth < begun);
            let last = removed.checked_sub(1).map(|last| self.removals[last].1);
            return (last.map_or(0, |nth| nth + 1), self.late_removal.is_none_or(|late| late >= begun));
        }
        let is_gone = |write: &Operation| {
            let lasts_nanos = expires_nanos(self.case, write);
            let expired = lasts_nanos.is_some_and(|nanos| write.started.plus_nanos(nanos) <= read.ended);
            removes(write) || may_have_happened(write) && expired
        };
        let is_sure = !self.writes[..begun].iter().any(|write| write.unknown_attempts > 0 && is_gone(write));
        (self.writes[..begun].iter().rposition(is_gone).map_or(0, |nth| nth + 1), is_sure)
    }
}

/// Whether a write removed the key, or may have.
fn removes(write: &Operation) -> bool {
    write.effect == OperationEffect::Removes && may_have_happened(write)
}
