//! The few operations of a key that no order explains.

use super::actions::{Act, KeyAction, KeyActions};
use super::search::{SearchEnd, State, search};
use crate::evidence::Value;
use crate::vocab::Instant;

/// How many steps each attempt to do with fewer may take.
const STEPS_MAX: u64 = 20_000;

/// Above so many, none is tried without.
const SINGLY_MAX: usize = 200;

/// As few of the actions of a key as are needed to see that no order explains them. `unexplained` is where the search stopped, and
/// `initial` what the key held at first.
///
/// Whatever can have left what one of them found is among them, so an order of all that was done would be one of these too. And
/// whatever the key held before, there is none; but for when that alone is the contradiction, and they begin with the key.
pub(super) fn shortest(key: &KeyActions, unexplained: usize, initial: State) -> KeyActions {
    let is_contradiction =
        |key: &KeyActions, initial| matches!(search(key, initial, STEPS_MAX), SearchEnd::Unexplained(_));
    let all = beginning(key, unexplained, |beginning| is_contradiction(beginning, initial));
    let mut sizes = std::iter::successors(Some(2), |size| Some(size * 2)).take_while(|size| *size < all.required.len());
    let from_any = sizes.find_map(|size| {
        let from = all.required[all.required.len() - size].began;
        Some(window(&all, from)).filter(|window| is_contradiction(window, State::Any))
    });
    let (mut few, initial) = match from_any {
        Some(window) => (window, State::Any),
        None if is_contradiction(&all, State::Any) => (all, State::Any),
        None => (all, initial),
    };
    if few.required.len() <= SINGLY_MAX {
        few = without_needless(few, |key| is_contradiction(key, initial));
    }
    few
}

/// The actions up to the one that makes them a contradiction. The search may have seen it coming, so that one ends later than where it
/// stopped.
fn beginning(key: &KeyActions, unexplained: usize, is_contradiction: impl Fn(&KeyActions) -> bool) -> KeyActions {
    let mut ends: Vec<_> = key.required.iter().map(|action| action.ended).collect();
    ends.sort_unstable();
    let stopped = ends.partition_point(|end| *end < key.required[unexplained].ended);
    let further = std::iter::once(0).chain(std::iter::successors(Some(1), |further| Some(further * 2)));
    let ends = further.map_while(|further| ends.get(stopped + further).copied());
    let mut beginnings = ends.map(|end| until(key, end));
    beginnings.find(is_contradiction).unwrap_or_else(|| key.clone())
}

/// What had ended by then. What was under way may have taken effect, and what it found may have come later.
fn until(key: &KeyActions, end: Instant) -> KeyActions {
    let mut until = key.only(|action| action.began <= end);
    let under_way = until.required.iter().filter(|action| action.ended > end && !matches!(action.act, Act::Read(_)));
    until.optional.extend(under_way.map(KeyAction::without_outcome));
    until.optional.sort_by_key(|action| action.began);
    until.required.retain(|action| action.ended <= end);
    until
}

/// What was under way from that moment on, and whatever may have left what it found. What that had found itself does not matter.
fn window(all: &KeyActions, from: Instant) -> KeyActions {
    let recent = all.only(|action| action.ended >= from);
    let told: Vec<_> = recent.required.iter().filter_map(|action| action.act.told()).collect();
    let is_source = |action: &KeyAction| written(action).is_some_and(|value| told.contains(&value));
    let mut window = all.only(|action| action.ended >= from || is_source(action));
    for source in window.required.iter_mut().filter(|action| action.ended < from) {
        source.act = source.act.untold();
    }
    window
}

fn written(action: &KeyAction) -> Option<Value> {
    if let Act::Write { value, .. } = action.act { Some(value) } else { None }
}

/// The same without whatever is not needed.
fn without_needless(mut key: KeyActions, is_contradiction: impl Fn(&KeyActions) -> bool) -> KeyActions {
    let operations = key.operations();
    loop {
        let before = key.required.len() + key.optional.len();
        for &of in &operations {
            let own = key.required.iter().chain(&key.optional).filter(|action| action.of == of);
            if own.clone().next().is_none() || !own.clone().all(|action| may_go(&key, action)) {
                continue;
            }
            let fewer = key.only(|action| action.of != of);
            if is_contradiction(&fewer) {
                key = fewer;
            }
        }
        if key.required.len() + key.optional.len() == before {
            return key;
        }
    }
}

/// Whether the others are not left without an order for the lack of this one alone: so it is with what only found something, with a
/// write that nobody was told of, and with a removal that surely had been written over by then. Without an increment they always are.
fn may_go(key: &KeyActions, action: &KeyAction) -> bool {
    match action.act {
        Act::Read(_) => true,
        Act::Add(_) => false,
        Act::Write { value, .. } => {
            let others = || key.required.iter().filter(|other| other.of != action.of);
            let told = |other: &&KeyAction| other.act.told() == Some(value);
            others().filter(told).all(|finder| {
                let between = |other: &KeyAction| action.ended < other.began && other.ended < finder.began;
                let is_over =
                    |other: &KeyAction| between(other) && written(other).is_some_and(|written| written != value);
                value == Value::Missing && others().any(is_over)
            })
        }
    }
}
