//! How many acknowledged writes are gone at the end.
//!
//! Lost is what neither the final read nor a later write of the same key accounts for. That is the least that was lost: a write that
//! was gone and whose key was then written again is not counted. Reads in between could tell of some of those, but a stale master
//! may have answered them, so they are no proof. A load that writes every key once loses nothing that is not counted.

use std::collections::BTreeMap;
use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::preload;
use super::risk;
use super::slo_kind::{NeededLoad, SloKind, WrongNumber};
use super::takedown::{Takedown, TakedownCause};
use crate::evidence::{EventKind, Operation, Outcome, RecordedLoad, Value};

/// acknowledged writes that are gone: every key is read back at the end from the master that owns it. With `min: 1` a run that lost fewer is inconclusive: the danger that it is about did not arise
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct LostWrites {
    /// How many may be lost.
    pub max: u64,
    /// How many must be lost at least, where the scenario is about a danger: with fewer the danger did not arise, and the run
    /// is inconclusive.
    #[serde(default)]
    pub min: u64,
}

impl LostWrites {
    pub(super) const EXAMPLE: &str = "LostWrites(max: 0)";
}

impl fmt::Display for LostWrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.min {
            0 => write!(f, "lost writes <= {}", self.max),
            min => write!(f, "lost writes {min} to {}", self.max),
        }
    }
}

/// How many lost writes are named.
const EXAMPLES_MAX: usize = 3;

impl SloKind for LostWrites {
    /// No two writes of a key are under way together, so they have one order; the final read says which of them survived.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = if self.min == 0 { self.max.to_string() } else { format!("{} to {}", self.min, self.max) };
        let keys = keys(case);
        if let Some(doubt) = writes_overlap(case, &keys) {
            return Finding::nothing(self, limit, doubt);
        }
        let mut tally = Tally::default();
        for key in keys.values() {
            tally.add(case, key);
        }
        tally.add_untouched(case);
        if tally.acknowledged == 0 && tally.phantoms.is_empty() {
            return Finding::nothing(self, limit, "no write was acknowledged");
        }
        let risk = risk::of(case);
        let is_safe = tally.lost == 0 && risk.as_ref().is_some_and(|risk| !risk.arose);
        let status = match () {
            () if !tally.phantoms.is_empty() || tally.lost > self.max => Status::Fail,
            () if tally.lost < self.min || tally.unread_keys > 0 || tally.lost + tally.possibly_lost > self.max => {
                Status::Inconclusive
            }
            // Whatever was lost was at risk.
            () if is_safe => Status::Inconclusive,
            () => Status::Pass,
        };
        let (doubt, overwritten) = (self.doubt(&tally), overwritten(case, &tally));
        let risk = risk.map(|risk| risk.text).unwrap_or_default();
        Finding {
            status,
            measured: tally.measured(),
            samples: tally.acknowledged,
            note: finding::note(if is_safe {
                [doubt, risk, tally.note(unserved(case)), overwritten]
            } else {
                [doubt, tally.note(unserved(case)), risk, overwritten]
            }),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// What was lost was lost, whatever the machine took.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn own_assumption(&self) -> Option<&'static str> {
        Some("for lost writes only: writes were at risk when a fault began")
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Writing
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        let message = || format!("at least {} and at most {} contradict each other", self.min, self.max);
        let wrong = || WrongNumber { field: "min", message: message(), help: None, is_relative: true };
        (self.min > self.max).then(wrong).into_iter().collect()
    }
}

impl LostWrites {
    fn doubt(self, tally: &Tally) -> String {
        if tally.lost >= self.min {
            return String::new();
        }
        format!("the danger did not arise: at least {} should have been lost", finding::count(self.min, "write"))
    }
}

/// Why nobody served some keys at the end, if that is so.
fn unserved<'a>(case: &Case<'a>) -> Option<&'a str> {
    case.evidence.events.iter().find_map(|event| match &event.kind {
        EventKind::FinalRead { unserved, .. } => unserved.as_deref(),
        _ => None,
    })
}

