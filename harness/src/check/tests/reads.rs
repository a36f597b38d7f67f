//! What reads tell beside writes.

use super::*;
use crate::check::linearizable::Linearizable;
use crate::check::monotonic_reads::MonotonicReads;
use crate::check::read_your_writes::ReadYourWrites;
use crate::check::stale_reads::StaleReads;
use crate::evidence::Value;

const KEY: u32 = 7;

/// One key's operations of a millisecond, every 10 ms: `w` is a write, `w?` one of unknown outcome, `w!` one that surely failed, `x` and
/// `x?` removals; `r2` a read of what the second of the writes wrote, `r-` of nothing, `r*` of what nobody wrote; `r#` a scan that
/// counted keys; `=2` what is left in the
/// end. With `'` behind it another worker did it.
fn story(words: &str) -> Story {
    let (mut story, mut written) = (Story::formed(), Vec::new());
    for (at, word) in (LOAD_STARTS..).step_by(10).zip(words.split_whitespace()) {
        let bare = word.trim_end_matches('\'');
        let value = |which: &str| match which {
            "-" => Value::Missing,
            "*" => Value::Written(Value::id(0, 1, 999_999)),
            "#" => Value::Number(3),
            nth => nth.parse::<usize>().ok().and_then(|nth| written.get(nth - 1)).copied().unwrap_or(Value::Missing),
        };
        let change = |operation: &mut Operation| {
            operation.worker = u16::from(word.ends_with('\''));
            if bare.ends_with('?') {
                (operation.outcome, operation.unknown_attempts) = (Ended::Unknown, 1);
            }
            match bare.split_at(1) {
                ("w", "!") => operation.outcome = Ended::Fail,
                ("w", _) => {}
                ("x", _) => (operation.effect, operation.value) = (OperationEffect::Removes, Value::Missing),
                (_, which) => (operation.effect, operation.value) = (OperationEffect::Reads, value(which)),
            }
        };
        match bare.strip_prefix('=') {
            Some(which) => story.final_read(KEY, value(which), Ended::Ok),
            None => story.write(at, KEY, change),
        }
        if word.starts_with('w') {
            written.push(story.evidence.history.iter().last().unwrap().value);
        }
    }
    story
}

/// How many reads are stale, older than what their worker wrote, older than what it had read.
#[rstest]
#[case::the_newest("w r1 w r2", [0, 0, 0])]
#[case::stale_for_others("w w r1'", [1, 0, 0])]
#[case::stale_for_the_writer("w w r1", [1, 1, 0])]
#[case::went_back("w w r2' r1'", [1, 0, 1])]
#[case::went_back_and_on("w w r2' r1' r2'", [1, 0, 1])]
#[case::nothing_there("w r-'", [1, 0, 0])]
#[case::nothing_yet("r- w r1", [0, 0, 0])]
#[case::removed("w x r-", [0, 0, 0])]
#[case::removed_and_there("w x r1'", [1, 0, 0])]
#[case::removed_and_written("w x w r-'", [1, 0, 0])]
#[case::unknown_and_not_there("w w? r1", [0, 0, 0])]
#[case::unknown_and_there("w w? r2", [0, 0, 0])]
#[case::unknown_came_late("w? w r1", [0, 0, 0])]
#[case::an_earlier_removal_came_late("w x? w x w r-", [0, 0, 0])]
#[case::lost_since("w w r1' =1", [0, 0, 0])]
#[case::read_before_it_was_lost("w w r2' r1' =1", [0, 0, 0])]
#[case::kept("w w r1' =2", [1, 0, 0])]
fn reads_are_as_new_as_they_must_be(#[case] words: &str, #[case] expected: [u64; 3]) {
    let story = story(words);
    let load = None;
    let slos = [
        Slo::StaleReads(StaleReads { max: 0, min: 0, older_than: ms(0), load: load.clone() }),
        Slo::ReadYourWrites(ReadYourWrites { max: 0, load: load.clone() }),
        Slo::MonotonicReads(MonotonicReads { max: 0, load }),
    ];
    let findings = slos.map(|slo| story.judge(slo));
    for (finding, wrong) in findings.iter().zip(expected) {
        match finding.samples {
            0 => assert_eq!((finding.status, wrong), (Status::Inconclusive, 0), "{finding:?}"),
            _ => assert_eq!(finding.measured, wrong.to_string(), "{finding:?}"),
        }
        assert_eq!(finding.status == Status::Fail, wrong > 0, "{finding:?}");
    }
}

