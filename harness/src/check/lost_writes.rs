//! How many acknowledged writes are gone at the end.
//!
//! Lost is what neither the final read nor a later write of the same key accounts for. Where a key's value is replaced, that is the
//! least that was lost: a write that was gone and whose key was then written again is not counted, unless the writes say what they
//! replaced (`SET .. GET`). Reads in between could tell of some of those, but a stale master may have answered them, so they are no
//! proof. What is counted or added to (`INCR`, `RPUSH`, `SADD`, ..) is counted in full, and so is a load that writes every key once.

use std::collections::BTreeMap;
use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::autopsy;
use super::case::Case;
use super::fate::{Key, Unexplained};
use super::finding::{self, Finding, Status};
use super::key_history::KeyHistory;
use super::key_question::{AskedOfKeys, KeyQuestion, answer, to_ask};
use super::preload;
use super::risk::{self, Danger};
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

/// How many lost writes are explained.
const EXPLAINED_MAX: usize = 100_000;

impl SloKind for LostWrites {
    fn of_keys(&self, _: &Case<'_>) -> Option<Box<dyn AskedOfKeys>> {
        Some(to_ask(WritesLost))
    }

    /// No two writes of a key are under way together, so they have one order; the final read says which of them survived. Where a
    /// load is contended, the times of its writes are all the order that they have.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = if self.min == 0 { self.max.to_string() } else { format!("{} to {}", self.min, self.max) };
        let tally = match tally(case) {
            Ok(tally) => tally,
            Err(doubt) => return Finding::nothing(self, limit, doubt),
        };
        if tally.acknowledged == 0 && tally.unexplained.is_empty() {
            return Finding::nothing(self, limit, "no write was acknowledged");
        }
        let danger = if self.max == 0 { Danger::NotKnownToBeCopied } else { Danger::LastSecond };
        let risk = risk::of(case, danger);
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
        let summary = finding::note(if is_safe {
            [doubt, risk, tally.note(unserved(case)), overwritten]
        } else {
            [doubt, tally.note(unserved(case)), risk, overwritten]
        });
        let explained = autopsy::lines(case, &tally.lost_writes);
        Finding {
            status,
            measured: tally.measured(),
            samples: tally.acknowledged,
            note: std::iter::once(summary).chain(explained).collect::<Vec<_>>().join("\n"),
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
        NeededLoad::WritingWhatCanBeLost
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        WrongNumber::of_range(&self.min, &self.max)
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

/// How much of the whole loss is counted, where writes told what they replaced; else what a reader must not take for the whole, where
/// there was one or a partition made one likely, and keys were written again.
fn overwritten(case: &Case<'_>, tally: &Tally) -> String {
    let replaced = |takedown: &Takedown| takedown.cause == TakedownCause::Partition && takedown.promotion.is_some();
    match tally.hiding {
        0 if tally.telling => "every write told what it replaced".to_owned(),
        hiding if tally.telling => {
            format!("{} could not tell what was lost before", finding::count(hiding, "write"))
        }
        0 => String::new(),
        _ if tally.lost == 0 && !case.takedowns.iter().any(replaced) => String::new(),
        _ => "what was lost and then written again is not counted".to_owned(),
    }
}

/// What becomes of every key's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WritesLost;

impl KeyQuestion for WritesLost {
    type Tally = Tally;

    fn add(&self, tally: &mut Tally, key: &KeyHistory<'_>) {
        // Balances do not tell which transfers are gone: `TotalHolds` is about those.
        if key.id.1 == DataType::Accounts || !key.operations.iter().any(preload::tells) {
            return;
        }
        let preloaded = key.preloads.write(key.id);
        tally.touched += usize::from(preloaded.is_some());
        let own = key.operations.iter().filter(|operation| operation.writes() && preload::tells(operation));
        let writes: Vec<_> = preloaded.into_iter().chain(own.copied()).collect();
        let is_read_back = |operation: &&Operation| operation.is_final_read() && operation.outcome == Outcome::Ok;
        let survivors: Vec<_> = key.operations.iter().filter(is_read_back).copied().collect();
        let contended = writes.iter().any(|write| key.case.is_contended(write));
        tally.doubt = tally.doubt.take().or_else(|| writes_overlap(key.case, &writes).filter(|_| !contended));
        if !writes.is_empty() || !survivors.is_empty() {
            tally.add(key.case, &Key { writes: &writes, survivors: &survivors, contended });
        }
    }

    fn merge(&self, tally: &mut Tally, later: Tally) {
        tally.merge(later);
    }
}

/// The fates of all keys, added up. The error says why some key's writes have no order: the judgement rests on it.
pub(super) fn tally(case: &Case<'_>) -> Result<Tally, String> {
    let mut tally = answer(case, &WritesLost).into_owned();
    tally.add_untouched(case);
    tally.doubt.take().map_or(Ok(tally), Err)
}

/// Why a key's writes have no order, if that is so.
fn writes_overlap(case: &Case<'_>, writes: &[Operation]) -> Option<String> {
    let mut in_turn = writes.iter().filter(|write| write.effect.takes_turns());
    let mut before = in_turn.next()?;
    let overlapping = in_turn.find(|write| write.started < std::mem::replace(&mut before, write).ended)?;
    let (key, at) = (case.key_text(overlapping), overlapping.started);
    Some(format!("two writes of {key} were under way together at {at}: its writes have no order"))
}

/// All keys' fates added up.
#[derive(Clone, Default)]
pub(super) struct Tally {
    /// Preloaded keys of which the history tells anything.
    touched: usize,
    /// Why some key's writes have no order, if that is so.
    doubt: Option<String>,
    pub(super) acknowledged: u64,
    keys: u64,
    /// How many writes replaced a value and do not say which.
    hiding: u64,
    /// Whether any write says what it replaced.
    telling: bool,
    pub(super) lost: u64,
    lost_keys: u64,
    pub(super) possibly_lost: u64,
    pub(super) unread_keys: u64,
    examples: Vec<String>,
    /// The lost writes that are known, up to [`EXPLAINED_MAX`].
    pub(super) lost_writes: Vec<Operation>,
    /// How many keys hold what no write explains, and the first of them.
    unexplained: BTreeMap<Unexplained, (u64, String)>,
}

impl Tally {
    fn add(&mut self, case: &Case<'_>, key: &Key<'_>) {
        let acknowledged = key.acknowledged().count() as u64;
        self.acknowledged += acknowledged;
        self.keys += u64::from(acknowledged > 0);
        self.hiding += key.hiding_writes().count() as u64;
        self.telling |= key.writes.iter().any(|write| write.replaced.is_some());
        let Some(fate) = key.fate(case) else {
            self.unread_keys += u64::from(acknowledged > 0);
            return;
        };
        self.lost += fate.lost;
        self.lost_keys += u64::from(fate.lost > 0);
        self.possibly_lost += fate.possibly_lost;
        fate.lost_writes.iter().for_each(|write| self.name(case, write));
        let room = EXPLAINED_MAX - self.lost_writes.len();
        self.lost_writes.extend(fate.lost_writes.iter().copied().take(room));
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

    /// Adds the fates of keys that come after these.
    fn merge(&mut self, later: Self) {
        self.touched += later.touched;
        self.doubt = self.doubt.take().or(later.doubt);
        self.acknowledged += later.acknowledged;
        self.keys += later.keys;
        self.hiding += later.hiding;
        self.telling |= later.telling;
        self.lost += later.lost;
        self.lost_keys += later.lost_keys;
        self.possibly_lost += later.possibly_lost;
        self.unread_keys += later.unread_keys;
        later.examples.into_iter().for_each(|example| self.example(example));
        let room = EXPLAINED_MAX - self.lost_writes.len();
        self.lost_writes.extend(later.lost_writes.into_iter().take(room));
        for (what, (keys, first)) in later.unexplained {
            self.unexplained.entry(what).or_insert((0, first)).0 += keys;
        }
    }

    /// How many keys hold what no write explains.
    pub(super) fn unexplained_keys(&self) -> u64 {
        self.unexplained.values().map(|(keys, _)| keys).sum()
    }

    fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(text);
        }
    }

    /// What was preloaded, and nobody wrote again.
    fn add_untouched(&mut self, case: &Case<'_>) {
        let untouched = preload::untouched(case.evidence, self.touched);
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
            | OperationEffect::Transfers
            | OperationEffect::Publishes
            | OperationEffect::Locks
            | OperationEffect::Unlocks => {
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
        Value::Elements { count, .. } => finding::count(count.into(), "element"),
        Value::Torn => "values that were not written together".to_owned(),
    }
}

#[cfg(test)]
#[path = "lost_writes_tests.rs"]
mod tests;