/// What a reader must not take for the whole loss, where there was one or a partition made one likely, and keys were written again.
fn overwritten(case: &Case<'_>, tally: &Tally) -> String {
    let replaced = |takedown: &Takedown| takedown.cause == TakedownCause::Partition && takedown.promotion.is_some();
    if !tally.rewritten || tally.lost == 0 && !case.takedowns.iter().any(replaced) {
        return String::new();
    }
    "what was lost and then written again is not counted".to_owned()
}

/// What the history says about one key.
#[derive(Default)]
struct Key<'a> {
    /// Every write that was begun, in the order in which they were.
    writes: Vec<&'a Operation>,
    /// The last final read that got an answer.
    survivor: Option<&'a Operation>,
}

/// By load and key number. A plan whose loads could write the same key is refused, so these are different keys.
fn keys<'a>(case: &'a Case<'_>) -> BTreeMap<(u16, u32), Key<'a>> {
    let mut keys = BTreeMap::<_, Key<'a>>::new();
    for operation in case.preloads.iter().chain(&case.evidence.history) {
        let key = (operation.load, operation.key);
        if operation.writes() && !operation.never_begun() {
            keys.entry(key).or_default().writes.push(operation);
        } else if operation.is_final_read() && operation.outcome == Outcome::Ok {
            keys.entry(key).or_default().survivor = Some(operation);
        }
    }
    for key in keys.values_mut() {
        key.writes.sort_by_key(|write| (write.started, write.ended));
    }
    keys
}

/// Why some key's writes have no order, if that is so: the judgement rests on it.
fn writes_overlap(case: &Case<'_>, keys: &BTreeMap<(u16, u32), Key<'_>>) -> Option<String> {
    let mut pairs = keys.values().flat_map(|key| key.writes.windows(2));
    let overlapping = pairs.find(|pair| pair[1].started < pair[0].ended)?;
    let (key, at) = (case.key_text(overlapping[1]), overlapping[1].started);
    Some(format!("two writes of {key} were under way together at {at}: its writes have no order"))
}

/// What became of a key's acknowledged writes.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// The survivor is the last acknowledged write or a later one.
    Kept,
    /// The acknowledged writes from this position on are surely gone.
    LostFrom(usize),
    /// The acknowledged writes from this position on were either lost, or overwritten by the survivor, whose outcome
    /// the client did not learn and which may have taken effect after them.
    PossiblyLostFrom(usize),
    /// The survivor is nothing that was written to this key, or a write that surely was not executed.
    Phantom,
    /// Nobody knows what survived.
    Unread,
}

impl Key<'_> {
    fn fate(&self) -> Fate {
        let Some(survivor) = self.survivor else { return Fate::Unread };
        let written = match survivor.value {
            // A write that takes effect late adds a value and never takes one away.
            Value::Missing => return self.without_newer(Fate::LostFrom(0), 0),
            Value::Foreign => return Fate::Phantom,
            written @ Value::Written(_) => written,
        };
        let Some(position) = self.writes.iter().position(|write| write.value == written) else {
            return Fate::Phantom;
        };
        let write = self.writes[position];
        let newer = position + 1;
        match write.outcome {
            Outcome::Fail if write.unknown_attempts == 0 => Fate::Phantom,
            Outcome::Ok if write.unknown_attempts == 0 => self.without_newer(Fate::LostFrom(newer), newer),
            _ => self.without_newer(Fate::PossiblyLostFrom(newer), newer),
        }
    }

    /// `fate`, unless no write from this position on was acknowledged.
    fn without_newer(&self, fate: Fate, position: usize) -> Fate {
        if self.acknowledged_from(position).next().is_some() { fate } else { Fate::Kept }
    }

    fn acknowledged_from(&self, position: usize) -> impl Iterator<Item = &Operation> {
        self.writes[position..].iter().copied().filter(|write| write.outcome == Outcome::Ok)
    }
}

