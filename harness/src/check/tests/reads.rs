//! What reads tell beside writes.

use super::*;
use crate::check::linearizable::Linearizable;
use crate::check::monotonic_reads::MonotonicReads;
use crate::check::read_your_writes::ReadYourWrites;
use crate::check::stale_reads::StaleReads;
use crate::evidence::Value;

const KEY: u32 = 7;

/// One key's operations of a millisecond, every 10 ms: `w` is a write, `w?` one of unknown outcome, `w!` one that surely failed, `x` and
/// `x?` removals, `w^` a write that was acknowledged after an attempt of unknown outcome; `r2` a read of what the second of the writes wrote, `r-` of nothing, `r*` of what nobody wrote; `r#` a scan that
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
            operation.unknown_attempts = u16::from(bare.ends_with(['?', '^']));
            if bare.ends_with('?') {
                operation.outcome = Ended::Unknown;
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
#[case::went_back_twice("w w r2' r1' r1'", [2, 0, 2])]
#[case::went_back_and_on("w w r2' r1' r2'", [1, 0, 1])]
#[case::nothing_there("w r-'", [1, 0, 0])]
#[case::nothing_yet("r- w r1", [0, 0, 0])]
#[case::removed("w x r-", [0, 0, 0])]
#[case::removed_and_there("w x r1'", [1, 0, 0])]
#[case::removed_and_written("w x w r-'", [1, 0, 0])]
#[case::removed_only_later("w r-' x", [1, 0, 0])]
#[case::maybe_removed_only_later("w r-' x?", [1, 0, 0])]
#[case::unknown_and_not_there("w w? r1", [0, 0, 0])]
#[case::unknown_and_there("w w? r2", [0, 0, 0])]
#[case::unknown_came_late("w? w r1", [0, 0, 0])]
#[case::an_earlier_removal_came_late("w x? w x w r-", [0, 0, 0])]
#[case::lost_since("w w r1' =1", [0, 0, 0])]
#[case::read_before_it_was_lost("w w r2' r1' =1", [0, 0, 0])]
#[case::kept("w w r1' =2", [1, 0, 0])]
fn reads_are_as_new_as_they_must_be(#[case] words: &str, #[case] expected: [u64; 3]) {
    assert_eq!(how_many_are_older(&story(words)), expected);
}

fn how_many_are_older(story: &Story) -> [u64; 3] {
    let load = None;
    let slos = [
        Slo::StaleReads(StaleReads { max: 0, min: 0, older_than: ms(0), load: load.clone() }),
        Slo::ReadYourWrites(ReadYourWrites { max: 0, load: load.clone() }),
        Slo::MonotonicReads(MonotonicReads { max: 0, load }),
    ];
    slos.map(|slo| {
        let finding = story.judge(slo);
        let wrong = if finding.samples == 0 { 0 } else { finding.measured.parse().unwrap() };
        let status = match (finding.samples, wrong) {
            (0, _) => Status::Inconclusive,
            (_, 0) => Status::Pass,
            _ => Status::Fail,
        };
        assert_eq!(finding.status, status, "{finding:?}");
        wrong
    })
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
#[case::never_written("w r*", Some("what was never written to the key"))]
#[case::surely_failed("w w! r2", Some("what was surely not written"))]
#[case::possible("w w? r2 r1 r-", None)]
#[case::a_number_of_keys("w r#", None)]
fn what_cannot_be_read_is_named(#[case] words: &str, #[case] expected: Option<&str>) {
    let found: Vec<_> = impossible(&story(words)).into_iter().map(Impossible::text).collect();
    assert_eq!(found, Vec::from_iter(expected));
}

/// Time runs forward for values, too.
#[test]
fn nothing_is_read_before_it_is_written() {
    let mut story = story("r- w");
    story.evidence.history.edit(|history| history[0].value = history[1].value);
    assert_eq!(impossible(&story), [Impossible::BeforeItWasWritten]);
    // Unless it began at the very moment.
    story.evidence.history.edit(|history| history[0].ended = history[1].started);
    assert_eq!(impossible(&story), []);
}

/// Written for so long, and read 9 ms after that was acknowledged: servers may be 2 ms late.
#[rstest]
#[case::kept_too_long("w r1", "6ms", Some(Impossible::Expired))]
#[case::in_time("w r1", "7ms", None)]
#[case::may_have_come_late("w? r1", "6ms", None)]
#[case::may_have_come_again("w^ r1", "6ms", None)]
fn what_had_expired_is_not_read(#[case] words: &str, #[case] expires: &str, #[case] expected: Option<Impossible>) {
    let mut story = story(words);
    story.evidence.plan.loads[0].mix[0].expires = Some(expires.parse().unwrap());
    assert_eq!(impossible(&story), Vec::from_iter(expected));
}

/// Written for so long, and not there when it is looked for.
#[rstest]
#[case::forgotten("w r-", "11ms", 0)]
#[case::before_its_time("w r-", "12ms", 1)]
#[case::removed("w x r-", "1s", 0)]
#[case::removed_and_written_again("w x w r-", "1s", 1)]
#[case::removed_only_later("w r- x", "1s", 1)]
#[case::only_the_older_one_was_forgotten("w w r-", "21ms", 1)]
#[case::the_older_one_may_have_come_late("w? w r-", "21ms", 0)]
fn what_had_expired_is_not_missed(#[case] words: &str, #[case] expires: &str, #[case] stale: u64) {
    let mut story = story(words);
    story.evidence.plan.loads[0].mix[0].expires = Some(expires.parse().unwrap());
    let finding = story.judge(stale_reads(0));
    assert_eq!((finding.measured, finding.samples), (stale.to_string(), 1), "{}", finding.note);
}

fn stale_reads(older_than: u64) -> Slo {
    Slo::StaleReads(StaleReads { max: 0, min: 0, older_than: ms(older_than), load: None })
}

/// Another node took over at 5 s, between the write that was missed and the read: only what says what it replaced tells whether that
/// write is lost.
#[rstest]
#[case::nobody_knows("A", 2_951, 6_000, |_: &mut Operation, _: Value| {}, true)]
#[case::nobody_knows_after_a_removal("A", 2_951, 6_000, |write: &mut Operation, _: Value| (write.effect, write.value) = (OperationEffect::Removes, Value::Missing), true)]
#[case::it_was_there_afterwards("A", 2_951, 6_000, |write: &mut Operation, newer: Value| write.replaced = Some(newer), false)]
#[case::it_is_still_there("A", 2_951, 6_000, |write: &mut Operation, _: Value| write.outcome = Ended::Fail, false)]
#[case::another_shard_was_taken_over("B", 2_951, 6_000, |_: &mut Operation, _: Value| {}, false)]
#[case::taken_over_as_the_read_ended("A", 2_951, 5_000, |_: &mut Operation, _: Value| {}, true)]
#[case::taken_over_after_the_read("A", 2_951, 4_999, |_: &mut Operation, _: Value| {}, false)]
#[case::taken_over_before_it_was_acknowledged("A", 5_000, 6_000, |_: &mut Operation, _: Value| {}, false)]
fn what_was_missed_may_have_been_lost(
    #[case] shard: &str,
    #[case] acknowledged: u64,
    #[case] read: u64,
    #[case] then: fn(&mut Operation, Value),
    #[case] doubtful: bool,
) {
    let mut story = Story::formed();
    let key = story.key_of(shard);
    story.write(2_900, key, |_| {});
    story.write(2_950, key, |write| write.ended = Instant::from_millis(acknowledged));
    story.failover(3_000, 0, 2_000);
    let [older, newer] = [0, 1].map(|nth| story.evidence.history.at(nth).value);
    story.write(read - 5, key, |operation| {
        (operation.effect, operation.value) = (OperationEffect::Reads, older);
        operation.ended = Instant::from_millis(read);
    });
    story.write(6_100, key, |write| then(write, newer));
    story.end(7_000);
    let finding = story.judge(stale_reads(0));
    let (status, stale) = if doubtful { (Status::Inconclusive, "0") } else { (Status::Fail, "1") };
    assert_eq!((finding.status, finding.measured.as_str()), (status, stale), "{finding:?}");
    assert_eq!(finding.note.starts_with("1 read missed a write that may have been lost with its master"), doubtful);
}

/// The first write ends, or the first read, as the next operation begins.
#[rstest]
#[case::a_write_may_not_have_been_there_yet("w r-", [0, 0, 0])]
#[case::a_removal_may_have_come_before_the_answer("w r-' x", [0, 0, 0])]
#[case::a_worker_s_read_was_before_its_next("w w r2' r1'", [1, 0, 1])]
fn one_ends_as_another_begins(#[case] words: &str, #[case] expected: [u64; 3]) {
    let mut story = story(words);
    story.evidence.history.edit(|history| {
        let next = history.len() - 1;
        history[next - 1].ended = history[next].started;
    });
    assert_eq!(how_many_are_older(&story), expected);
}

/// Increments have replies of their own, and reads of a counter no order of writes.
#[test]
fn a_counter_is_no_value() {
    let mut story = story("w r-");
    story.evidence.history.edit(|history| history.iter_mut().for_each(|each| each.data = DataType::Counter));
    assert_eq!(story.judge(stale_reads(0)).samples, 0);
}

/// Of two keys the earlier stale read is named, and of two at the same time that of the first key.
#[rstest]
#[case::earlier(1_015, "first app:8 at 1.015 s")]
#[case::at_the_same_time(1_020, "first app:7 at 1.020 s")]
#[case::later(1_025, "first app:7 at 1.020 s")]
fn the_first_stale_read_is_named(#[case] of_another_key: u64, #[case] first: &str) {
    let mut story = story("w w r1");
    for at in [LOAD_STARTS, LOAD_STARTS + 5, of_another_key] {
        story.write(at, KEY + 1, |operation| operation.node = None);
    }
    let older = story.evidence.history.at(3).value;
    story.evidence.history.edit(|history| {
        let read = history.last_mut().unwrap();
        (read.effect, read.value) = (OperationEffect::Reads, older);
    });
    let finding = story.judge(stale_reads(0));
    assert!(finding.note.starts_with(first), "{}", finding.note);
    assert_eq!(finding.note.contains("from an unknown node"), first.contains("app:8"), "{}", finding.note);
}

/// What asks the same as another is asked once, and each has the answer to what it asks.
#[test]
fn all_questions_are_answered_in_one_look() {
    let story = story("w w r- r1");
    let mut case = story.case();
    let load = Some("reader".to_owned());
    let slos = [
        stale_reads(0),
        stale_reads(20),
        stale_reads(0),
        Slo::ReadYourWrites(ReadYourWrites { max: 0, load: None }),
        Slo::MonotonicReads(MonotonicReads { max: 0, load: None }),
        Slo::MonotonicReads(MonotonicReads { max: 0, load }),
        Slo::Linearizable(Linearizable { max: 0, min: 0, load: None }),
    ];
    let asked = ask(&case, slos.iter().filter_map(|slo| slo.kind().of_keys(&case)).collect());
    assert_eq!(asked.len(), 6);
    case.of_keys = asked;
    let findings: Vec<_> = slos.iter().map(|slo| slo.kind().judge(&case)).collect();
    let measured: Vec<_> = findings.iter().map(|finding| finding.measured.as_str()).collect();
    assert_eq!(measured, ["2", "0", "2", "2", "0", "-", "1"]);
    for (slo, finding) in slos.iter().zip(findings) {
        assert_eq!(story.judge(slo), finding);
        // What was read was read, whatever the machine took.
        assert_eq!(slo.kind().explained_by_machine(&case), None);
    }
}

/// Another load's reads are not asked about, and what is asked is told.
#[rstest]
#[case(Slo::StaleReads(StaleReads { max: 1, min: 0, older_than: ms(0), load: None }), "stale reads <= 1")]
#[case(Slo::StaleReads(StaleReads { max: 2, min: 1, older_than: ms(500), load: Some("reader".to_owned()) }), "stale reads of reader by 500ms 1 to 2")]
#[case(Slo::ReadYourWrites(ReadYourWrites { max: 0, load: None }), "reads older than the worker's own write <= 0")]
#[case(Slo::ReadYourWrites(ReadYourWrites { max: 0, load: Some("reader".to_owned()) }), "reads older than the worker's own write of reader <= 0")]
#[case(Slo::MonotonicReads(MonotonicReads { max: 0, load: None }), "reads older than the worker's last <= 0")]
#[case(Slo::MonotonicReads(MonotonicReads { max: 0, load: Some("reader".to_owned()) }), "reads older than the worker's last of reader <= 0")]
#[case(Slo::Linearizable(Linearizable { max: 1, min: 0, load: None }), "keys not linearizable <= 1")]
#[case(Slo::Linearizable(Linearizable { max: 2, min: 1, load: Some("reader".to_owned()) }), "keys not linearizable of reader 1 to 2")]
fn it_is_asked_for_in_words(#[case] slo: Slo, #[case] words: &str) {
    let finding = story("w r1 r1").judge(&slo);
    let reader = slo.kind().load();
    assert_eq!((finding.check.as_str(), finding.samples > 0), (words, reader.is_none()));
    assert_eq!(reader.unwrap_or("reader"), "reader");
}

/// How long before a read a write was acknowledged makes another SLO; at least one and at most none contradict each other.
#[test]
fn stale_reads_have_limits() {
    let [now, later] = [0, 20].map(stale_reads);
    assert_ne!(now.kind().variant(), later.kind().variant());
    let slo = Slo::StaleReads(StaleReads { max: 0, min: 1, older_than: ms(0), load: None });
    assert_eq!((now.kind().wrong_numbers().len(), slo.kind().wrong_numbers().len()), (0, 1));
}

/// Of a contended key, only what had ended when another write began is older than that. The first write is under way until the end of
/// all that `under_way` counts.
#[rstest]
#[case::replaced("w w r1", 1, "1")]
#[case::replaced_together("w w r1", 2, "0")]
#[case::went_back_together("w w r2' r1'", 4, "0")]
#[case::nothing_there("w w r-", 2, "1")]
#[case::a_third_came_after_both("w w w r1", 2, "1")]
#[case::removed_together("x x w r-", 4, "0")]
fn contended_writes_have_no_order(#[case] words: &str, #[case] under_way: u64, #[case] stale: &str) {
    let mut story = story(words);
    story.evidence.plan.loads[0].contended = true;
    story.evidence.history.edit(|history| history[0].ended = Instant::from_millis(LOAD_STARTS + 10 * under_way - 9));
    let finding = story.judge(Slo::StaleReads(StaleReads { max: 0, min: 0, older_than: ms(0), load: None }));
    assert_eq!(finding.measured, stale, "{finding:?}");
}

/// One of them ended in the very moment in which the other began, and is older than that.
#[test]
fn contended_writes_that_touch_have_an_order() {
    let mut story = story("w w r1");
    story.evidence.plan.loads[0].contended = true;
    story.evidence.history.edit(|history| history[0].ended = history[1].started);
    let finding = story.judge(stale_reads(0));
    assert_eq!(finding.measured, "1", "{finding:?}");
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
