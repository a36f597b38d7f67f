//! What every read of a key's value tells, beside the key's writes.
//!
//! No two writes of a key are under way together, so they have one order, and a read has a place in it: behind the write whose value
//! it returned. What may come late (an attempt of unknown outcome) may be read at any time after it was begun.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::RangeInclusive;

use super::case::Case;
use super::fate::register::{self, Gone};
use super::fate::{acknowledged, expires_nanos, may_have_happened};
use super::finding::{self, Finding, Status};
use super::keys;
use super::preload::{self, Preloads};
use crate::evidence::{DataType, LoadIndex, Operation, OperationEffect, Outcome, Value};
use crate::vocab::Instant;

/// A read of a value, and what it tells.
pub(crate) struct ReadFound<'a> {
    pub(crate) read: &'a Operation,
    /// What no write of its key can have left, if it is that.
    pub(crate) impossible: Option<Impossible>,
    /// The newest write that was acknowledged before it began and was not lost, if there is one.
    pub(crate) newest: Option<&'a Operation>,
    /// Whether it returned something older than that write.
    pub(crate) is_stale: bool,
    /// Whether its worker had written the key, and then whether it returned something older than that.
    pub(crate) of_own_write: Option<bool>,
    /// Whether its worker had read the key, and then whether it returned something older than before.
    pub(crate) of_own_read: Option<bool>,
}

/// What no read may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Impossible {
    NeverWritten,
    NotExecuted,
    BeforeItWasWritten,
    Expired,
}

impl Impossible {
    /// In words, after "a read of".
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NeverWritten => "what was never written to the key",
            Self::NotExecuted => "what was surely not written",
            Self::BeforeItWasWritten => "what was written only later",
            Self::Expired => "what had expired",
        }
    }
}

/// A server may forget a value so much later than its time says: it counts whole milliseconds.
const EXPIRY_SLACK_NANOS: u64 = 2_000_000;

/// Calls `visit` with every read of a value that was answered.
pub(crate) fn for_each_read(case: &Case<'_>, mut visit: impl FnMut(&ReadFound<'_>)) {
    let preloads = Preloads::of(case.evidence);
    let mut writes = Vec::new();
    let wanted = |operation: &Operation| {
        matches!(operation.data, DataType::Value | DataType::Group) && (preload::tells(operation) || is_read(operation))
    };
    keys::for_each_key(case.evidence, wanted, |id, operations| {
        if !operations.iter().any(is_read) {
            return;
        }
        writes.clear();
        writes.extend(preloads.write(id));
        writes.extend(operations.iter().filter(|operation| operation.writes()));
        let survivor =
            operations.iter().rfind(|operation| operation.is_final_read() && operation.outcome == Outcome::Ok);
        let register = Register::of(case, &writes, survivor);
        let mut sessions = BTreeMap::new();
        for read in operations.iter().filter(|operation| is_read(operation)) {
            visit(&register.found(read, &mut sessions));
        }
    });
}

/// Whether a client read a value and was answered. What a scan read is the number of keys.
fn is_read(operation: &Operation) -> bool {
    operation.effect == OperationEffect::Reads
        && !operation.is_final_read()
        && operation.outcome == Outcome::Ok
        && !matches!(operation.value, Value::Torn | Value::Number(_))
}

/// What a worker has read of the key: the place of the newest, and when that read ended.
type Sessions = BTreeMap<(LoadIndex, u16), (usize, Instant)>;

/// A key's writes in their order.
struct Register<'a> {
    case: &'a Case<'a>,
    writes: &'a [Operation],
    /// The place behind the write of each value, from 1.
    places: HashMap<Value, usize>,
    gone: Vec<Gone>,
}

impl<'a> Register<'a> {
    fn of(case: &'a Case<'a>, writes: &'a [Operation], survivor: Option<&Operation>) -> Self {
        let places = writes.iter().enumerate().filter(|(_, write)| write.effect.is_unique());
        let places = places.map(|(nth, write)| (write.value, nth + 1)).collect();
        let (gone, _) = register::gone(writes, survivor, |write| expires_nanos(case, write));
        Self { case, writes, places, gone }
    }

