//! Whether one order explains what the clients of a key were told: each operation takes effect at a moment between its beginning and
//! its end, and tells what the ones before it left (Herlihy and Wing, "Linearizability", 1990).
//!
//! The search goes from end to end. It keeps every state that the key may be in by then, together with the operations under way that
//! have already taken effect in it; when an operation ends it must have taken effect, and what must have done so before it is found by
//! trying (Wing and Gong's search, memoised as by Lowe, "Testing for linearizability", 2016). What is kept is bounded by what is under
//! way at a time, not by the length of the history, and the first end that cannot be explained is where the search ends.
//!
//! Four rules keep it short, none of which loses an explanation. A read that finds what is there takes effect at once. A value that
//! nobody was ever told may have been replaced at once, by the next write that is not told what it replaced. And a value that somebody is yet to be told is not
//! replaced, if nothing can bring it back. And of two ways to the same only the one is followed that used less of what may have been done or
//! not, such as attempts of unknown outcome.

use std::collections::HashMap;

use super::actions::{Act, KeyAction, KeyActions};
use crate::evidence::Value;
use crate::vocab::Instant;

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// Nobody knows: a search that begins in the middle of a history.
    Any,
    /// This.
    Is(Value),
    /// What nobody was ever told.
    Untold,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchEnd {
    /// There is an order.
    Explained,
    /// There is none that explains what ended before the required action of this place, and this, and lets what is told later be told.
    Unexplained(usize),
    /// It was given up after so many steps as it may take.
    OutOfSteps,
}

/// So many of what a step copies or looks at take as long as another step.
const SIZE_OF_STEP: usize = 64;

/// Looks for an order, from what the key holds at first, in at most so many steps.
pub(super) fn search(key: &KeyActions, initial: State, mut steps_max: u64) -> SearchEnd {
    search_within(key, initial, &mut steps_max)
}

/// The same, in as many steps as are left. Those that it takes are gone.
pub(super) fn search_within(key: &KeyActions, initial: State, steps_left: &mut u64) -> SearchEnd {
    let mut search = Search::new(key, steps_left);
    let mut ends: Vec<_> = (0..key.required.len()).collect();
    ends.sort_by_key(|nth| key.required[*nth].ended);
    let mut configurations = vec![Configuration::at(initial)];
    let mut called = 0;
    for target in ends {
        search.now = key.required[target].ended;
        while key.required.get(called).is_some_and(|action| action.began <= search.now) {
            search.under_way.push(called);
            called += 1;
        }
        let Some(next) = search.end(configurations, target) else { return SearchEnd::OutOfSteps };
        if next.is_empty() {
            return SearchEnd::Unexplained(target);
        }
        configurations = next;
        search.under_way.retain(|nth| *nth != target);
    }
    SearchEnd::Explained
}

/// A state that the key may be in, and how it came there.
#[derive(Clone)]
struct Configuration {
    state: State,
    /// What is under way and has taken effect, in order of its places.
    done: Vec<usize>,
    /// The optional actions that have taken effect, likewise.
    used: Vec<usize>,
    /// How many of the optional increments have.
    counted: usize,
}

impl Configuration {
    const fn at(state: State) -> Self {
        Self { state, done: Vec::new(), used: Vec::new(), counted: 0 }
    }

    /// How much there is to copy.
    fn size(&self) -> usize {
        self.done.len() + self.used.len()
    }

    fn has_done(&self, nth: usize) -> bool {
        self.done.binary_search(&nth).is_ok()
    }

    fn add_done(&mut self, nth: usize) {
        if let Err(at) = self.done.binary_search(&nth) {
            self.done.insert(at, nth);
        }
    }

    /// Whether it has used nothing that the other one has not.
    fn is_as_frugal_as(&self, other: &Self) -> bool {
        self.counted <= other.counted && self.used.iter().all(|nth| other.used.binary_search(nth).is_ok())
    }

    fn without(mut self, nth: usize) -> Self {
        self.done.retain(|done| *done != nth);
        self
    }
}

/// Configurations without those that have used more of what is optional to come to the same: what leads on from there leads on from
/// here, too.
#[derive(Default)]
struct Frugal(HashMap<(State, Vec<usize>), Vec<Configuration>>);

impl Frugal {
    /// Adds a configuration. Whether none that was there is as good.
    fn add(&mut self, configuration: Configuration) -> bool {
        let alike = self.0.entry((configuration.state, configuration.done.clone())).or_default();
        if alike.iter().any(|other| other.is_as_frugal_as(&configuration)) {
            return false;
        }
        alike.retain(|other| !configuration.is_as_frugal_as(other));
        alike.push(configuration);
        true
    }

