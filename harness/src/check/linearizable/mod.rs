//! Whether each key behaves as if there were one copy of it and its operations were done one after the other.

mod actions;
mod explain;
mod search;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use self::actions::KeyActions;
use self::search::{SearchEnd, State, search_within};
use super::case::Case;
use super::fate::expires_nanos;
use super::finding::{self, Finding, Status};
use super::key_history::KeyHistory;
use super::key_question::{AskedOfKeys, KeyQuestion, answer, to_ask};
use super::lost_writes::value_text;
use super::slo_kind::{NeededLoad, SloKind, WrongNumber, of_load};
use crate::evidence::{DataType, Operation, OperationEffect, Outcome, Value};

/// keys of values, counters or groups whose operations no order explains: each must take effect at a moment between its beginning and its end, and be told what those before it left. With `min: 1` a run with fewer is inconclusive: the danger that it is about did not arise
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Linearizable {
    /// How many such keys there may be.
    #[serde(default)]
    pub max: u64,
    /// How many there must be at least, where the scenario is about a danger: with fewer the danger did not arise, and the run
    /// is inconclusive.
    #[serde(default)]
    pub min: u64,
    /// The load that it is about; every load together if not said.
    #[serde(default)]
    pub load: Option<String>,
}

/// How many steps the search for the order of a key's operations may take.
const STEPS_MAX: u64 = 1_000_000;

/// How many those for all keys may take together: minutes. Each part of the keys has its share.
const STEPS_OF_ALL_MAX: u64 = 100 * STEPS_MAX;

/// How many keys are named that no order explains.
const NAMED_MAX: usize = 24;

/// How many operations of a contradiction are shown.
const SHOWN_MAX: usize = 8;

impl Linearizable {
    pub(super) const EXAMPLE: &str = "Linearizable()";
}

impl fmt::Display for Linearizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys not linearizable{}", of_load(self.load()))?;
        match self.min {
            0 => write!(f, " <= {}", self.max),
            min => write!(f, " {min} to {}", self.max),
        }
    }
}

impl SloKind for Linearizable {
    fn of_keys(&self, case: &Case<'_>) -> Option<Box<dyn AskedOfKeys>> {
        Some(to_ask(KeysInOrder { loads: case.loads(self.load()) }))
    }

    fn judge(&self, case: &Case<'_>) -> Finding {
        answer(case, &KeysInOrder { loads: case.loads(self.load()) }).finding(self)
    }

    /// What was told was told, whatever the machine took.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Registers
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        WrongNumber::of_range(&self.min, &self.max)
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }
}

/// Whether an operation changed what is replaced or counted as a whole, or was told what that held.
fn is_about_a_register(operation: &Operation) -> bool {
    let is_register = matches!(operation.data, DataType::Value | DataType::Counter | DataType::Group);
    // A scan counts keys.
    let is_scan = operation.data == DataType::Value && matches!(operation.value, Value::Number(_));
    let is_read = operation.effect == OperationEffect::Reads && operation.outcome == Outcome::Ok && !is_scan;
    is_register && (is_read || operation.writes() && !operation.never_begun())
}

/// Whether an order explains the operations of each key that any of these loads used.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KeysInOrder {
    loads: Vec<usize>,
}

impl KeyQuestion for KeysInOrder {
    type Tally = Tally;

    fn add(&self, tally: &mut Tally, key: &KeyHistory<'_>) {
        let operations = key.only(is_about_a_register);
        if operations.iter().any(|operation| self.loads.contains(&usize::from(operation.load))) {
            let steps_max = (STEPS_OF_ALL_MAX / key.parts as u64).max(STEPS_MAX);
            tally.add(key.case, &operations, key.preloaded().map(|write| write.value), steps_max);
        }
    }

    fn merge(&self, tally: &mut Tally, later: Tally) {
        tally.operations += later.operations;
        tally.keys += later.keys;
        tally.contended += later.contended;
        tally.wrong += later.wrong;
        tally.named.extend(later.named);
        tally.named.truncate(NAMED_MAX);
        tally.first = tally.first.take().or(later.first);
        tally.undecided += later.undecided;
        tally.doubt = tally.doubt.take().or(later.doubt);
    }
}

#[derive(Clone, Default)]
struct Tally {
    /// How many steps were taken.
    steps: u64,
    /// Operations that were acknowledged, of keys of which anything was told.
    operations: u64,
    keys: u64,
    contended: u64,
    /// How many keys no order explains, the names of the first of them, and what was told of the very first.
    wrong: u64,
    named: Vec<String>,
    first: Option<String>,
    /// Keys of which nobody knows, and why.
    undecided: u64,
    doubt: Option<String>,
}