/// All keys' fates added up.
#[derive(Default)]
struct Tally {
    acknowledged: u64,
    keys: u64,
    /// Whether any key was written more than once.
    rewritten: bool,
    lost: u64,
    lost_keys: u64,
    possibly_lost: u64,
    unread_keys: u64,
    examples: Vec<String>,
    phantoms: Vec<String>,
}

impl Tally {
    fn add(&mut self, case: &Case<'_>, key: &Key<'_>) {
        let acknowledged = key.acknowledged_from(0).count() as u64;
        self.acknowledged += acknowledged;
        self.keys += u64::from(acknowledged > 0);
        self.rewritten |= key.writes.len() > 1;
        match key.fate() {
            Fate::Kept => {}
            Fate::LostFrom(position) => {
                self.lost_keys += 1;
                for write in key.acknowledged_from(position) {
                    self.lost += 1;
                    self.name(case, write);
                }
            }
            Fate::PossiblyLostFrom(position) => self.possibly_lost += key.acknowledged_from(position).count() as u64,
            Fate::Unread => self.unread_keys += u64::from(acknowledged > 0),
            Fate::Phantom => self.phantoms.extend(key.survivor.map(|read| case.key_text(read))),
        }
    }

    /// What was preloaded, and nobody wrote again.
    fn add_untouched(&mut self, case: &Case<'_>) {
        let untouched = preload::untouched(case.evidence, case.preloads.len());
        self.acknowledged += untouched.keys;
        self.keys += untouched.keys;
        self.unread_keys += untouched.unread;
    }

    fn name(&mut self, case: &Case<'_>, write: &Operation) {
        if self.examples.len() < EXAMPLES_MAX {
            if matches!(write.value, Value::Written(id) if Value::is_preloaded(id)) {
                self.examples.push(format!("{}, which was preloaded", case.key_text(write)));
                return;
            }
            let node = case.node_name(write.node).map_or_else(|| "an unknown node".to_owned(), ToString::to_string);
            let (key, value) = (case.key_text(write), value_text(case, write));
            self.examples.push(format!("{key} = {value}, acknowledged at {} by {node}", write.ended));
        }
    }

    fn measured(&self) -> String {
        match self.possibly_lost {
            0 => self.lost.to_string(),
            possibly => format!("{} surely, {possibly} possibly", self.lost),
        }
    }

    fn note(&self, unserved: Option<&str>) -> String {
        let unless_zero = |number: u64, text: String| if number == 0 { String::new() } else { text };
        let unread = finding::count(self.unread_keys, "key");
        let why = unserved.map(|why| format!(": {why}")).unwrap_or_default();
        let phantom = self.phantoms.first().cloned().unwrap_or_default();
        finding::note([
            unless_zero(
                self.lost,
                format!("lost on {}: {}", finding::count(self.lost_keys, "key"), self.examples.join(", ")),
            ),
            unless_zero(
                self.possibly_lost,
                format!("{} may have been overwritten by a late write of unknown outcome", self.possibly_lost),
            ),
            unless_zero(
                self.phantoms.len() as u64,
                format!(
                    "{} with a value that was never written to it, first {phantom}",
                    finding::count(self.phantoms.len() as u64, "key")
                ),
            ),
            unless_zero(
                self.unread_keys,
                format!("{unread} with acknowledged writes could not be read at the end{why}"),
            ),
            format!("{} with acknowledged writes", finding::count(self.keys, "key")),
        ])
    }
}

/// A written value's unique id in words. In a closed loop each worker counts its own.
fn value_text(case: &Case<'_>, write: &Operation) -> String {
    let load = case.plan.loads.get(usize::from(write.load));
    let is_closed = load.is_some_and(RecordedLoad::is_closed);
    match write.value {
        Value::Written(id) if is_closed => {
            format!("worker {}'s value {}", (id >> 40) & 0xFFFF, id & 0xFF_FFFF_FFFF)
        }
        Value::Written(id) => format!("value {}", id & 0xFF_FFFF_FFFF),
        Value::Missing => "nothing".to_owned(),
        Value::Foreign => "a foreign value".to_owned(),
    }
}

#[cfg(test)]
#[path = "lost_writes_tests.rs"]
mod tests;
