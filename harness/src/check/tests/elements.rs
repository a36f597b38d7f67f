//! What reads of sets, lists and counters tell.

use super::*;
use crate::check::element_tally::{ElementsThat, WrongFate};
use crate::check::key_question::KeyQuestion;
use crate::check::lost_elements::LostElements;
use crate::check::stale_elements::StaleElements;
use crate::evidence::{DataType, Value};

const KEY: u32 = 7;

/// One key's operations of a millisecond, every 10 ms: `+a` adds the element a, `+a?` with an outcome that nobody learned, `+a!` surely
/// not, `+a^` acknowledged after such an attempt; `-a` takes it, `-?` takes nobody knows which; `[ab]` reads these elements, and `[]`
/// none; `(ab)` reads the last two at most; `=ab` is what is left in the end, and `=!` nobody knows. `~` behind it goes on to the end of the next; with `>` it begins as the one before ends, and with `|` as
/// that begins.
fn story(data: DataType, words: &str) -> Story {
    let mut story = Story::formed();
    let whole = story.evidence.plan.loads[0].mix[0].clone();
    story.evidence.plan.loads[0].mix.push(RecordedOperation { reads_last: Some(2), ..whole });
    let element =
        |letter: char| if letter == '*' { Value::Foreign } else { Value::Written(Value::id(0, 1, u64::from(letter))) };
    for (at, word) in (LOAD_STARTS..).step_by(10).zip(words.split_whitespace()) {
        let elements: Vec<_> = word.chars().filter(|c| c.is_alphabetic() || *c == '*').map(element).collect();
        let first = elements.first().copied().unwrap_or(Value::Missing);
        if word.starts_with('=') {
            let left = if elements.is_empty() { vec![Value::Missing] } else { elements };
            for value in left {
                story.final_read(KEY, value, if word == "=!" { Ended::Fail } else { Ended::Ok });
                story.evidence.history.edit(|history| history.last_mut().unwrap().data = data);
            }
            continue;
        }
        let before = story.evidence.history.iter().last().map_or((0, 0), |last| (last.started.0, last.ended.0));
        let at = match word.chars().last() {
            Some('>') => before.1 / 1_000_000,
            Some('|') => before.0 / 1_000_000,
            _ => at,
        };
        let read = story.evidence.elements.push(&elements);
        story.write(at, KEY, |operation| {
            operation.data = data;
            operation.unknown_attempts = u16::from(word.contains(['?', '^']));
            operation.outcome = match word {
                _ if word.contains('?') => Ended::Unknown,
                _ if word.contains('!') => Ended::Fail,
                _ => Ended::Ok,
            };
            if word.contains('~') {
                operation.ended = Instant::from_millis(at + 12);
            }
            (operation.effect, operation.value) = match word.chars().next() {
                Some('+') => (OperationEffect::Inserts, first),
                Some('-') => (OperationEffect::Takes, first),
                _ => (OperationEffect::Reads, read),
            };
            if word.starts_with('(') {
                operation.source = OperationSource::Mix { entry: 1, command: 0 };
            }
        });
    }
    story
}

/// How many elements are lost, how many stale, and of how many anything is known.
#[rstest]
#[case::found("+a [a] +b [ab]", [0, 0, 2])]
#[case::lost("+a [a] []", [1, 0, 1])]
#[case::never_found("+a []", [1, 0, 1])]
#[case::lost_at_the_end("+a +b [ab] =b", [1, 0, 2])]
#[case::stale("+a [] [a]", [0, 1, 1])]
#[case::found_at_last("+a +b [a] =ab", [0, 1, 2])]
#[case::never_read("[] +a", [0, 0, 0])]
#[case::unknown_is_nobody_s_loss("+a +b? [a]", [0, 0, 1])]
#[case::not_executed("+a +b! [a]", [0, 0, 1])]
#[case::beside_the_read("+a~ []", [0, 0, 0])]
#[case::as_the_read_begins("+a []>", [0, 0, 0])]
#[case::found_as_it_was_acknowledged("+a [a]>", [0, 0, 0])]
#[case::taken_as_the_read_ended("+a [] -a>", [0, 0, 0])]
#[case::found_by_one_and_missed_by_the_other("+a [a] []|", [0, 1, 1])]
#[case::everything("+a +b +c [ac] [abc] []", [3, 0, 3])]
#[case::a_read_that_failed("+a []!", [0, 0, 0])]
fn each_element_has_a_fate(
    #[case] words: &str,
    #[case] expected: [u64; 3],
    #[values(DataType::Set, DataType::List)] data: DataType,
) {
    let ([lost, stale, samples], story) = (expected, story(data, words));
    let findings = [
        story.judge(Slo::LostElements(LostElements { max: 0, min: 0, load: None })),
        story.judge(Slo::StaleElements(StaleElements { max: 0, min: 0, older_than: ms(0), load: None })),
    ];
    for (finding, wrong) in findings.iter().zip([lost, stale]) {
        let (status, measured) = match samples {
            0 => (Status::Inconclusive, "-".to_owned()),
            _ => (if wrong > 0 { Status::Fail } else { Status::Pass }, wrong.to_string()),
        };
        assert_eq!((finding.status, &finding.measured, finding.samples), (status, &measured, samples), "{finding:?}");
    }
}

