//! Hand-written histories of one key.

use rstest::rstest;

use super::actions::Act;
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

fn slo(min: u64, max: u64) -> Slo {
    Slo::Linearizable(Linearizable { max, min, load: None })
}

fn judged(words: &str) -> Finding {
    story(words).judge(slo(0, 0))
}

#[rstest]
#[case::one_after_the_other("0-1w1 2-3r1 4-5w2 6-7r2")]
#[case::told_what_it_replaced("0-1w1<-")]
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
#[case::counted_from_nothing("0-1+1")]
#[case::counted_together("0-9+2 0-9+1 1-2c0 10-11c2")]
#[case::counted_without_an_answer("0-1+1 2-3+? 4-5+3 6-7c3")]
#[case::counted_late("0-1+? 2-3+1 4-5c1 6-7c2")]
#[case::a_counter_that_is_not_there_holds_nothing("0-1c- 2-3+1")]
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
#[case::counted_to_nothing("0-1+0")]
#[case::a_read_without_an_answer_counts_nothing("0-1+1 2-3c? 4-5c2")]
fn no_order_explains_it(#[case] words: &str) {
    let finding = judged(words);
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "1"), "{finding:?}");
}

/// What went before and after does not matter, nor who read the same.
#[rstest]
#[case::in_the_middle(
    "0-1w1 2-3r1 4-5w2 6-7r2 7-20w3 8-9r2 10-11r3 12-13w4 14-15r4 16-17w5 18-19r4 20-21r5 22-23r5 24-25w6",
    &["7 wrote worker 0's value 4", "9 wrote worker 0's value 5", "10 found worker 0's value 4"]
)]
#[case::whatever_else_was_under_way("0-9w1 1-2r5", &["1 found worker 0's value 5"])]
#[case::whatever_was_there_at_first("0-1x 2-3r5", &["0 removed it", "1 found worker 0's value 5"])]
#[case::counted_from_more_than_nothing("0-1+2 2-3+3", &["0 counted to 2"])]
#[case::what_may_have_counted_late("0-1+? 2-3+1 4-5c2 6-7c3", &["0 counted", "1 counted to 1", "3 found 3"])]
#[case::what_ended_as_the_last_two_began(
    "0-9w1 0-9w2 10-12r1 12-14w3 13-15r2",
    &[
        "0 wrote worker 0's value 1",
        "1 wrote worker 0's value 2",
        "2 found worker 0's value 1",
        "4 found worker 0's value 2",
    ]
)]
#[case::written_as_a_removal_ended("0-4x 1-9r5 4-5w1 6-7r-", &["1 found worker 0's value 5"])]
#[case::written_until_a_read_began("0-3x 1-9r5 2-5w2 4-6w1 6-7r-", &["1 found worker 0's value 5"])]
fn as_few_operations_are_shown_as_contradict_each_other(#[case] words: &str, #[case] expected: &[&str]) {
    let note = judged(words).note;
    let (_, told) = note.split_once(":\n  app worker ").unwrap();
    let told: Vec<_> = told.split("\n  app worker ").map(|line| line.split(", ").next().unwrap()).collect();
    assert_eq!(told, expected, "{note}");
}

/// A value is found that had been replaced long before: most of what was done in between is not looked at.
#[test]
fn a_contradiction_may_have_begun_long_before() {
    let between: Vec<_> = (1..=300)
        .map(|nth| format!("{}-{}w{nth} {}-{}r{nth}", 4 * nth, 4 * nth + 1, 4 * nth + 2, 4 * nth + 3))
        .collect();
    let note = judged(&format!("{} 1204-1205r2", between.join(" "))).note;
    let told: Vec<_> = note.lines().skip(3).map(|line| line.split(", ").next().unwrap().trim()).collect();
    let expected = [
        "app worker 2 wrote worker 0's value 2",
        "app worker 598 wrote worker 0's value 300",
        "app worker 600 found worker 0's value 2",
    ];
    assert_eq!(told, expected, "{note}");
}

