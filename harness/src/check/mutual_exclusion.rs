//! Whether two clients ever held the same lock.
//!
//! A client holds a lock from when it had it until its release was due: until then it believes to be alone, whatever the masters know.
//! That is what a lock is for, and what Redlock gives up where a master forgets it (restarted without its data) or its client sees too
//! late that its time is over. (Redis documentation, "Distributed Locks with Redis", "Performance, crash recovery and fsync"; Martin
//! Kleppmann, "How to do distributed locking".)

use std::collections::BTreeMap;
use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::slo_kind::{NeededLoad, SloKind, WrongNumber};
use super::window::Window;
use crate::evidence::{
    ErrorKind, Event, EventKind, LoadIndex, Operation, OperationEffect, Outcome, RecordedNode, Value,
};
use crate::vocab::{Duration, Instant};

/// how often a client took a lock while another one still held it: from when that had it until its release was due; told with whom, for how long and why. With `min` a run in which fewer were found is inconclusive: the danger that it is about did not arise. Inconclusive, too, is one in which nobody ever wanted what another had
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct MutualExclusion {
    /// How often it must happen at least, where the scenario is about it.
    #[serde(default)]
    pub min: u64,
    /// How often it may happen.
    pub max: u64,
}

impl MutualExclusion {
    pub(super) const EXAMPLE: &str = "MutualExclusion(max: 0)";
}

impl fmt::Display for MutualExclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "locks with two holders {}", finding::count_limit(self.min, self.max))
    }
}

/// So many are told in words, those that lasted longest first.
const NAMED_MAX: usize = 3;

impl SloKind for MutualExclusion {
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = finding::count_limit(self.min, self.max);
        let Locks { holds, taken, contended } = Locks::of(case);
        if taken == 0 {
            return Finding::nothing(self, limit, "nobody ever had a lock");
        }
        let mut pairs: Vec<_> = holds.values().flat_map(|holds| two_holders(holds)).collect();
        let count = pairs.len() as u64;
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.together().nanos()));
        let uncontended = contended == 0 && count == 0;
        let doubt = if uncontended { "nobody ever wanted a lock that another had" } else { "" };
        Finding {
            status: match () {
                () if count > self.max => Status::Fail,
                () if uncontended || count < self.min => Status::Inconclusive,
                () => Status::Pass,
            },
            measured: count.to_string(),
            samples: taken,
            note: finding::note(
                std::iter::once(doubt.to_owned()).chain(pairs.iter().take(NAMED_MAX).map(|pair| pair.in_words(case))),
            ),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A client that looks at its clock in time is never late, however slow the machine is.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Locking
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        WrongNumber::of_range(&self.min, &self.max)
    }
}

/// A client held a lock.
#[derive(Clone, Copy, Debug)]
struct Hold {
    /// The operation that took it: its value says which masters gave it.
    taken: Operation,
    /// Until when the client believed to hold it.
    until: Instant,
}

/// All that was held.
#[derive(Default)]
struct Locks {
    /// By their system and the text of the key, which several loads may share, in the order in which they were taken.
    holds: BTreeMap<(usize, String), Vec<Hold>>,
    /// How often a lock was taken.
    taken: u64,
    /// How often one was wanted that somebody else had, by the masters' word.
    contended: u64,
}

impl Locks {
    fn of(case: &Case<'_>) -> Self {
        let mut locks = Self::default();
        // What each worker has taken and not yet given back: it does one thing after the other.
        let mut open = BTreeMap::<(LoadIndex, u16), Operation>::new();
        for operation in case.client_operations() {
            let client = (operation.load, operation.worker);
            match operation.effect {
                OperationEffect::Locks => {
                    locks.contended += u64::from(operation.error == Some(ErrorKind::LockHeld));
                    if operation.outcome == Outcome::Ok
                        && let Some(kept) = open.insert(client, operation)
                    {
                        locks.add_kept(case, kept);
                    }
                }
                OperationEffect::Unlocks => {
                    if let Some(taken) = open.remove(&client) {
                        locks.add(case, Hold { taken, until: operation.intended });
                    }
                }
                _ => {}
            }
        }
        for kept in open.into_values() {
            locks.add_kept(case, kept);
        }
        locks.holds.values_mut().for_each(|holds| holds.sort_by_key(|hold| hold.taken.ended));
        locks
    }

    /// Of a lock that was never given back nothing else is known than when masters forget it.
    fn add_kept(&mut self, case: &Case<'_>, taken: Operation) {
        let until = taken.started.plus_nanos(ttl_nanos(case, &taken)).max(taken.ended);
        self.add(case, Hold { taken, until });
    }

    fn add(&mut self, case: &Case<'_>, hold: Hold) {
        self.taken += 1;
        let key = (system_of(case, &hold.taken), case.key_text(&hold.taken));
        self.holds.entry(key).or_default().push(hold);
    }
}

/// A lock that was taken while another client still held it.
struct TwoHolders {
    first: Hold,
    second: Hold,
}

/// Every time that a lock was taken while another client held it, each beside the one who would hold it longest.
fn two_holders(holds: &[Hold]) -> Vec<TwoHolders> {
    let (mut pairs, mut longest) = (Vec::new(), None::<Hold>);
    for second in holds {
        if let Some(first) = longest.filter(|first| first.until > second.taken.ended) {
            pairs.push(TwoHolders { first, second: *second });
        }
        longest = longest.filter(|first| first.until > second.until).or(Some(*second));
    }
    pairs
}

