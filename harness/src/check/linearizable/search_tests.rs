//! How long the search takes, and a comparison with trying every order.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rstest::rstest;

use super::actions::{Act, KeyAction, KeyActions};
use super::explain;
use super::search::{SearchEnd, State, search, search_within};
use crate::evidence::Value;
use crate::vocab::Instant;

/// Twelve writes under way together, each of them read: every subset of them and every last one of it is a state to be tried.
#[test]
fn what_takes_too_many_steps_is_not_decided() {
    let writes = (0..12).map(|nth| (Act::Write { value: Value::Written(nth), replaced: None }, 0, 100));
    let key = actions(writes.chain((0..12).map(|nth| (Act::Read(Value::Written(nth)), 0, 200))));
    assert_eq!(search(&key, State::Is(Value::Missing), 100), SearchEnd::OutOfSteps);
}

/// What is under way costs steps: one step from among so many is a thousand.
#[test]
fn what_is_under_way_costs_steps() {
    let writes = (0..1_000).map(|nth| (Act::Write { value: Value::Written(nth), replaced: None }, 0, 100));
    let key = actions(writes.chain((0..1_000).map(|nth| (Act::Read(Value::Written(nth)), 0, 200))));
    let mut steps = 10_000;
    assert_eq!(search_within(&key, State::Is(Value::Missing), &mut steps), SearchEnd::OutOfSteps);
    assert_eq!(steps, 0);
}

/// Beside 190 reads, of which the first write lets all take effect, a second one is written: it costs 2 steps to copy 191, and 5 to copy
/// 381, and 1137 must be left to look from 191 at 381.
#[rstest]
#[case::as_many_as_must_be_left(1_142, SearchEnd::Explained, 1_131)]
#[case::one_too_few(1_141, SearchEnd::OutOfSteps, 0)]
fn what_has_taken_effect_costs_steps(#[case] steps: u64, #[case] expected: SearchEnd, #[case] left: u64) {
    let write = |nth| Act::Write { value: Value::Written(nth), replaced: None };
    let reads = std::iter::repeat_n((Act::Read(Value::Missing), 0, 100), 190);
    let key = actions(reads.chain([(write(1), 0, 50), (write(2), 51, 60)]));
    let mut steps = steps;
    assert_eq!(search_within(&key, State::Is(Value::Missing), &mut steps), expected);
    assert_eq!(steps, left);
}

/// Who made a counter 1 before it was set back does not do so again: an increment of unknown outcome does.
#[test]
fn who_has_counted_counts_no_more() {
    let key = actions([
        (Act::Add(1), 0, 100),
        (Act::Read(Value::Number(1)), 1, 10),
        (Act::Write { value: Value::Number(0), replaced: None }, 11, 20),
        (Act::Read(Value::Number(0)), 21, 30),
        (Act::Add(2), 41, 50),
    ]);
    let late = KeyAction { act: Act::Add(0), began: Instant(35), ended: Instant(u64::MAX), of: 5 };
    let key = KeyActions { optional: vec![late], ..key };
    assert_eq!(search(&key, State::Is(Value::Number(0)), 100), SearchEnd::Explained);
}

/// Again and again a value is written and read while the key is also found missing, and each time one more removal may have come by:
/// nothing is gained by removals that were not needed.
#[test]
fn attempts_that_were_not_needed_cost_nothing() {
    let round = |nth: u64| {
        let (began, ended, value) = (10 * nth, 10 * nth + 9, Value::Written(nth));
        let acts = [Act::Write { value, replaced: None }, Act::Read(value), Act::Read(Value::Missing)];
        acts.map(|act| (act, began, ended))
    };
    let removal = |nth: u64| KeyAction {
        act: Act::Write { value: Value::Missing, replaced: None },
        began: Instant(10 * nth),
        ended: Instant(u64::MAX),
        of: 0,
    };
    let key = KeyActions { optional: (0..200).map(removal).collect(), ..actions((0..200).flat_map(round)) };
    assert_eq!(search(&key, State::Is(Value::Missing), 10_000), SearchEnd::Explained);
}

/// The only writer of a key, and who reads in between, leave no choice.
#[test]
fn one_after_the_other_costs_nothing() {
    let write = |value, replaced| Act::Write { value: Value::Written(value), replaced };
    let acts = [write(1, None), Act::Read(Value::Written(1)), write(2, Some(Value::Written(1))), write(3, None)];
    let key = actions((0..).step_by(10).zip(acts).map(|(began, act)| (act, began, began + 9)));
    assert_eq!(search(&key, State::Is(Value::Missing), 0), SearchEnd::Explained);
    let counted = actions((1..4).map(|count| (Act::Add(count), 10 * count, 10 * count + 9)));
    assert_eq!(search(&counted, State::Is(Value::Number(0)), 0), SearchEnd::Explained);
}

/// The rules that keep a search short and a contradiction small: a rule less, and these histories take more steps, or more of them is
/// shown. The numbers are measured; other histories have others.
#[rstest]
#[case::values(false, 4_643, 1_622)]
#[case::counters(true, 3_278, 2_874)]
fn searches_are_short_and_contradictions_small(#[case] counts: bool, #[case] steps: u64, #[case] shown: usize) {
    let (mut runner, mut took, mut few) = (TestRunner::deterministic(), 0, 0);
    for _ in 0..2_000 {
        let key = any_actions(counts).new_tree(&mut runner).unwrap().current();
        let (initial, mut left) = (State::Is(if counts { Value::Number(0) } else { Value::Missing }), 10_000);
        let end = search_within(&key, initial, &mut left);
        took += 10_000 - left;
        if let SearchEnd::Unexplained(at) = end {
            few += explain::shortest(&key, at, initial).operations().len();
        }
    }
    assert_eq!((took, few), (steps, shown));
}