#[rstest]
#[case::nothing_was_told("0-1w1", Status::Inconclusive, "-", 0)]
#[case::nobody_answered("0-1w1 2-3r1? 4-5r1!", Status::Inconclusive, "-", 0)]
#[case::what_was_preloaded("0-1r-", Status::Pass, "0", 1)]
#[case::all_that_was_acknowledged("0-1w1 2-3w2? 4-5w3! 6-7r1", Status::Pass, "0", 2)]
fn a_pass_needs_samples(#[case] words: &str, #[case] status: Status, #[case] measured: &str, #[case] samples: u64) {
    let finding = judged(words);
    let found = (finding.status, finding.measured.as_str(), finding.samples);
    assert_eq!(found, (status, measured, samples), "{finding:?}");
}

/// Who got no answer was told nothing: of its load there is nothing to judge.
#[test]
fn a_read_without_an_answer_is_no_use_of_a_key() {
    let mut story = story("0-1w1 2-3r1 4-5r1?");
    let mut reader = story.evidence.plan.loads[0].clone();
    reader.name = "reader".to_owned();
    story.evidence.plan.loads.push(reader);
    story.evidence.history.edit(|history| history[2].load = 1);
    let finding = story.judge(Slo::Linearizable(Linearizable { max: 0, min: 0, load: Some("reader".to_owned()) }));
    assert_eq!((finding.status, finding.samples), (Status::Inconclusive, 0), "{finding:?}");
}

/// It returned a number of keys, which nobody wrote to one.
#[test]
fn a_scan_is_no_read_of_a_value() {
    let mut story = story("0-1w1 2-3r1 4-5r1");
    story.evidence.history.edit(|history| history[2].value = Value::Number(7));
    let finding = story.judge(slo(0, 0));
    assert_eq!((finding.status, finding.samples), (Status::Pass, 2), "{finding:?}");
}

/// Who did what when, and was told what.
#[rstest]
#[case::removed("0-1w1 2-3x 4-5r1", &[
    "app worker 0 wrote worker 0's value 1, 1.000 s to 1.001 s, answered by B",
    "app worker 1 removed it, 1.002 s to 1.003 s, answered by B",
    "app worker 2 found worker 0's value 1, 1.004 s to 1.005 s, answered by B",
])]
#[case::counted("0-1+1 2-3+? 4-5c3", &[
    "app worker 0 counted to 1, 1.000 s to 1.001 s, answered by B",
    "app worker 1 counted, from 1.002 s on, of unknown outcome",
    "app worker 2 found 3, 1.004 s to 1.005 s, answered by B",
])]
#[case::replaced("0-1w1 2-3w2<1 4-5w3<1", &[
    "app worker 0 wrote worker 0's value 1, 1.000 s to 1.001 s, answered by B",
    "app worker 1 wrote worker 0's value 2 in place of worker 0's value 1, 1.002 s to 1.003 s, answered by B",
    "app worker 2 wrote worker 0's value 3 in place of worker 0's value 1, 1.004 s to 1.005 s, answered by B",
])]
#[case::many("0-1+? 2-3+? 4-5+? 6-7+? 8-9+? 10-11+? 12-13+? 14-15+? 16-17c9", &[
    "(after 1 other)",
    "app worker 1 counted, from 1.002 s on, of unknown outcome",
])]
fn a_contradiction_is_told(#[case] words: &str, #[case] lines: &[&str]) {
    let note = judged(words).note;
    let (head, told) = note.split_once(":\n  ").unwrap();
    let (_, key) = head.rsplit_once(' ').unwrap();
    let named = format!("not linearizable: {key}\nno order explains what was told of {key}");
    assert_eq!(head, format!("1 key, 1 of them contended\n{named}"));
    let told: Vec<_> = told.split("\n  ").collect();
    assert_eq!(told[..lines.len()], *lines, "{note}");
    assert_eq!(told.len(), if told[0].starts_with("(after") { 9 } else { lines.len() });
}

/// One key more than are named.
#[test]
fn the_first_keys_are_named() {
    let mut story = Story::formed();
    for key in (1..=NAMED_MAX + 1).map(|key| u32::try_from(key).unwrap()) {
        story.write(LOAD_STARTS, key, |_| {});
        story.write(LOAD_STARTS + 2, key, |read| {
            (read.effect, read.value) = (OperationEffect::Reads, Value::Missing);
        });
    }
    let finding = story.judge(slo(0, 0));
    assert_eq!((finding.measured.as_str(), finding.samples), ("25", 50));
    let lines: Vec<_> = finding.note.lines().collect();
    assert_eq!(lines[0], "25 keys, 0 of them contended");
    assert!(lines[1].starts_with("not linearizable: app:1, app:2, "), "{}", finding.note);
    assert!(lines[1].ends_with(", app:24 and 1 more"), "{}", finding.note);
    assert_eq!((lines[2], lines.len()), ("no order explains what was told of app:1:", 5));
}