#[rstest]
#[case::it_did(2, 2, Status::Pass, "2 to 2", "")]
#[case::it_did_not(
    3,
    9,
    Status::Inconclusive,
    "3 to 9",
    "the danger did not arise: there should have been at least 3; "
)]
#[case::too_much(0, 0, Status::Fail, "0", "")]
fn a_danger_must_arise(
    #[case] min: u64,
    #[case] max: u64,
    #[case] status: Status,
    #[case] limit: &str,
    #[case] doubt: &str,
) {
    let finding = story("w w r1 r1'").judge(Slo::StaleReads(StaleReads { max, min, older_than: ms(0), load: None }));
    assert_eq!((finding.status, finding.limit.as_str()), (status, limit), "{finding:?}");
    let first = "first app:7 at 1.020 s from B: a write had been acknowledged 9 ms before";
    assert_eq!(finding.note, format!("{doubt}{first}"));
}

#[rstest]
#[case(StaleReads { max: 1, min: 0, older_than: ms(0), load: None }, "stale reads <= 1")]
#[case(StaleReads { max: 2, min: 1, older_than: ms(500), load: Some("app".to_owned()) }, "stale reads of app by 500ms 1 to 2")]
fn stale_reads_are_asked_for_in_words(#[case] slo: StaleReads, #[case] words: &str) {
    assert_eq!(story("w r1").judge(Slo::StaleReads(slo)).check, words);
}

/// What a write acknowledged 19 ms before the read makes of it.
#[rstest]
#[case(19, 1)]
#[case(20, 0)]
fn a_read_may_be_so_old(#[case] older_than: u64, #[case] stale: u64) {
    let story = story("w w r- r1");
    let finding = story.judge(Slo::StaleReads(StaleReads { max: 0, min: 0, older_than: ms(older_than), load: None }));
    assert_eq!((finding.measured, finding.samples), (stale.to_string(), 2), "{}", finding.note);
}

#[rstest]
#[case::never_written("w r*", Some(Impossible::NeverWritten))]
#[case::surely_failed("w w! r2", Some(Impossible::NotExecuted))]
#[case::possible("w w? r2 r1 r-", None)]
#[case::a_number_of_keys("w r#", None)]
fn what_cannot_be_read_is_named(#[case] words: &str, #[case] expected: Option<Impossible>) {
    let story = story(words);
    assert_eq!(impossible(&story), Vec::from_iter(expected));
}

/// Time runs forward for values, too.
#[test]
fn nothing_is_read_before_it_is_written() {
    let mut story = story("r- w");
    story.evidence.history.edit(|history| history[0].value = history[1].value);
    assert_eq!(impossible(&story), [Impossible::BeforeItWasWritten]);
}

/// Written for 5 ms, and read 9 ms after that was acknowledged.
#[rstest]
#[case::kept_too_long("5ms", Some(Impossible::Expired))]
#[case::in_time("20ms", None)]
fn what_had_expired_is_not_read(#[case] expires: &str, #[case] expected: Option<Impossible>) {
    let mut story = story("w r1");
    story.evidence.plan.loads[0].mix[0].expires = Some(expires.parse().unwrap());
    assert_eq!(impossible(&story), Vec::from_iter(expected));
}