/// Of the last two of a list, only what was added after one that was found should be there.
#[rstest]
#[case::further_back("+a +b +c (bc) =abc", [0, 0, 3])]
#[case::the_last_is_missing("+a +b +c (ab)", [1, 0, 3])]
#[case::one_between("+a +b +c (ac)", [1, 0, 3])]
#[case::all_that_there_are("+a +b (b)", [1, 0, 2])]
#[case::added_as_the_first_was_acknowledged("+a +b> +c +d (ad)", [2, 0, 4])]
#[case::taken("+a +b -a [b]", [0, 0, 1])]
#[case::taken_meanwhile("+a +b -a~ [b]", [0, 0, 1])]
fn what_is_not_in_sight_is_not_missed(#[case] words: &str, #[case] expected: [u64; 3]) {
    each_element_has_a_fate(words, expected, DataType::List);
}

/// Of a set nobody knows which are its last two.
#[test]
fn what_is_not_in_sight_of_a_set_is_not_missed() {
    each_element_has_a_fate("+a +b +c (ac) =abc", [0, 0, 3], DataType::Set);
}

/// A read of a value that finds nothing is none of elements besides.
#[test]
fn a_read_counts_once() {
    let mut story = Story::formed();
    story.write(LOAD_STARTS, KEY, |read| (read.effect, read.value) = (OperationEffect::Reads, Value::Missing));
    assert_eq!(answer(&story.case(), &ReadsPossible).count, 1);
}

/// Whether elements are lost or stale where somebody may have taken some, or nobody looked.
#[rstest]
#[case::one_may_be_taken("+a +b -? [b]", ["0 surely, 1 possibly", "0"], [Status::Inconclusive, Status::Pass])]
#[case::and_no_more("+a +b +c -? [b]", ["1 surely, 1 possibly", "0"], [Status::Fail, Status::Pass])]
#[case::at_the_end("+a +b +c -? =b", ["1 surely, 1 possibly", "0"], [Status::Fail, Status::Pass])]
#[case::taken_as_the_read_ended("+a [] -?>", ["0 surely, 1 possibly", "0"], [Status::Inconclusive, Status::Pass])]
#[case::lost_before("+a [] -? []", ["1", "0"], [Status::Fail, Status::Pass])]
#[case::lost_before_though_another_was_taken("+a +b -b [] -?", ["1", "0"], [Status::Fail, Status::Pass])]
#[case::lost_or_stale_and_taken(
    "+a [] [a] -? []", ["0 surely, 1 possibly", "0 surely, 1 possibly"], [Status::Inconclusive, Status::Inconclusive]
)]
#[case::stale_or_taken("+a -? [] [a]", ["0", "0 surely, 1 possibly"], [Status::Pass, Status::Inconclusive])]
#[case::nobody_read_it_before_the_end("+a +b =b", ["1", "0"], [Status::Fail, Status::Pass])]
#[case::nobody_knows("+a [a] +b =!", ["0", "0"], [Status::Inconclusive, Status::Pass])]
#[case::nobody_knows_but_it_was_taken("+a [a] +b -b =!", ["0", "0"], [Status::Pass, Status::Pass])]
fn what_nobody_knows_decides_nothing(#[case] words: &str, #[case] measured: [&str; 2], #[case] statuses: [Status; 2]) {
    let story = story(DataType::List, words);
    let findings = [
        story.judge(Slo::LostElements(LostElements { max: 0, min: 0, load: None })),
        story.judge(Slo::StaleElements(StaleElements { max: 0, min: 0, older_than: ms(0), load: None })),
    ];
    for (finding, expected) in findings.iter().zip(measured.into_iter().zip(statuses)) {
        assert_eq!((finding.measured.as_str(), finding.status), expected, "{finding:?}");
    }
}