/// Nor does a part of the keys keep more names than that.
#[test]
fn no_more_names_are_kept_than_are_shown() {
    let (story, mut tally) = (story("0-1w1 2-3r-"), Tally::default());
    let operations: Vec<_> = story.evidence.history.iter().collect();
    for _ in 0..=NAMED_MAX {
        tally.add(&story.case(), &operations, None, STEPS_OF_ALL_MAX);
    }
    assert_eq!((tally.wrong, tally.named.len()), (NAMED_MAX as u64 + 1, NAMED_MAX));
}

#[rstest]
#[case::it_arose(1, 2, Status::Pass, "1 to 2", "1 key")]
#[case::it_did_not(
    2,
    5,
    Status::Inconclusive,
    "2 to 5",
    "the danger did not arise: there should have been at least 2; 1 key"
)]
#[case::any(0, 1, Status::Pass, "1", "1 key")]
fn a_danger_must_arise(
    #[case] min: u64,
    #[case] max: u64,
    #[case] status: Status,
    #[case] limit: &str,
    #[case] note: &str,
) {
    let finding = story("0-1w1 2-3r-").judge(slo(min, max));
    assert_eq!((finding.status, finding.limit.as_str()), (status, limit), "{finding:?}");
    assert!(finding.note.starts_with(&format!("{note}, 1 of them contended\n")), "{finding:?}");
}

/// What the final read finds was there.
#[test]
fn the_final_read_is_a_read() {
    let mut story = story("0-1w1 2-3w2 4-5r2");
    story.final_read(KEY, Value::Written(Value::id(0, 0, 1)), Outcome::Ok);
    let finding = story.judge(slo(0, 0));
    assert!(finding.status == Status::Fail && finding.note.contains("the final read found"), "{finding:?}");
}

/// A key of which nobody can tell is one that may be wrong.
#[rstest]
#[case::too_many(0, Status::Inconclusive)]
#[case::as_many_as_may_be(1, Status::Pass)]
fn what_expires_is_not_judged(#[case] max: u64, #[case] status: Status) {
    let mut story = story("0-1w1 2-3r1");
    story.evidence.plan.loads[0].mix[0].expires = Some("1s".parse().unwrap());
    let finding = story.judge(slo(0, max));
    assert_eq!((finding.status, finding.measured.as_str()), (status, "0"));
    assert_eq!(finding.note, "of 1 key nobody can tell: what app:7 holds expires; 1 key, 1 of them contended");
}

/// All keys together may take so many steps as two of them do.
#[test]
fn all_keys_share_the_steps() {
    let (story, mut tally) = (story("0-9w1 0-9w2 0-9w3 10-11r2"), Tally::default());
    let operations: Vec<_> = story.evidence.history.iter().collect();
    let mut left = 1_000;
    search_within(&KeyActions::of(&operations), State::Is(Value::Missing), &mut left);
    let each = 1_000 - left;
    for _ in 0..4 {
        tally.add(&story.case(), &operations, None, 2 * each);
    }
    assert_eq!((tally.steps, tally.keys, tally.wrong, tally.undecided), (2 * each, 4, 0, 2));
    let note = tally.finding(&Linearizable { max: 0, min: 0, load: None }).note;
    let doubt = "of 2 keys nobody can tell: no order of the operations of app:7 was found in 0 steps; ";
    assert!(note.starts_with(doubt), "{note}");
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

/// What the last attempt of a write replaced says nothing of an earlier one that may come late.
#[test]
fn an_attempt_without_an_answer_was_told_nothing() {
    let story = story("0-1w1 2-3w2<1^ 4-5r2");
    let operations: Vec<_> = story.evidence.history.iter().collect();
    let attempts: Vec<_> = KeyActions::of(&operations).optional.iter().map(|attempt| attempt.act).collect();
    assert_eq!(attempts, [Act::Write { value: operations[1].value, replaced: None }]);
}