impl Tally {
    /// Adds a key, unless all keys together have taken `steps_of_all_max` steps.
    fn add(&mut self, case: &Case<'_>, operations: &[Operation], preloaded: Option<Value>, steps_of_all_max: u64) {
        let key = KeyActions::of(operations);
        let tells = |operation: &Operation| !operation.writes() || operation.effect == OperationEffect::Increments;
        let is_told = |operation: &Operation| {
            operation.outcome == Outcome::Ok && (tells(operation) || operation.replaced.is_some())
        };
        let Some(first) = operations.iter().find(|operation| is_told(operation)) else { return };
        self.operations += key.required.len() as u64;
        self.keys += 1;
        self.contended += u64::from(case.is_contended(first));
        if operations.iter().any(|operation| expires_nanos(case, operation).is_some()) {
            return self.undecided(format!("what {} holds expires", case.key_text(first)));
        }
        let nothing = if first.data == DataType::Counter { Value::Number(0) } else { Value::Missing };
        let initial = State::Is(preloaded.unwrap_or(nothing));
        let steps_max = STEPS_MAX.min(steps_of_all_max.saturating_sub(self.steps));
        let mut steps_left = steps_max;
        let end = search_within(&key, initial, &mut steps_left);
        self.steps += steps_max - steps_left;
        match end {
            SearchEnd::Explained => {}
            SearchEnd::OutOfSteps => {
                let text =
                    format!("no order of the operations of {} was found in {steps_max} steps", case.key_text(first));
                self.undecided(text);
            }
            SearchEnd::Unexplained(at) => {
                self.wrong += 1;
                if self.named.len() < NAMED_MAX {
                    self.named.push(case.key_text(first));
                }
                if self.first.is_none() {
                    let few = explain::shortest(&key, at, initial).operations();
                    self.first = Some(in_words(case, operations, &few));
                }
            }
        }
    }

    fn undecided(&mut self, why: String) {
        self.undecided += 1;
        self.doubt.get_or_insert(why);
    }

    fn finding(&self, slo: &Linearizable) -> Finding {
        let limit = if slo.min == 0 { slo.max.to_string() } else { format!("{} to {}", slo.min, slo.max) };
        if self.operations == 0 {
            return Finding::nothing(slo, limit, "no operation was told what a value or a counter held");
        }
        let danger = if self.wrong < slo.min {
            format!("the danger did not arise: there should have been at least {}", slo.min)
        } else {
            String::new()
        };
        let doubt = self
            .doubt
            .as_ref()
            .map(|why| format!("of {} nobody can tell: {why}", finding::count(self.undecided, "key")));
        let keys = format!("{}, {} of them contended", finding::count(self.keys, "key"), self.contended);
        let summary = finding::note([danger, doubt.unwrap_or_default(), keys]);
        let others = match self.wrong - self.named.len() as u64 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let named = (self.wrong > 0).then(|| format!("not linearizable: {}{others}", self.named.join(", ")));
        Finding {
            status: match () {
                () if self.wrong > slo.max => Status::Fail,
                () if self.wrong < slo.min || self.wrong + self.undecided > slo.max => Status::Inconclusive,
                () => Status::Pass,
            },
            measured: self.wrong.to_string(),
            samples: self.operations,
            note: [Some(summary), named, self.first.clone()].into_iter().flatten().collect::<Vec<_>>().join("\n"),
            ..Finding::nothing(slo, limit, "")
        }
    }
}

/// The operations that contradict each other, one a line.
fn in_words(case: &Case<'_>, operations: &[Operation], few: &[usize]) -> String {
    let mut lines = vec![format!("no order explains what was told of {}:", case.key_text(&operations[0]))];
    let left_out = few.len().saturating_sub(SHOWN_MAX);
    if left_out > 0 {
        lines.push(format!("  (after {})", finding::count(left_out as u64, "other")));
    }
    lines.extend(few.iter().skip(left_out).map(|nth| format!("  {}", line(case, &operations[*nth]))));
    lines.join("\n")
}

/// Who did what when, and was told what.
fn line(case: &Case<'_>, operation: &Operation) -> String {
    let who = match case.plan.loads.get(usize::from(operation.load)) {
        _ if operation.is_final_read() => "the final read".to_owned(),
        Some(load) => format!("{} worker {}", load.name, operation.worker),
        None => format!("worker {}", operation.worker),
    };
    let value = value_text(case, operation);
    let what = match operation.effect {
        OperationEffect::Reads => format!("found {value}"),
        OperationEffect::Removes => "removed it".to_owned(),
        OperationEffect::Increments if operation.value == Value::Missing => "counted".to_owned(),
        OperationEffect::Increments => format!("counted to {value}"),
        _ => format!("wrote {value}"),
    };
    let replaced = operation.replaced_other().map(|value| {
        let replaced = Operation { value, ..*operation };
        format!(" in place of {}", value_text(case, &replaced))
    });
    let node = case.node_name(operation.node).map_or_else(|| "no node".to_owned(), ToString::to_string);
    let (began, ended) = (operation.started, operation.ended);
    let outcome = match operation.outcome {
        Outcome::Ok => format!("{began} to {ended}, answered by {node}"),
        _ => format!("from {began} on, of unknown outcome"),
    };
    format!("{who} {what}{}, {outcome}", replaced.unwrap_or_default())
}