/// Missed at 1,010 ms, 9 ms after the acknowledgement.
#[rstest]
#[case(9, "1")]
#[case(10, "0")]
fn an_element_may_be_so_late(#[case] older_than: u64, #[case] stale: &str) {
    let slo = Slo::StaleElements(StaleElements { max: 0, min: 0, older_than: ms(older_than), load: None });
    let finding = story(DataType::Set, "+a [] [a]").judge(slo);
    assert_eq!(finding.measured, stale, "{finding:?}");
    assert!(finding.note.contains("1 stale (missed until 9 ms after the acknowledgement"), "{}", finding.note);
}

#[rstest]
#[case::it_arose(1, Status::Pass)]
#[case::it_did_not(2, Status::Inconclusive)]
fn a_danger_must_arise(#[case] min: u64, #[case] status: Status) {
    let finding = story(DataType::Set, "+a []").judge(Slo::LostElements(LostElements { max: 9, min, load: None }));
    assert_eq!(finding.status, status, "{finding:?}");
    let is_said = finding.note.starts_with("the danger did not arise");
    assert_eq!(is_said, status == Status::Inconclusive, "{finding:?}");
}

/// What was found of two keys is told together.
#[test]
fn answers_for_several_keys_add_up() {
    let question = ElementsThat { loads: vec![0], are: WrongFate::Lost };
    let of = |words| answer(&story(DataType::List, words).case(), &question).into_owned();
    let mut tally = of("+d [] [d] +e");
    question.merge(&mut tally, of("+a +b +c -? [b]"));
    assert_eq!(tally.unseen(), 1);
    let finding = tally.finding(&"lost elements", 0..=3, 1);
    let found = (finding.status, finding.measured.as_str(), finding.samples, finding.limit.as_str());
    assert_eq!(found, (Status::Pass, "1 surely, 1 possibly", 4, "3"));
    let note = "1 element stable, 1 stale (missed until 9 ms after the acknowledgement at the median, 9 ms at most), 1 lost, \
                1 never read; 1 missed that takes of unknown outcome may have taken; first app:list:7 with worker 1's value ";
    assert!(finding.note.starts_with(note), "{}", finding.note);
    assert!(
        finding.note.ends_with(", acknowledged at 1.021 s by B, last missed by a read at 1.040 s"),
        "{}",
        finding.note
    );
    // What may be lost as well leaves doubt, and what surely is none; another load's elements are not meant.
    assert_eq!(of("+a +b +c -? [b]").finding(&"", 0..=2, 1).status, Status::Inconclusive);
    assert_eq!(of("+a +b +c -? [b]").finding(&"", 0..=2, 0).status, Status::Pass);
    let another = ElementsThat { loads: vec![1], ..question };
    let finding = answer(&story(DataType::List, "+a []").case(), &another).into_owned().finding(&"", 0..=2, 0);
    let nothing = "no element was looked for after it had been acknowledged";
    assert_eq!((finding.status, finding.note.as_str()), (Status::Inconclusive, nothing));
}

/// The first is the one that was acknowledged first.
#[test]
fn the_first_lost_element_is_told() {
    let finding =
        story(DataType::Set, "+a +b []").judge(Slo::LostElements(LostElements { max: 9, min: 3, load: None }));
    assert_eq!((finding.status, finding.limit.as_str()), (Status::Inconclusive, "3 to 9"), "{finding:?}");
    let note = "the danger did not arise: there should have been at least 3; 0 elements stable, 0 stale, 2 lost, 0 never read; first ";
    assert!(finding.note.starts_with(note), "{}", finding.note);
    assert!(
        finding.note.contains(", acknowledged at 1.001 s by B, last missed by a read at 1.020 s"),
        "{}",
        finding.note
    );
}

