use rstest::rstest;

use super::*;
use crate::check::Slo;
use crate::check::testing::{LOAD_STARTS, Story};
use crate::vocab::Instant;

const KEY: u32 = 7;

/// One key's writes in words, `?` for an attempt of unknown outcome: `ok`, `ok?`, `unknown`, `fail`.
fn story(writes: &str, survivor: &str) -> Story {
    let mut story = Story::formed();
    for (index, word) in writes.split_whitespace().enumerate() {
        story.write(LOAD_STARTS + 10 * index as u64, KEY, |write| {
            (write.outcome, write.unknown_attempts) = match word {
                "ok" => (Outcome::Ok, 0),
                "ok?" => (Outcome::Ok, 1),
                "unknown" => (Outcome::Unknown, 1),
                "short" => (Outcome::Unknown, 0),
                "fail" => (Outcome::Fail, 0),
                other => panic!("{other}"),
            };
        });
    }
    let value = |index: usize| story.evidence.history.at(index - 1).value;
    let (value, outcome) = match survivor {
        "missing" => (Value::Missing, Outcome::Ok),
        "foreign" => (Value::Foreign, Outcome::Ok),
        "other key's" => (Value::Written(Value::id(0, 1, 999)), Outcome::Ok),
        "unreadable" => (Value::Missing, Outcome::Fail),
        "unread" => return story,
        index => (value(index.parse().unwrap()), Outcome::Ok),
    };
    story.final_read(KEY, value, outcome);
    story
}