    fn found(&self, read: &'a Operation, sessions: &mut Sessions) -> ReadFound<'a> {
        let before = self.writes.partition_point(|write| write.ended < read.started);
        let is_newest = |nth: &usize| acknowledged(&self.writes[*nth]) && self.gone[*nth] == Gone::No;
        let newest = (0..before).rev().find(is_newest);
        let is_own = |nth: &usize| {
            let write = &self.writes[*nth];
            (write.load, write.worker) == (read.load, read.worker) && is_newest(nth)
        };
        let newest_own = (0..before).rev().find(is_own);
        let newest_write = newest.map(|nth| &self.writes[nth]);
        let place = match self.place(read) {
            Ok(place) => place,
            Err(impossible) => {
                return ReadFound {
                    read,
                    impossible: Some(impossible),
                    newest: newest_write,
                    is_stale: false,
                    of_own_write: None,
                    of_own_read: None,
                };
            }
        };
        // What may come late may be read whenever it came.
        let is_sure = place.checked_sub(1).is_none_or(|nth| self.writes[nth].unknown_attempts == 0);
        let is_before = |nth: usize| is_sure && place < nth + 1;
        let session = sessions.entry((read.load, read.worker)).or_insert((place, read.ended));
        let earlier = Some(session.0).filter(|_| session.1 <= read.started);
        let went_back = |earlier: usize| {
            // Not to what was lost since.
            is_sure && place < earlier && self.gone[place..earlier].iter().all(|gone| *gone == Gone::No)
        };
        let of_own_read = earlier.map(went_back);
        if place >= session.0 {
            *session = (place, read.ended);
        }
        ReadFound {
            read,
            impossible: None,
            newest: newest_write,
            is_stale: newest.is_some_and(is_before),
            of_own_write: newest_own.map(is_before),
            of_own_read,
        }
    }

    /// The place behind the write that left what was read, from 1; 0 if nothing had been written.
    fn place(&self, read: &Operation) -> Result<usize, Impossible> {
        let expires = |nth: usize| expires_nanos(self.case, &self.writes[nth]);
        match read.value {
            Value::Missing => {
                let begun = self.writes.partition_point(|write| write.started <= read.ended);
                let removed = |nth: &usize| {
                    let write = &self.writes[*nth];
                    let expired = || expires(*nth).is_some_and(|nanos| write.started.plus_nanos(nanos) <= read.ended);
                    may_have_happened(write) && (write.effect == OperationEffect::Removes || expired())
                };
                Ok((0..begun).rev().find(removed).map_or(0, |nth| nth + 1))
            }
            value @ Value::Written(_) => {
                let place = *self.places.get(&value).ok_or(Impossible::NeverWritten)?;
                let write = &self.writes[place - 1];
                let expires =
                    expires(place - 1).filter(|_| write.outcome == Outcome::Ok && write.unknown_attempts == 0);
                match () {
                    () if !may_have_happened(write) => Err(Impossible::NotExecuted),
                    () if write.started > read.ended => Err(Impossible::BeforeItWasWritten),
                    () if expires.is_some_and(|nanos| {
                        write.ended.plus_nanos(nanos.saturating_add(EXPIRY_SLACK_NANOS)) < read.started
                    }) =>
                    {
                        Err(Impossible::Expired)
                    }
                    () => Ok(place),
                }
            }
            Value::Foreign | Value::Number(_) | Value::Torn => Err(Impossible::NeverWritten),
        }
    }
}

/// Reads that were asked about, and those of them that are not as they should be.
#[derive(Default)]
pub(super) struct Tally {
    asked: u64,
    wrong: u64,
    first: Option<(Instant, String)>,
}

impl Tally {
    /// Counts those of the loads meant for which `wrong` says whether they are, and in which words.
    pub(super) fn of(
        case: &Case<'_>,
        load: Option<&str>,
        wrong: impl Fn(&ReadFound<'_>) -> Option<Option<String>>,
    ) -> Self {
        let (loads, mut tally) = (case.loads(load), Self::default());
        for_each_read(case, |found| {
            let Some(wrong) = wrong(found).filter(|_| loads.contains(&usize::from(found.read.load))) else { return };
            tally.asked += 1;
            let Some(why) = wrong else { return };
            tally.wrong += 1;
            let read = found.read;
            if tally.first.as_ref().is_none_or(|(at, _)| read.started < *at) {
                let node = case.node_name(read.node).map_or_else(|| "an unknown node".to_owned(), ToString::to_string);
                let text = format!("first {} at {} from {node}: {why}", case.key_text(read), read.started);
                tally.first = Some((read.started, text));
            }
        });
        tally
    }

    /// The finding that so many are wrong: more are too many, and with fewer the danger that the scenario is about did not arise.
    pub(super) fn finding(self, check: &impl fmt::Display, wrong: RangeInclusive<u64>, nothing: &str) -> Finding {
        let (min, max) = wrong.into_inner();
        let limit = if min == 0 { max.to_string() } else { format!("{min} to {max}") };
        if self.asked == 0 {
            return Finding::nothing(check, limit, nothing);
        }
        let too_few = format!("the danger did not arise: there should have been at least {min}");
        Finding {
            status: if self.wrong < min { Status::Inconclusive } else { finding::met(self.wrong <= max) },
            measured: self.wrong.to_string(),
            samples: self.asked,
            note: finding::note([
                if self.wrong < min { too_few } else { String::new() },
                self.first.map(|(_, text)| text).unwrap_or_default(),
            ]),
            ..Finding::nothing(check, limit, "")
        }
    }
}