    fn into_configurations(self) -> Vec<Configuration> {
        self.0.into_values().flatten().collect()
    }
}

struct Search<'a> {
    key: &'a KeyActions,
    /// When the last required action began that must find this value.
    last_told: HashMap<Value, Instant>,
    /// The optional writes of each value.
    sources: HashMap<Value, Vec<usize>>,
    /// Whether the key can be removed, so that it may be missing again.
    removes: bool,
    /// The required actions that have begun and whose end is not yet dealt with.
    under_way: Vec<usize>,
    now: Instant,
    steps_left: &'a mut u64,
}

impl<'a> Search<'a> {
    fn new(key: &'a KeyActions, steps_left: &'a mut u64) -> Self {
        let mut last_told = HashMap::new();
        for action in &key.required {
            if let Some(value) = action.act.told() {
                last_told.insert(value, action.began);
            }
        }
        let mut sources = HashMap::<_, Vec<_>>::new();
        for (nth, action) in key.optional.iter().enumerate() {
            if let Act::Write { value, .. } = action.act {
                sources.entry(value).or_default().push(nth);
            }
        }
        let is_removal = |action: &KeyAction| matches!(action.act, Act::Write { value: Value::Missing, .. });
        let removes = key.required.iter().chain(&key.optional).any(is_removal);
        let (under_way, now) = (Vec::new(), Instant::default());
        Self { key, last_told, sources, removes, under_way, now, steps_left }
    }

    /// What the key may be when this action has ended; none if that takes too many steps.
    fn end(&mut self, mut configurations: Vec<Configuration>, target: usize) -> Option<Vec<Configuration>> {
        if let [only] = &mut configurations[..]
            && self.goes_on(only, target)
        {
            return Some(configurations);
        }
        let mut found = Frugal::default();
        for configuration in configurations {
            self.expand(configuration, target, &mut found)?;
        }
        Some(found.into_configurations())
    }

    /// Takes the only configuration past the action, if there is but one way. Where nothing else is under way there is: the only writer of
    /// a key and its readers in between go this way.
    fn goes_on(&self, only: &mut Configuration, target: usize) -> bool {
        if let Ok(at) = only.done.binary_search(&target) {
            only.done.remove(at);
            return true;
        }
        if matches!(self.key.required[target].act, Act::Read(value) if only.state == State::Is(value)) {
            return true;
        }
        let is_alone = self.under_way.len() == 1 && only.done.is_empty();
        let Some(state) = self.alone(only.state, target).filter(|_| is_alone) else { return false };
        only.state = state;
        true
    }

    /// What the key holds after an action that takes effect next, if it can.
    fn alone(&self, state: State, target: usize) -> Option<State> {
        let finds = |value| state == State::Is(value);
        match self.key.required[target].act {
            Act::Read(value) => finds(value).then_some(state),
            Act::Write { value, replaced } => replaced.is_none_or(finds).then_some(State::Is(value)),
            Act::Add(count) => finds(Value::Number(count.checked_sub(1)?)).then_some(State::Is(Value::Number(count))),
        }
    }

    /// Adds every configuration in which the action has taken effect.
    fn expand(&mut self, from: Configuration, target: usize, found: &mut Frugal) -> Option<()> {
        let (mut seen, mut open) = (Frugal::default(), vec![from]);
        while let Some(configuration) = open.pop() {
            self.spend(1)?;
            if configuration.has_done(target) {
                found.add(configuration.without(target));
            } else if matches!(self.key.required[target].act, Act::Read(value) if configuration.state == State::Is(value))
            {
                found.add(configuration);
            } else if seen.add(configuration.clone()) {
                // Each looks at all that is under way, and copies what has taken effect: that is to be within the steps, too.
                let (size, before) = (self.under_way.len() + configuration.size(), open.len());
                if self.under_way.len() * size / SIZE_OF_STEP > usize::try_from(*self.steps_left).unwrap_or(usize::MAX)
                {
                    *self.steps_left = 0;
                    return None;
                }
                self.successors(&configuration, target, &mut open);
                self.spend(((open.len() - before) * size / SIZE_OF_STEP) as u64)?;
            }
        }
        Some(())
    }

    /// Takes so many steps. None if there are not as many left.
    fn spend(&mut self, steps: u64) -> Option<()> {
        let left = self.steps_left.checked_sub(steps);
        *self.steps_left = left.unwrap_or(0);
        left.map(drop)
    }

