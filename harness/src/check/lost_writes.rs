//! How many acknowledged writes are gone at the end.
//!
//! Lost is what neither the final read nor a later write of the same key accounts for. Where a key's value is replaced, that is the
//! least that was lost: a write that was gone and whose key was then written again is not counted. Reads in between could tell of
//! some of those, but a stale master may have answered them, so they are no proof. What is counted or added to (`INCR`, `RPUSH`,
//! `SADD`, ..) is counted in full, and so is a load that writes every key once.

use std::collections::BTreeMap;
use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::fate::{Key, Unexplained};
use super::finding::{self, Finding, Status};
use super::preload;
use super::risk;
use super::slo_kind::{NeededLoad, SloKind, WrongNumber};
use super::takedown::{Takedown, TakedownCause};
use crate::evidence::{DataType, EventKind, Operation, OperationEffect, Outcome, RecordedLoad, Value};

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
        if tally.acknowledged == 0 && tally.unexplained.is_empty() {
            return Finding::nothing(self, limit, "no write was acknowledged");
        }
        let risk = risk::of(case);
        let is_safe = tally.lost == 0 && risk.as_ref().is_some_and(|risk| !risk.arose);
        let status = match () {
            () if !tally.unexplained.is_empty() || tally.lost > self.max => Status::Fail,
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

/// A key: its load, what it holds, its number. A plan whose loads could write the same key is refused, so these are different keys.
type KeyId = (u16, DataType, u32);

fn keys<'a>(case: &'a Case<'_>) -> BTreeMap<KeyId, Key<'a>> {
    let mut keys = BTreeMap::<_, Key<'a>>::new();
    for operation in case.preloads.iter().chain(&case.evidence.history) {
        let id = (operation.load, operation.data, operation.key);
        if operation.writes() && !operation.never_begun() {
            keys.entry(id).or_default().writes.push(operation);
        } else if operation.is_final_read() && operation.outcome == Outcome::Ok {
            keys.entry(id).or_default().survivors.push(operation);
        }
    }
    for key in keys.values_mut() {
        key.writes.sort_by_key(|write| (write.started, write.ended));
    }
    keys
}

/// Why some key's writes have no order, if that is so: the judgement rests on it.
fn writes_overlap(case: &Case<'_>, keys: &BTreeMap<KeyId, Key<'_>>) -> Option<String> {
    let overlapping = keys.values().find_map(|key| {
        let mut in_turn = key.writes.iter().filter(|write| write.effect.takes_turns());
        let mut before = in_turn.next()?;
        in_turn.find(|write| write.started < std::mem::replace(&mut before, write).ended)
    })?;
    let (key, at) = (case.key_text(overlapping), overlapping.started);
    Some(format!("two writes of {key} were under way together at {at}: its writes have no order"))
}

/// All keys' fates added up.
#[derive(Default)]
struct Tally {
    acknowledged: u64,
    keys: u64,
    /// Whether the value of any key was replaced.
    rewritten: bool,
    lost: u64,
    lost_keys: u64,
    possibly_lost: u64,
    unread_keys: u64,
    examples: Vec<String>,
    /// How many keys hold what no write explains, and the first of them.
    unexplained: BTreeMap<Unexplained, (u64, String)>,
}

impl Tally {
    fn add(&mut self, case: &Case<'_>, key: &Key<'_>) {
        let acknowledged = key.acknowledged().count() as u64;
        self.acknowledged += acknowledged;
        self.keys += u64::from(acknowledged > 0);
        self.rewritten |= key.is_rewritten();
        let Some(fate) = key.fate(case) else {
            self.unread_keys += u64::from(acknowledged > 0);
            return;
        };
        self.lost += fate.lost;
        self.lost_keys += u64::from(fate.lost > 0);
        self.possibly_lost += fate.possibly_lost;
        fate.lost_writes.iter().for_each(|write| self.name(case, write));
        let Some(survivor) = key.survivors.last() else { return };
        if fate.lost > 0 && fate.lost_writes.is_empty() {
            let text = format!(
                "{} has {}, {acknowledged} were acknowledged",
                case.key_text(survivor),
                value_text(case, survivor)
            );
            self.example(text);
        }
        if let Some(unexplained) = fate.unexplained {
            self.unexplained.entry(unexplained).or_insert_with(|| (0, case.key_text(survivor))).0 += 1;
        }
    }

    fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(text);
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
        if matches!(write.value, Value::Written(id) if Value::is_preloaded(id)) {
            return self.example(format!("{}, which was preloaded", case.key_text(write)));
        }
        let node = case.node_name(write.node).map_or_else(|| "an unknown node".to_owned(), ToString::to_string);
        let (key, value) = (case.key_text(write), value_text(case, write));
        let text = match write.effect {
            OperationEffect::Removes => format!("{key} removed"),
            OperationEffect::Inserts => format!("{key} with {value}"),
            OperationEffect::Takes => format!("{value} taken from {key}"),
            OperationEffect::Replaces
            | OperationEffect::Increments
            | OperationEffect::Reads
            | OperationEffect::Publishes => {
                format!("{key} = {value}")
            }
        };
        self.example(format!("{text}, acknowledged at {} by {node}", write.ended));
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
        let unexplained = self.unexplained.iter().map(|(what, (keys, first))| {
            format!("{} with {}, first {first}", finding::count(*keys, "key"), what.text())
        });
        finding::note([
            unless_zero(
                self.lost,
                format!("lost on {}: {}", finding::count(self.lost_keys, "key"), self.examples.join(", ")),
            ),
            unless_zero(
                self.possibly_lost,
                format!("of {} nobody can tell, for attempts of unknown outcome", self.possibly_lost),
            ),
            finding::note(unexplained),
            unless_zero(
                self.unread_keys,
                format!("{unread} with acknowledged writes could not be read at the end{why}"),
            ),
            format!("{} with acknowledged writes", finding::count(self.keys, "key")),
        ])
    }
}

/// A written value's unique id in words. In a closed loop each worker counts its own.
pub(super) fn value_text(case: &Case<'_>, write: &Operation) -> String {
    let load = case.plan.loads.get(usize::from(write.load));
    let is_closed = load.is_some_and(RecordedLoad::is_closed);
    match write.value {
        Value::Written(id) if is_closed => format!("worker {}'s value {}", (id >> 40) & 0xFFFF, Value::count(id)),
        Value::Written(id) => format!("value {}", Value::count(id)),
        Value::Missing => "nothing".to_owned(),
        Value::Foreign => "a foreign value".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Torn => "values that were not written together".to_owned(),
    }
}

#[cfg(test)]
#[path = "lost_writes_tests.rs"]
mod tests;
