//! What reads of sets, lists and counters tell.

use super::*;
use crate::check::lost_elements::LostElements;
use crate::check::stale_elements::StaleElements;
use crate::evidence::{DataType, Value};

const KEY: u32 = 7;

/// One key's operations of a millisecond, every 10 ms: `+a` adds the element a, `+a?` with an outcome that nobody learned, `+a!` surely
/// not, `+a^` acknowledged after such an attempt; `-a` takes it, `-?` takes nobody knows which; `[ab]` reads these elements, and `[]`
/// none; `(ab)` reads the last two at most; `=ab` is what is left in the end, and `=!` nobody knows. `~` behind it goes on to the end of the next.
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
#[case::everything("+a +b +c [ac] [abc] []", [3, 0, 3])]
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
#[case::taken("+a +b -a [b]", [0, 0, 1])]
#[case::taken_meanwhile("+a +b -a~ [b]", [0, 0, 1])]
fn what_is_not_in_sight_is_not_missed(#[case] words: &str, #[case] expected: [u64; 3]) {
    each_element_has_a_fate(words, expected, DataType::List);
}

/// Whether elements are lost or stale where somebody may have taken some, or nobody looked.
#[rstest]
#[case::one_may_be_taken("+a +b -? [b]", ["0 surely, 1 possibly", "0"], [Status::Inconclusive, Status::Pass])]
#[case::and_no_more("+a +b +c -? [b]", ["1 surely, 1 possibly", "0"], [Status::Fail, Status::Pass])]
#[case::at_the_end("+a +b +c -? =b", ["1 surely, 1 possibly", "0"], [Status::Fail, Status::Pass])]
#[case::lost_before("+a [] -? []", ["1", "0"], [Status::Fail, Status::Pass])]
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
}

#[rstest]
#[case::in_order("+a +b [ab]", None)]
#[case::out_of_order("+a +b [ba]", Some(Impossible::OutOfOrder))]
#[case::in_either_order("+a~ +b [ba]", None)]
#[case::out_of_order_across_one_between("+a +b~ +c [cba]", Some(Impossible::OutOfOrder))]
#[case::late("+a? +b [ba]", None)]
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