    /// Adds what can come next on the way to this action.
    fn successors(&self, from: &Configuration, target: usize, open: &mut Vec<Configuration>) {
        let finds = |value| from.state == State::Any || from.state == State::Is(value);
        for &nth in self.under_way.iter().filter(|nth| !from.has_done(**nth)) {
            match self.key.required[nth].act {
                Act::Read(value) if from.state == State::Any => {
                    let mut next = Configuration { state: State::Is(value), ..from.clone() };
                    next.add_done(nth);
                    open.push(next);
                }
                Act::Read(value) => open.extend(self.by_source(from, value)),
                Act::Write { value, replaced } if replaced.is_none_or(finds) => {
                    open.extend(self.write(from.clone(), Some(nth), value));
                }
                Act::Write { replaced, .. } => {
                    open.extend(replaced.and_then(|replaced| self.by_source(from, replaced)));
                }
                Act::Add(count) if count > 0 && finds(Value::Number(count - 1)) => {
                    open.extend(self.add(from.clone(), Some(nth), count));
                }
                Act::Add(_) => {}
            }
        }
        open.extend(self.add_optional(from, target));
    }

    /// An optional write brings a value that somebody under way must find: nothing else is gained by one.
    fn by_source(&self, from: &Configuration, value: Value) -> Option<Configuration> {
        if from.state == State::Is(value) {
            return None;
        }
        let unused = |nth: &&usize| !from.used.contains(nth) && self.key.optional[**nth].began <= self.now;
        let source = *self.sources.get(&value)?.iter().find(unused)?;
        let mut next = from.clone();
        next.used.push(source);
        next.used.sort_unstable();
        self.write(next, None, value)
    }

    /// A write takes effect, if what it replaces is not needed any more.
    fn write(&self, mut next: Configuration, by: Option<usize>, value: Value) -> Option<Configuration> {
        let before = next.state;
        let is_blind = by.is_none_or(|nth| self.key.required[nth].act.told().is_none());
        for &nth in &self.under_way {
            let goes_along = match self.key.required[nth].act {
                Act::Read(found) => before == State::Is(found),
                Act::Write { value, replaced: None } => is_blind && !self.last_told.contains_key(&value),
                _ => false,
            };
            if goes_along || by == Some(nth) {
                next.add_done(nth);
            }
        }
        if let State::Is(before) = before
            && before != value
            && self.is_needed(&next, before)
        {
            return None;
        }
        next.state = if self.last_told.contains_key(&value) { State::Is(value) } else { State::Untold };
        Some(next)
    }

    /// Whether somebody must still find this value, and nothing can bring it back.
    fn is_needed(&self, configuration: &Configuration, value: Value) -> bool {
        let open = || self.under_way.iter().filter(|nth| !configuration.has_done(**nth));
        let will_be_told = self.last_told.get(&value).is_some_and(|last| *last > self.now);
        let is_told = || open().any(|nth| self.key.required[*nth].act.told() == Some(value));
        let unused = |sources: &Vec<usize>| sources.iter().any(|nth| !configuration.used.contains(nth));
        let comes_back = || {
            self.removes && value == Value::Missing
                || self.sources.get(&value).is_some_and(unused)
                || open().any(
                    |nth| matches!(self.key.required[*nth].act, Act::Write { value: written, .. } if written == value),
                )
        };
        (will_be_told || is_told()) && !comes_back()
    }

    /// An increment takes effect, if nobody under way must still find less.
    fn add(&self, mut next: Configuration, by: Option<usize>, count: u64) -> Option<Configuration> {
        for &nth in &self.under_way {
            if by == Some(nth)
                || matches!(self.key.required[nth].act, Act::Read(found) if next.state == State::Is(found))
            {
                next.add_done(nth);
            }
        }
        let is_past = |nth: &&usize| match self.key.required[**nth].act {
            Act::Read(Value::Number(found)) => found < count,
            Act::Add(reply) => reply <= count,
            _ => false,
        };
        next.state = State::Is(Value::Number(count));
        let past = self.under_way.iter().filter(|nth| !next.has_done(**nth)).any(|nth| is_past(&nth));
        (!past).then_some(next)
    }

    /// An increment of unknown outcome took effect, where only that leads on. Which one it was makes no difference.
    fn add_optional(&self, from: &Configuration, target: usize) -> Option<Configuration> {
        let State::Is(Value::Number(number)) = from.state else { return None };
        let available = self.key.optional.partition_point(|action| action.began <= self.now);
        let leads_on = matches!(self.key.required[target].act, Act::Read(Value::Number(_)) | Act::Add(_));
        if !leads_on || from.counted >= available {
            return None;
        }
        let next = Configuration { counted: from.counted + 1, ..from.clone() };
        self.add(next, None, number.checked_add(1)?)
    }
}