/// Of two that are lost; `a` is value 97.
#[rstest]
#[case::the_second_was_acknowledged_first(
    "+a~ +b []",
    "first app:set:7 with worker 1's value 98, acknowledged at 1.011 s"
)]
#[case::both_at_the_same_moment("+a +b| []", "first app:set:7 with worker 1's value 97, acknowledged at 1.001 s")]
fn the_one_that_was_acknowledged_first_is_told(#[case] words: &str, #[case] note: &str) {
    let finding = story(DataType::Set, words).judge(Slo::LostElements(LostElements { max: 0, min: 0, load: None }));
    assert!(finding.note.contains(note), "{}", finding.note);
}

#[rstest]
#[case::in_order("+a +b [ab]", None)]
#[case::out_of_order("+a +b [ba]", Some(Impossible::OutOfOrder))]
#[case::in_either_order("+a~ +b [ba]", None)]
#[case::one_begins_as_the_other_ends("+a +b> [ba]", Some(Impossible::OutOfOrder))]
#[case::added_as_the_read_ends("[a] +a>", None)]
#[case::out_of_order_across_one_between("+a +b~ +c [cba]", Some(Impossible::OutOfOrder))]
#[case::late("+a? +b [ba]", None)]
#[case::repeated_and_late("+a^ +b [ba]", None)]
#[case::twice("+a [aa]", Some(Impossible::Repeated))]
#[case::repeated_and_twice("+a^ [aa]", None)]
#[case::unknown_and_twice("+a? [aa]", Some(Impossible::Repeated))]
#[case::nobody_added_it("+a [az]", Some(Impossible::NeverWritten))]
#[case::foreign("+a [a*]", Some(Impossible::NeverWritten))]
#[case::not_executed("+a! [a]", Some(Impossible::NotExecuted))]
#[case::too_early("[a] +a", Some(Impossible::BeforeItWasWritten))]
#[case::lost("+a [a] []", None)]
fn what_a_list_cannot_hold_is_named(#[case] words: &str, #[case] expected: Option<Impossible>) {
    assert_eq!(impossible(&story(DataType::List, words)), Vec::from_iter(expected));
}

#[rstest]
#[case::in_any_order("+a +b [ba]", None)]
#[case::twice("+a^ [aa]", Some(Impossible::Repeated))]
fn what_a_set_cannot_hold_is_named(#[case] words: &str, #[case] expected: Option<Impossible>) {
    assert_eq!(impossible(&story(DataType::Set, words)), Vec::from_iter(expected));
}

/// Increments and reads of a millisecond, every 10 ms: `+3` was told 3, `+?` nothing, `+!` surely did nothing; `3` read 3, `-` nothing.
#[rstest]
#[case::counted("+1 1 +2 2", None)]
#[case::behind("+1 +2 1 -", None)]
#[case::went_back_after_a_loss("+1 +2 +2", None)]
#[case::an_unknown_one("+1 +? 2", None)]
#[case::more_than_was_tried("+1 2", Some(Impossible::MoreThanCounted))]
#[case::more_than_was_tried_by_then("+1 2 +2", Some(Impossible::MoreThanCounted))]
#[case::told_too_much("+1 +3", Some(Impossible::MoreThanCounted))]
#[case::not_executed("+1 +! 2", Some(Impossible::MoreThanCounted))]
#[case::did_not_count("+0", Some(Impossible::NotCounted))]
#[case::no_number("+1 *", Some(Impossible::NeverWritten))]
fn a_counter_never_runs_ahead(#[case] words: &str, #[case] expected: Option<Impossible>) {
    let mut story = Story::formed();
    for (at, word) in (LOAD_STARTS..).step_by(10).zip(words.split_whitespace()) {
        story.write(at, KEY, |operation| {
            let (increments, number) = word.strip_prefix('+').map_or((false, word), |number| (true, number));
            operation.data = DataType::Counter;
            operation.effect = if increments { OperationEffect::Increments } else { OperationEffect::Reads };
            operation.unknown_attempts = u16::from(number == "?");
            operation.value = number.parse().map_or(Value::Missing, Value::Number);
            operation.outcome = match number {
                "?" => Ended::Unknown,
                "!" => Ended::Fail,
                _ => Ended::Ok,
            };
            if number == "*" {
                operation.value = Value::Foreign;
            }
        });
    }
    assert_eq!(impossible(&story), Vec::from_iter(expected));
}