/// Another node took over between the write that was missed and the read: only what says what it replaced tells whether it is lost.
#[rstest]
#[case::nobody_knows(false, Status::Inconclusive, "0")]
#[case::it_was_there_afterwards(true, Status::Fail, "1")]
fn what_was_missed_may_have_been_lost(#[case] tells: bool, #[case] status: Status, #[case] stale: &str) {
    let mut story = Story::formed();
    let key = story.key_of("A");
    for ms in [2_900, 2_950] {
        story.write(ms, key, |_| {});
    }
    story.failover(3_000, 0, 2_000);
    let [older, newer] = [0, 1].map(|nth| story.evidence.history.at(nth).value);
    story.write(6_000, key, |read| (read.effect, read.value) = (OperationEffect::Reads, older));
    story.write(6_100, key, |write| write.replaced = tells.then_some(newer));
    story.end(7_000);
    let finding = story.judge(Slo::StaleReads(StaleReads { max: 0, min: 0, older_than: ms(0), load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, stale), "{finding:?}");
    assert_eq!(finding.note.starts_with("1 read missed a write that may have been lost with its master"), !tells);
}

/// Of a contended key, only what had ended when another write began is older than that. The first write is under way until the end of
/// all that `under_way` counts.
#[rstest]
#[case::replaced("w w r1", 1, "1")]
#[case::replaced_together("w w r1", 2, "0")]
#[case::went_back_together("w w r2' r1'", 4, "0")]
#[case::nothing_there("w w r-", 2, "1")]
#[case::a_third_came_after_both("w w w r1", 2, "1")]
fn contended_writes_have_no_order(#[case] words: &str, #[case] under_way: u64, #[case] stale: &str) {
    let mut story = story(words);
    story.evidence.plan.loads[0].contended = true;
    story.evidence.history.edit(|history| history[0].ended = Instant::from_millis(LOAD_STARTS + 10 * under_way - 9));
    let finding = story.judge(Slo::StaleReads(StaleReads { max: 0, min: 0, older_than: ms(0), load: None }));
    assert_eq!(finding.measured, stale, "{finding:?}");
}

/// It returned a number of keys, and is no read of any.
#[test]
fn a_scan_is_no_read_of_a_value() {
    let mut story = story("w r1");
    story.evidence.history.edit(|history| history[1].value = Value::Number(7));
    assert_eq!(answer(&story.case(), &ReadsPossible).count, 0);
}

/// A load that only reads may read what another writes.
#[test]
fn a_reader_shares_the_keys_of_a_writer() {
    let mut story = story("w w r1");
    let reader = story.evidence.plan.loads[0].clone();
    story.evidence.plan.loads.push(reader);
    story.evidence.history.edit(|history| history[2].load = 1);
    let finding = story.judge(Slo::StaleReads(StaleReads { max: 0, min: 0, older_than: ms(0), load: None }));
    assert_eq!((finding.measured.as_str(), finding.samples), ("1", 1), "{}", finding.note);
}

/// A load preloaded only those of its keys that lie somewhere, and touches this one no more: the reader's value says that it is one.
#[rstest]
#[case::its_own(KEY, None)]
#[case::another_key_s(KEY + 1, Some(Impossible::NeverWritten))]
fn what_was_preloaded_tells_where_it_was_written(#[case] key: u32, #[case] expected: Option<Impossible>) {
    let mut story = story("r-");
    let reader = story.evidence.plan.loads[0].clone();
    story.evidence.plan.loads.push(reader);
    story.event(LOAD_STARTS - 10, EventKind::Preloaded { load: "app".to_owned(), keys: 5, last: 10, took_nanos: 1 });
    let value = Value::Written(Value::preloaded(0, key));
    story.evidence.history.edit(|history| (history[0].load, history[0].value) = (1, value));
    assert_eq!(impossible(&story), Vec::from_iter(expected));
    let finding = story.judge(Slo::Linearizable(Linearizable { max: 0, min: 0, load: None }));
    assert_eq!(finding.measured, if expected.is_some() { "1" } else { "0" }, "{finding:?}");
}
