//! Hand-written histories of one key, and a comparison with trying every order.

use proptest::prelude::*;
use rstest::rstest;

use super::actions::{Act, KeyAction, KeyActions};
use super::search::{SearchEnd, State, search};
use super::*;
use crate::check::Slo;
use crate::check::testing::{LOAD_STARTS, Story};
use crate::vocab::Instant;

const KEY: u32 = 7;

/// One contended key's operations, each as when it began and ended in milliseconds, and what it was: `0-9w1` writes the first value,
/// `w1?` with an outcome that nobody learned, `w1^` acknowledged after such an attempt, `w1!` surely not; `w2<1` was told that it
/// replaced the first; `x` and `x?` remove; `r1` finds the first value, `r-` nothing. Of a counter `+3` is told 3,
/// `+?` nothing, `c3` finds 3.
fn story(words: &str) -> Story {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].contended = true;
    for (nth, word) in (0..).zip(words.split_whitespace()) {
        let (times, what) = word.split_at(word.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap());
        let (began, ended) = times.split_once('-').unwrap();
        let [began, ended] = [began, ended].map(|ms| Instant::from_millis(LOAD_STARTS + ms.parse::<u64>().unwrap()));
        let (bare, unlearned) = (what.trim_end_matches(['?', '!', '^']), what.ends_with(['?', '^']));
        let value = |which: &str| which.parse().map_or(Value::Missing, |id| Value::Written(Value::id(0, 0, id)));
        let number = |which: &str| which.parse().map_or(Value::Missing, Value::Number);
        story.write(LOAD_STARTS, KEY, |operation| {
            (operation.intended, operation.ready, operation.started, operation.ended) = (began, began, began, ended);
            operation.worker = nth;
            operation.unknown_attempts = u16::from(unlearned);
            operation.outcome = match what.chars().last() {
                Some('?') => Outcome::Unknown,
                Some('!') => Outcome::Fail,
                _ => Outcome::Ok,
            };
            let (kind, which) = bare.split_at(1);
            match kind {
                "w" => {
                    let (wrote, replaced) =
                        which.split_once('<').map_or((which, None), |(wrote, old)| (wrote, Some(old)));
                    (operation.value, operation.replaced) = (value(wrote), replaced.map(value));
                }
                "x" => (operation.effect, operation.value) = (OperationEffect::Removes, Value::Missing),
                "r" => (operation.effect, operation.value) = (OperationEffect::Reads, value(which)),
                "+" => {
                    (operation.effect, operation.data) = (OperationEffect::Increments, DataType::Counter);
                    operation.value = number(which);
                }
                "c" => {
                    (operation.effect, operation.data) = (OperationEffect::Reads, DataType::Counter);
                    operation.value = number(which);
                }
                other => panic!("{other}"),
            }
        });
    }
    story
}

fn judged(words: &str) -> Finding {
    story(words).judge(Slo::Linearizable(Linearizable { max: 0, min: 0, load: None }))
}

#[rstest]
#[case::one_after_the_other("0-1w1 2-3r1 4-5w2 6-7r2")]
#[case::nothing_yet("0-1r- 2-3w1 4-5r1")]
#[case::a_read_beside_a_write("0-9w1 1-2r- 3-4r1")]
#[case::two_writes_in_either_order("0-9w1 0-9w2 10-11r1")]
#[case::read_as_if_in_the_other_order("0-9w1 0-9w2 1-2r2 3-4r1")]
#[case::replaced_unseen("0-9w1 0-9w2 0-9w3 10-11r2")]
#[case::in_a_chain("0-9w1<- 0-9w3<2 0-9w2<1 10-11r3")]
#[case::unknown_and_seen("0-1w1 2-3w2? 4-5r2")]
#[case::unknown_and_unseen("0-1w1 2-3w2? 4-5r1")]
#[case::unknown_and_late("0-1w1? 2-3w2 4-5r2 6-7r1")]
#[case::not_executed("0-1w1 2-3w2! 4-5r1")]
#[case::repeated_and_late("0-1w1^ 2-3w2 4-5r1")]
#[case::removed("0-1w1 2-3x 4-5r-")]
#[case::removed_by_who_got_no_answer("0-1w1 2-3x? 4-5r1 6-7r-")]
#[case::counted("0-1+1 2-3+2 4-5c2")]
#[case::counted_together("0-9+2 0-9+1 1-2c0 10-11c2")]
#[case::counted_without_an_answer("0-1+1 2-3+? 4-5+3 6-7c3")]
#[case::counted_late("0-1+? 2-3+1 4-5c1 6-7c2")]
fn an_order_explains_it(#[case] words: &str) {
    let finding = judged(words);
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Pass, "0"), "{finding:?}");
}