impl TwoHolders {
    /// For how long both believed.
    fn together(&self) -> Window {
        let start = self.second.taken.ended;
        Window { start, end: self.first.until.min(self.second.until).max(start) }
    }

    /// `for 512 ms both app/1 and app/2 held app:lock:1, from 2.1 s on: C gave it to both, ..`.
    fn in_words(&self, case: &Case<'_>) -> String {
        let together = self.together();
        let [first, second] = [&self.first, &self.second].map(|hold| client_text(case, &hold.taken));
        format!(
            "for {} both {first} and {second} held {}, from {} on: {}",
            finding::time(together.nanos()),
            case.key_text(&self.second.taken),
            together.start,
            self.why(case, &first)
        )
    }

    /// Two majorities have a master in common: it had forgotten the first, whose time was over, or lost it.
    fn why(&self, case: &Case<'_>, first: &str) -> String {
        let both = granted(&self.first.taken) & granted(&self.second.taken);
        let both = (0_u64..64)
            .zip(case.plan.nodes_of(system_of(case, &self.second.taken)))
            .filter(|(index, _)| both >> index & 1 == 1);
        let both: Vec<_> = both.map(|(_, node)| node).collect();
        let restarted = both.iter().filter(|node| self.was_restarted(case, node));
        let restarted = listed(restarted.map(|node| format!("{} ({})", node.name, persistence(node))));
        let done: Vec<_> = both.iter().flat_map(|node| self.done_to(case, node)).collect();
        let (held, ttl) = (self.first.until.nanos_since(self.first.taken.ended), ttl_nanos(case, &self.first.taken));
        let (held_text, ttl_text) = (finding::time(held), finding::time(ttl));
        let mut reasons: Vec<_> = [
            (!restarted.is_empty()).then(|| format!("{restarted} had been started anew meanwhile")),
            (!done.is_empty()).then(|| format!("this had been done meanwhile: {}", done.join("; "))),
            (held > ttl)
                .then(|| format!("{first} believed for {held_text} to hold what masters forget after {ttl_text}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if reasons.is_empty() {
            reasons.push("nothing that happened explains it".to_owned());
        }
        let both =
            if both.is_empty() { "nobody".to_owned() } else { listed(both.iter().map(|node| node.name.to_string())) };
        format!("{both} gave it to both, and {}", reasons.join(", and "))
    }

    /// Between the moment in which the first lock was wanted and that in which the second was had.
    fn meanwhile(&self) -> Window {
        Window { start: self.first.taken.started, end: self.second.taken.ended }
    }

    /// The steps that did something to a node meanwhile which left its process as it was.
    fn done_to<'a>(&self, case: &Case<'a>, node: &RecordedNode) -> Vec<&'a str> {
        let of_step = |event: &Event| match &event.kind {
            EventKind::ActedOnNode { step, effect, node: acted_on, began, .. } => {
                let counts = *acted_on == node.name && effect.process.is_none() && self.meanwhile().contains(*began);
                Some(case.plan.steps.get((*step)?)?.text.as_str()).filter(|_| counts)
            }
            _ => None,
        };
        case.evidence.events.iter().filter_map(of_step).collect()
    }

    /// Whether the process of a node was started meanwhile.
    fn was_restarted(&self, case: &Case<'_>, node: &RecordedNode) -> bool {
        let meanwhile = self.meanwhile();
        case.evidence.events.iter().any(|event| {
            matches!(&event.kind, EventKind::NodeStarted { node: started, .. } if *started == node.name)
                && meanwhile.contains(event.at)
        })
    }
}

/// The system whose masters an operation is about.
fn system_of(case: &Case<'_>, operation: &Operation) -> usize {
    case.plan.loads.get(usize::from(operation.load)).map_or(0, |load| load.system)
}

/// The masters that gave a lock, a bit each.
fn granted(taken: &Operation) -> u64 {
    if let Value::Number(masters) = taken.value { masters } else { 0 }
}

/// `A, B and C`.
fn listed(names: impl Iterator<Item = String>) -> String {
    match &names.collect::<Vec<_>>()[..] {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// How a node keeps its data: `appendonly yes, appendfsync everysec`.
fn persistence(node: &RecordedNode) -> String {
    let setting = |directive: &str, default: &str| {
        let set = node.config.iter().find(|(name, _)| name.eq_ignore_ascii_case(directive));
        format!("{directive} {}", set.map_or(default, |(_, value)| value.as_str()))
    };
    let appendonly = setting("appendonly", "no");
    if appendonly.ends_with("yes") {
        format!("{appendonly}, {}", setting("appendfsync", "everysec"))
    } else {
        appendonly
    }
}

/// `app/2`: the worker of a load.
fn client_text(case: &Case<'_>, operation: &Operation) -> String {
    let load = case.plan.loads.get(usize::from(operation.load)).map_or("?", |load| load.name.as_str());
    format!("{load}/{}", operation.worker)
}

/// After how long masters forget a lock.
fn ttl_nanos(case: &Case<'_>, taken: &Operation) -> u64 {
    let load = case.plan.loads.get(usize::from(taken.load));
    let entry = load.zip(taken.entry()).and_then(|(load, entry)| load.mix.get(usize::from(entry)));
    entry.and_then(|entry| entry.expires).map_or(0, Duration::as_nanos)
}