#[rstest]
#[case::last_write_survives("ok ok", "2", 0, Status::Pass, "0")]
#[case::one_write_survives("ok", "1", 0, Status::Pass, "0")]
#[case::last_is_gone("ok ok", "1", 0, Status::Fail, "1")]
#[case::two_are_gone("ok ok ok", "1", 0, Status::Fail, "2")]
#[case::two_are_gone_and_allowed("ok ok ok", "1", 2, Status::Pass, "2")]
#[case::key_is_gone("ok ok", "missing", 0, Status::Fail, "2")]
#[case::key_is_gone_after_late_writes("unknown ok", "missing", 0, Status::Fail, "1")]
#[case::only_unknown_is_gone("unknown", "missing", 0, Status::Inconclusive, "-")]
#[case::unknown_took_effect("ok unknown", "2", 0, Status::Pass, "0")]
#[case::unknown_took_no_effect("ok unknown", "1", 0, Status::Pass, "0")]
#[case::one_of_two_unknown_took_effect("ok unknown unknown", "2", 0, Status::Pass, "0")]
#[case::unknown_then_ok("unknown ok", "2", 0, Status::Pass, "0")]
#[case::unknown_took_effect_late("unknown ok", "1", 0, Status::Inconclusive, "0 surely, 1 possibly")]
#[case::late_effect_within_the_limit("unknown ok", "1", 1, Status::Pass, "0 surely, 1 possibly")]
#[case::retry_of_an_acknowledged_write_took_effect_late("ok? ok", "1", 0, Status::Inconclusive, "0 surely, 1 possibly")]
#[case::retry_before_the_loss("ok? ok ok", "2", 0, Status::Fail, "1")]
#[case::retried_last_write_survives("ok ok?", "2", 0, Status::Pass, "0")]
#[case::retried_last_write_is_gone("ok ok?", "1", 0, Status::Fail, "1")]
#[case::wait_was_short("ok short", "2", 0, Status::Pass, "0")]
#[case::failed_writes_lose_nothing("ok fail fail", "1", 0, Status::Pass, "0")]
#[case::fail_between_counts_nothing("ok fail ok", "1", 0, Status::Fail, "1")]
#[case::surely_not_executed_and_there("ok fail", "2", 0, Status::Fail, "0")]
#[case::nobody_wrote_it("ok", "foreign", 5, Status::Fail, "0")]
#[case::not_written_to_this_key("ok", "other key's", 0, Status::Fail, "0")]
#[case::phantom_without_acknowledged_writes("unknown", "foreign", 0, Status::Fail, "0")]
#[case::unreadable("ok", "unreadable", 0, Status::Inconclusive, "0")]
#[case::not_read("ok", "unread", 0, Status::Inconclusive, "0")]
#[case::nothing_acknowledged("fail unknown", "unread", 0, Status::Inconclusive, "-")]
#[case::nothing_written("", "missing", 0, Status::Inconclusive, "-")]
#[case::nobody_wrote_anything("", "foreign", 0, Status::Fail, "0")]
fn writes_are_accounted_for(
    #[case] writes: &str,
    #[case] survivor: &str,
    #[case] max: u64,
    #[case] status: Status,
    #[case] measured: &str,
) {
    let finding = story(writes, survivor).judge(Slo::LostWrites(LostWrites { max, min: 0 }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
}

#[test]
fn a_loss_is_named() {
    let finding = story("ok ok", "1").judge(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    assert!(finding.note.contains("app:7 = worker 1's value 2, acknowledged at 1.011 s by "), "{}", finding.note);
    assert_eq!(finding.samples, 2);
}

#[test]
fn what_no_write_explains_is_named() {
    let note = story("ok", "foreign").judge(Slo::LostWrites(LostWrites { max: 0, min: 0 })).note;
    assert!(note.contains("1 key with a value that was never written to it, first app:7"), "{note}");
}

#[rstest]
#[case::written_again("ok ok", "1", true)]
#[case::written_once("ok", "missing", false)]
fn only_what_is_written_again_can_hide_a_loss(#[case] writes: &str, #[case] survivor: &str, #[case] said: bool) {
    let finding = story(writes, survivor).judge(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    assert_eq!((finding.status, finding.note.contains("is not counted")), (Status::Fail, said), "{}", finding.note);
    assert!(!finding.note.contains("told"), "{}", finding.note);
}

/// Nothing is lost. A master that went on alone while another took over is where a loss may hide.
#[rstest]
#[case::nothing_happened(&|_: &mut Story| {}, false)]
#[case::killed(&|story: &mut Story| story.failover(3_000, 0, 2_000), false)]
#[case::cut_off(&|story: &mut Story| story.isolate(3_000, 0, "p", &["A"]), false)]
#[case::cut_off_and_replaced(&|story: &mut Story| { story.isolate(3_000, 0, "p", &["A"]); story.replace_isolated(3_000, 1_000, 1_500); }, true)]
fn a_loss_may_hide_behind_a_partition(#[case] happens: &dyn Fn(&mut Story), #[case] said: bool) {
    let mut story = story("ok ok", "2");
    happens(&mut story);
    let finding = story.judge(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    assert_eq!((finding.measured.as_str(), finding.note.contains("is not counted")), ("0", said), "{}", finding.note);
}

/// Two are lost. The limit is told as it is asked for.
#[rstest]
#[case::any(0, 2, Status::Pass, "2", false)]
#[case::as_many_as_there_must_be(2, 3, Status::Pass, "2 to 3", false)]
#[case::too_few(3, 4, Status::Inconclusive, "3 to 4", true)]
fn a_danger_must_arise(
    #[case] min: u64,
    #[case] max: u64,
    #[case] status: Status,
    #[case] limit: &str,
    #[case] doubt: bool,
) {
    let finding = story("ok ok ok", "1").judge(Slo::LostWrites(LostWrites { max, min }));
    assert_eq!((finding.status, finding.limit.as_str()), (status, limit), "{}", finding.note);
    assert_eq!(finding.note.contains("the danger did not arise: at least 3 writes"), doubt, "{}", finding.note);
}

#[test]
fn why_a_key_was_not_served_is_said() {
    let mut story = story("ok", "unreadable");
    let (unserved, errors) = (Some("nobody serves A's shard".to_owned()), BTreeMap::new());
    story.event(9_000, EventKind::FinalRead { keys: 1, unreadable: 1, unserved, errors });
    let finding = story.judge(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    let note = "1 key with acknowledged writes could not be read at the end: nobody serves A's shard; 1 key with acknowledged writes";
    assert_eq!(finding.note, note);
}

/// Ten keys were preloaded, of which the final read found so many as they were; one was written again, or not. Another was only read.
#[rstest]
#[case::all_are_there("", None, 10, Status::Pass, "0")]
#[case::one_is_gone("", Some("missing"), 9, Status::Fail, "1")]
#[case::one_was_replaced("ok", Some("written"), 9, Status::Pass, "0")]
#[case::what_replaced_it_is_gone("ok", Some("preloaded"), 9, Status::Fail, "1")]
#[case::both_are_gone("ok", Some("missing"), 9, Status::Fail, "2")]
#[case::it_was_never_replaced("fail", Some("preloaded"), 9, Status::Pass, "0")]
#[case::some_were_not_read("", None, 7, Status::Inconclusive, "0")]
fn what_is_preloaded_is_accounted_for(
    #[case] writes: &str,
    #[case] survivor: Option<&str>,
    #[case] found: u64,
    #[case] status: Status,
    #[case] measured: &str,
) {
    let mut story = story(writes, "unread");
    story.write(LOAD_STARTS + 500, KEY + 1, |read| {
        (read.effect, read.value) = (OperationEffect::Reads, Value::Written(Value::preloaded(0, KEY + 1)));
    });
    let load = || "app".to_owned();
    story.event(LOAD_STARTS - 10, EventKind::Preloaded { load: load(), keys: 10, last: 10, took_nanos: 1 });
    story.event(LOAD_STARTS + 900, EventKind::PreloadFound { load: load(), keys: found });
    let value = |survivor| match survivor {
        "written" => story.evidence.history.at(0).value,
        "preloaded" => Value::Written(Value::preloaded(0, KEY)),
        _ => Value::Missing,
    };
    if let Some(value) = survivor.map(value) {
        story.final_read(KEY, value, Outcome::Ok);
    }
    let finding = story.judge(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
    assert_eq!(finding.note.contains("app:7, which was preloaded"), survivor == Some("missing"), "{}", finding.note);
    assert!(finding.note.contains("10 keys with acknowledged writes"), "{}", finding.note);
}

#[test]
fn a_proven_loss_outweighs_an_unreadable_key() {
    let mut story = story("ok ok", "1");
    story.write(LOAD_STARTS + 500, 8, |_| {});
    assert_eq!(story.judge(Slo::LostWrites(LostWrites { max: 0, min: 0 })).status, Status::Fail);
}

#[test]
fn the_last_answered_final_read_counts() {
    let mut story = story("ok", "unreadable");
    let value = story.evidence.history.at(0).value;
    story.final_read(KEY, value, Outcome::Ok);
    assert_eq!(story.judge(Slo::LostWrites(LostWrites { max: 0, min: 0 })).status, Status::Pass);
}

/// The first write was under way for a millisecond.
#[rstest]
#[case::one_after_the_other(1_000, Status::Pass)]
#[case::together(500, Status::Inconclusive)]
fn writes_that_overlap_have_no_order(#[case] after_us: u64, #[case] status: Status) {
    let mut story = story("ok", "unread");
    let started = Instant::from_millis(LOAD_STARTS).plus_nanos(after_us * 1_000);
    story.write(LOAD_STARTS, KEY, |write| {
        // Another worker may be next.
        write.worker += 1;
        (write.started, write.ended) = (started, started.plus_nanos(2_000_000));
    });
    let value = story.evidence.history.at(1).value;
    story.final_read(KEY, value, Outcome::Ok);
    let finding = story.judge(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    assert_eq!(finding.status, status, "{}", finding.note);
}

#[test]
fn what_was_never_begun_was_not_written() {
    let mut story = story("ok", "unread");
    story.never_begun(LOAD_STARTS, KEY, LOAD_STARTS + 500);
    let [written, never] = [0, 1].map(|index| story.evidence.history.at(index).value);
    story.final_read(KEY, written, Outcome::Ok);
    assert_eq!(story.judge(Slo::LostWrites(LostWrites { max: 0, min: 0 })).status, Status::Pass);
    story.final_read(KEY, never, Outcome::Ok);
    assert_eq!(story.judge(Slo::LostWrites(LostWrites { max: 0, min: 0 })).status, Status::Fail);
}

/// Writes that say what they replaced: the number of the write that left it, from 1, or `-` for nothing.
#[rstest]
#[case::each_found_the_one_before("- 1 2", "3", "0", "every write told what it replaced")]
#[case::lost_and_written_again("- 1 1", "3", "1", "every write told what it replaced")]
#[case::two_lost_and_written_again("- 1 2 1", "4", "2", "every write told what it replaced")]
#[case::lost_twice("- 1 1 3 3", "5", "2", "every write told what it replaced")]
#[case::everything_is_gone("- 1 -", "3", "2", "every write told what it replaced")]
#[case::lost_after_it_was_found("- 1 2 1", "1", "3", "every write told what it replaced")]
#[case::told_by_a_master_that_was_behind("- 1 1", "2", "1", "every write told what it replaced")]
#[case::found_itself("- 1 3", "3", "0", "1 write could not tell what was lost before")]
fn what_was_lost_and_written_again_is_counted(
    #[case] replaced: &str,
    #[case] survivor: &str,
    #[case] measured: &str,
    #[case] note: &str,
) {
    let told: Vec<_> = replaced.split_whitespace().collect();
    let mut story = story(&vec!["ok"; told.len()].join(" "), survivor);
    story.evidence.history.edit(|history| {
        for nth in 0..told.len() {
            let left = told[nth].parse::<usize>().map_or(Value::Missing, |left| history[left - 1].value);
            history[nth].replaced = Some(left);
        }
    });
    let finding = story.judge(Slo::LostWrites(LostWrites { max: 9, min: 0 }));
    assert_eq!(finding.measured, measured, "{finding:?}");
    assert!(finding.note.contains(note), "{finding:?}");
}

/// In a closed loop each worker counts its own.
#[test]
fn a_schedule_counts_its_writes() {
    let mut story = story("ok ok", "1");
    story.evidence.plan.loads[0].arrivals = Some(crate::vocab::Arrivals::constant(1_000));
    let finding = story.judge(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    assert!(finding.note.contains("app:7 = value 2, acknowledged at 1.011 s by "), "{}", finding.note);
}

/// Of three keys with two writes each, two are gone and say what they replaced, one is there and does not say. To a fourth nothing was
/// acknowledged.
#[test]
fn losses_are_counted_by_keys_and_the_first_are_named() {
    let mut story = Story::formed();
    for key in 1..=3_u32 {
        for after in [0, 10] {
            let replaced = (key < 3).then_some(Value::Foreign);
            story.write(LOAD_STARTS + u64::from(key) * 100 + after, key, |write| write.replaced = replaced);
        }
    }
    let there = story.evidence.history.at(5).value;
    story.write(LOAD_STARTS + 500, 4, |write| write.outcome = Outcome::Fail);
    for (key, value) in [(1, Value::Missing), (2, Value::Missing), (3, there), (4, Value::Missing)] {
        story.final_read(key, value, Outcome::Ok);
    }
    let note = story.judge(Slo::LostWrites(LostWrites { max: 9, min: 0 })).note;
    assert!(note.starts_with("lost on 2 keys: app:1 = worker 1's value 1, acknowledged at 1.101 s by "), "{note}");
    assert_eq!((note.matches("acknowledged at").count(), note.matches("were acknowledged").count()), (3, 0), "{note}");
    assert!(note.contains("3 keys with acknowledged writes"), "{note}");
    assert!(note.contains("could not tell what was lost before"), "{note}");
}

/// Which of a counter's increments are gone nobody knows, so it is told what is left of them. Of two other counters none is.
#[test]
fn what_is_left_of_a_counter_is_told() {
    let mut story = Story::formed();
    for (key, increments) in [(1, 3), (2, 2), (3, 1)] {
        for number in 1..=increments {
            story.write(LOAD_STARTS + 10 * number, key, |write| {
                (write.data, write.effect) = (DataType::Counter, OperationEffect::Increments);
                write.value = Value::Number(number);
            });
        }
    }
    for (key, left) in [(1, 1), (2, 2), (3, 1)] {
        story.final_read(key, Value::Number(left), Outcome::Ok);
        story.evidence.history.edit(|history| history.last_mut().unwrap().data = DataType::Counter);
    }
    let finding = story.judge(Slo::LostWrites(LostWrites { max: 9, min: 0 }));
    let note = "lost on 1 key: app:counter:1 has 1, 3 were acknowledged; 3 keys with acknowledged writes";
    assert_eq!((finding.measured.as_str(), finding.note.as_str()), ("2", note));
}

#[rstest]
#[case::none(false, false)]
#[case::the_earlier(true, false)]
#[case::the_later(false, true)]
#[case::both(true, true)]
fn either_of_two_parts_of_the_keys_may_tell(#[case] earlier: bool, #[case] later: bool) {
    let mut tally = Tally { telling: earlier, ..Tally::default() };
    tally.merge(Tally { telling: later, ..Tally::default() });
    assert_eq!(tally.telling, earlier || later);
}