#[rstest]
#[case::stale("0-1w1 2-3w2 4-5r1")]
#[case::nothing_there("0-1w1 2-3r-")]
#[case::back_and_on("0-1w1 2-9w2 3-4r2 5-6r1")]
#[case::never_written("0-1w1 2-3r5")]
#[case::not_executed("0-1w1! 2-3r1")]
#[case::read_before_it_was_written("0-1r1 2-3w1")]
#[case::seen_in_two_orders("0-9w1 0-9w2 10-11r1 12-13r2")]
#[case::replaced_twice("0-1w1 2-3w2<1 4-5w3<1")]
#[case::unknown_before_it_began("0-1w1 2-3r2 4-5w2?")]
#[case::unknown_once("0-1w1? 2-3w2 4-5r1 6-7w3 8-9r1")]
#[case::there_again("0-1w1 2-3x 4-5r1")]
#[case::counted_twice("0-1+1 2-3+1")]
#[case::jumped("0-1+1 2-3+3")]
#[case::went_back("0-1+1 2-3+2 4-5c1")]
#[case::more_than_was_attempted("0-1+1 2-3+? 4-5c3")]
#[case::jumped_together("0-9+1 0-9+3")]
fn no_order_explains_it(#[case] words: &str) {
    let finding = judged(words);
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "1"), "{finding:?}");
}

/// What went before and after does not matter, nor who read the same.
#[test]
fn as_few_operations_are_shown_as_contradict_each_other() {
    let words = "0-1w1 2-3r1 4-5w2 6-7r2 7-20w3 8-9r2 10-11r3 12-13w4 14-15r4 16-17w5 18-19r4 20-21r5 22-23r5 24-25w6";
    let finding = judged(words);
    let lines: Vec<_> = finding.note.lines().map(str::trim).collect();
    assert_eq!(
        lines[1..3],
        ["not linearizable: app:7", "no order explains what was told of app:7:"],
        "{}",
        finding.note
    );
    let told: Vec<_> = lines[3..].iter().map(|line| line.split(", ").next().unwrap()).collect();
    let expected = [
        "app worker 7 wrote worker 0's value 4",
        "app worker 9 wrote worker 0's value 5",
        "app worker 10 found worker 0's value 4",
    ];
    assert_eq!(told, expected, "{}", finding.note);
}

#[rstest]
#[case::nothing_was_told("0-1w1", Status::Inconclusive, "-")]
#[case::what_was_preloaded("0-1r-", Status::Pass, "0")]
fn a_pass_needs_samples(#[case] words: &str, #[case] status: Status, #[case] measured: &str) {
    let finding = judged(words);
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{finding:?}");
}

#[rstest]
#[case::it_arose(1, 2, Status::Pass)]
#[case::it_did_not(2, 5, Status::Inconclusive)]
fn a_danger_must_arise(#[case] min: u64, #[case] max: u64, #[case] status: Status) {
    let finding = story("0-1w1 2-3r-").judge(Slo::Linearizable(Linearizable { max, min, load: None }));
    assert_eq!(finding.status, status, "{finding:?}");
}

/// What the final read finds was there.
#[test]
fn the_final_read_is_a_read() {
    let mut story = story("0-1w1 2-3w2 4-5r2");
    story.final_read(KEY, Value::Written(Value::id(0, 0, 1)), Outcome::Ok);
    let finding = story.judge(Slo::Linearizable(Linearizable { max: 0, min: 0, load: None }));
    assert!(finding.status == Status::Fail && finding.note.contains("the final read found"), "{finding:?}");
}

#[test]
fn what_expires_is_not_judged() {
    let mut story = story("0-1w1 2-3r1");
    story.evidence.plan.loads[0].mix[0].expires = Some("1s".parse().unwrap());
    let finding = story.judge(Slo::Linearizable(Linearizable { max: 0, min: 0, load: None }));
    assert!(finding.status == Status::Inconclusive && finding.note.contains("expires"), "{finding:?}");
}

/// Twelve writes under way together, each of them read: every subset of them and every last one of it is a state to be tried.
#[test]
fn what_takes_too_many_steps_is_not_decided() {
    let writes = (0..12).map(|nth| (Act::Write { value: Value::Written(nth), replaced: None }, 0, 100));
    let key = actions(writes.chain((0..12).map(|nth| (Act::Read(Value::Written(nth)), 0, 200))));
    assert_eq!(search(&key, State::Is(Value::Missing), 100), SearchEnd::OutOfSteps);
}

/// However often a history says that something was tried, no more of it is kept than can matter.
#[rstest]
#[case::never_told("0-1w1? 2-3w2 4-5r2", 0)]
#[case::told_once("0-1w1? 2-3w2 4-5r1", 1)]
#[case::told_twice("0-1w1? 2-3r1 4-5w2 6-7w3<1", 2)]
#[case::counted("0-1+? 2-3+? 4-5c2", 131_070)]
fn attempts_are_kept_as_far_as_they_matter(#[case] words: &str, #[case] kept: usize) {
    let story = story(words);
    let mut operations: Vec<_> = story.evidence.history.iter().collect();
    for operation in operations.iter_mut().filter(|operation| operation.unknown_attempts > 0) {
        operation.unknown_attempts = u16::MAX;
    }
    assert_eq!(KeyActions::of(&operations).optional.len(), kept);
    let many: Vec<_> = std::iter::repeat_n(&operations[0], 20).copied().collect();
    assert!(KeyActions::of(&many).optional.len() as u64 <= STEPS_MAX);
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