fn actions(acts: impl IntoIterator<Item = (Act, u64, u64)>) -> KeyActions {
    let required = acts.into_iter().enumerate().map(|(of, (act, began, ended))| KeyAction {
        act,
        began: Instant(began),
        ended: Instant(ended),
        of,
    });
    let mut required: Vec<_> = required.collect();
    required.sort_by_key(|action| action.began);
    KeyActions { required, optional: Vec::new() }
}

/// Whether an order explains it, by trying all of them.
fn tried(key: &KeyActions, state: Value, required: &[usize], optional: &[usize]) -> bool {
    if required.is_empty() {
        return true;
    }
    let first_end = required.iter().map(|nth| key.required[*nth].ended).min().unwrap();
    let after = |act: Act| match act {
        Act::Read(value) => (value == state).then_some(state),
        Act::Write { value, replaced } => replaced.is_none_or(|replaced| replaced == state).then_some(value),
        Act::Add(reply) => {
            let Value::Number(number) = state else { return None };
            (reply == 0 || reply == number + 1).then_some(Value::Number(number + 1))
        }
    };
    let without =
        |places: &[usize], place: usize| places.iter().copied().filter(|other| *other != place).collect::<Vec<_>>();
    required.iter().any(|nth| {
        let action = key.required[*nth];
        action.began <= first_end
            && after(action.act).is_some_and(|state| tried(key, state, &without(required, *nth), optional))
    }) || optional.iter().any(|nth| {
        let action = key.optional[*nth];
        action.began <= first_end
            && after(action.act).is_some_and(|state| tried(key, state, required, &without(optional, *nth)))
    })
}

/// Operations of a value or of a counter: their kinds, values, what they say they replaced, times, and whether nobody learned the outcome.
fn any_actions(counts: bool) -> impl Strategy<Value = KeyActions> {
    let action = (0..4_u8, 0..4_u64, 0..4_u64, 0..30_u64, 1..12_u64, 0..4_u8);
    prop::collection::vec(action, 1..7).prop_map(move |drawn| {
        let mut key = KeyActions::default();
        for (of, (kind, value, other, began, took, unlearned)) in drawn.into_iter().enumerate() {
            let written = |value: u64| if value == 0 { Value::Missing } else { Value::Written(value) };
            let (began, ended) = (Instant(began), Instant(began + took));
            let act = match (counts, kind) {
                (true, 0 | 1) => Act::Read(Value::Number(value)),
                (true, _) => Act::Add(value + 1),
                (false, 0) => Act::Read(written(value)),
                (false, 1) => Act::Write { value: Value::Missing, replaced: None },
                // Each value is written once, as it is in a history.
                (false, 2) => Act::Write { value: Value::Written(of as u64 + 1), replaced: None },
                (false, _) => Act::Write { value: Value::Written(of as u64 + 1), replaced: Some(written(other)) },
            };
            let blind = match act {
                Act::Write { value, .. } => Act::Write { value, replaced: None },
                _ => Act::Add(0),
            };
            let writes = !matches!(act, Act::Read(_));
            if unlearned > 0 || !writes {
                key.required.push(KeyAction { act, began, ended, of });
            }
            if unlearned < 2 && writes {
                key.optional.push(KeyAction { act: blind, began, ended: Instant(u64::MAX), of });
            }
        }
        key.required.sort_by_key(|action| action.began);
        key.optional.sort_by_key(|action| action.began);
        key
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn trying_every_order_finds_the_same((counts, key) in any::<bool>().prop_flat_map(|counts| any_actions(counts).prop_map(move |key| (counts, key)))) {
        let initial = if counts { Value::Number(0) } else { Value::Missing };
        let (required, optional): (Vec<_>, Vec<_>) = ((0..key.required.len()).collect(), (0..key.optional.len()).collect());
        let explained = tried(&key, initial, &required, &optional);
        let found = search(&key, State::Is(initial), 100_000);
        prop_assert_eq!(found == SearchEnd::Explained, explained, "{:?}", key);
        // What is shown as a contradiction is one by itself, with all that can have left what was found.
        if let SearchEnd::Unexplained(at) = found {
            let few = explain::shortest(&key, at, State::Is(initial));
            let (required, optional): (Vec<_>, Vec<_>) =
                ((0..few.required.len()).collect(), (0..few.optional.len()).collect());
            prop_assert!(!tried(&few, initial, &required, &optional), "{:?} of {:?}", few, key);
            let shown = few.operations();
            for finder in &few.required {
                let Some(value @ Value::Written(_)) = finder.act.told() else { continue };
                let can_have_left = |action: &&KeyAction| {
                    let writes = matches!(action.act, Act::Write { value: written, .. } if written == value);
                    writes && action.began <= finder.ended && action.of != finder.of
                };
                let all = key.required.iter().chain(&key.optional);
                let missing: Vec<_> = all.filter(can_have_left).filter(|action| !shown.contains(&action.of)).collect();
                prop_assert!(missing.is_empty(), "{:?} of {:?}", missing, key);
            }
        }
    }
}
