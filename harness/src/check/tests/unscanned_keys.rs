//! Keys that a scan leaves out.

use super::*;
use crate::check::unscanned_keys::UnscannedKeys;
use crate::evidence::testing::resource_sample;
use crate::evidence::{DataType, Figure, RecordedOperation, UNSCANNED_NAMED_MAX, Value};

/// A scan of the load from that millisecond to that one, which does not return these keys.
fn scan(story: &mut Story, from: u64, to: u64, missing: &[u32]) {
    story.write(from, 1, |scan| {
        scan.source = OperationSource::Mix { entry: 1, command: 0 };
        (scan.effect, scan.value) = (OperationEffect::Reads, Value::Number(9));
        scan.ended = Instant::from_millis(to);
    });
    if !missing.is_empty() {
        let [from, to] = [from, to].map(Instant::from_millis);
        story
            .event(to.0 / 1_000_000, EventKind::Unscanned { load: "app".to_owned(), from, to, keys: missing.to_vec() });
    }
}

/// A load that writes the keys 1 to 100 in its first 100 ms, and scans; A is killed at 3000 ms if it fails.
fn story(fails: bool) -> Story {
    let mut story = Story::formed();
    let mix = &mut story.evidence.plan.loads[0].mix;
    let looking = RecordedOperation { looks_for_keys: true, writes: false, ..mix[0].clone() };
    mix.push(looking);
    story.run(LOAD_STARTS, LOAD_STARTS + 100);
    if fails {
        story.failover(3_000, 0, 2_000);
    }
    story
}

const SOON: u64 = LOAD_STARTS + 50;
const LATER: u64 = LOAD_STARTS + 200;

#[rstest]
#[case::all_found(false, LATER, &[], 0, Status::Pass, "0", 100)]
#[case::one_left_out(false, LATER, &[7], 0, Status::Fail, "1", 100)]
#[case::as_many_as_may_be(false, LATER, &[7], 1, Status::Pass, "1", 100)]
#[case::not_written_yet(false, SOON, &[80], 0, Status::Pass, "0", 50)]
#[case::written_when_it_began(false, SOON, &[50], 0, Status::Fail, "1", 50)]
#[case::nothing_written_yet(false, LOAD_STARTS, &[], 0, Status::Inconclusive, "-", 0)]
#[case::after_a_failover_and_still_there(true, 6_000, &[7], 0, Status::Fail, "1", 99)]
#[case::after_a_failover_that_cost_it(true, 6_000, &[8], 0, Status::Pass, "0", 99)]
#[case::it_ended_as_a_failover_began(true, 2_990, &[8], 0, Status::Pass, "0", 99)]
#[case::it_ended_before_a_failover(true, 2_980, &[8], 0, Status::Fail, "1", 100)]
fn what_is_there_is_scanned(
    #[case] fails: bool,
    #[case] from: u64,
    #[case] missing: &[u32],
    #[case] max: u64,
    #[case] status: Status,
    #[case] measured: &str,
    #[case] samples: u64,
) {
    let mut story = story(fails);
    story.end(7_000);
    // Key 8 was lost, or so the final read says.
    let lost = |operation: &&mut Operation| fails && operation.is_final_read() && operation.key == 8;
    story.evidence.history.edit(|history| history.iter_mut().filter(lost).for_each(|read| read.value = Value::Missing));
    scan(&mut story, from, from + 10, missing);
    let finding = story.judge(Slo::UnscannedKeys(UnscannedKeys { max }));
    let found = (finding.status, finding.measured.as_str(), finding.samples);
    assert_eq!(found, (status, measured, samples), "{}", finding.note);
}

fn judge(story: &Story) -> Finding {
    story.judge(Slo::UnscannedKeys(UnscannedKeys { max: 0 }))
}

#[test]
fn the_first_that_was_left_out_is_named() {
    let mut story = story(false);
    scan(&mut story, LATER, LATER + 10, &[7, 9]);
    scan(&mut story, LATER + 20, LATER + 30, &[5]);
    let finding = judge(&story);
    assert_eq!((finding.check.as_str(), finding.limit.as_str()), ("unscanned keys <= 0", "0"));
    assert_eq!((finding.measured.as_str(), finding.samples), ("3", 200));
    assert_eq!(finding.note, "first app:7, by the scan from 1.200 s to 1.210 s; 2 scans");
}

/// A key that is only read, one whose write failed and a counter of that number are no keys of which a write was acknowledged.
#[test]
fn what_nobody_wrote_is_not_looked_for() {
    let mut story = story(false);
    story.write(LOAD_STARTS, 101, |read| read.effect = OperationEffect::Reads);
    story.write(LOAD_STARTS, 102, |write| write.outcome = Ended::Fail);
    story.write(LOAD_STARTS, 103, |write| write.data = DataType::Counter);
    scan(&mut story, LATER, LATER + 10, &[101, 102, 103]);
    let finding = judge(&story);
    assert_eq!((finding.status, finding.samples), (Status::Pass, 100), "{}", finding.note);
}

/// One that failed went through no keys.
#[test]
fn scans_that_ended_ok_count() {
    let mut story = story(false);
    scan(&mut story, LATER, LATER + 10, &[]);
    let failed = |operations: &mut Vec<Operation>| operations.last_mut().unwrap().outcome = Ended::Fail;
    story.evidence.history.edit(failed);
    let finding = judge(&story);
    assert_eq!((finding.status, finding.samples), (Status::Inconclusive, 0));
    assert_eq!(finding.note, "no scan ended ok that keys were there for all the time");
}

/// Of a scan that missed so many keys that nobody wrote, or wrote one of; another one missed none.
#[rstest]
#[case::all_are_recorded(UNSCANNED_NAMED_MAX - 1, None, Status::Pass)]
#[case::there_may_be_more(UNSCANNED_NAMED_MAX, None, Status::Inconclusive)]
#[case::there_may_be_more_than_too_many(UNSCANNED_NAMED_MAX, Some(7), Status::Fail)]
fn what_is_not_recorded_may_have_counted(#[case] missed: usize, #[case] key: Option<u32>, #[case] status: Status) {
    let mut story = story(false);
    let missing: Vec<_> = key.into_iter().chain(1_000..).take(missed).collect();
    for from in [LATER, LATER + 20] {
        scan(&mut story, from, from + 10, &missing);
    }
    scan(&mut story, LATER + 40, LATER + 50, &[1_000]);
    let finding = judge(&story);
    assert_eq!(finding.status, status, "{}", finding.note);
    let doubt = "a scan missed 1000 keys or more, of which only so many are recorded; ";
    assert_eq!(finding.note.starts_with(doubt), missed == UNSCANNED_NAMED_MAX, "{}", finding.note);
}

/// No scan returns what its server threw away, whether it would be missed or not.
#[rstest]
#[case::some_was_missed(&[7])]
#[case::nothing_was_missed(&[])]
fn what_was_evicted_is_not_missed(#[case] missing: &[u32]) {
    let mut story = story(false);
    scan(&mut story, LATER, LATER + 10, missing);
    story.evidence.samples.push(resource_sample(2_500, Some("A".into()), &[(Figure::KeysEvicted, 3.0)]));
    let finding = judge(&story);
    assert_eq!((finding.status, finding.measured), (Status::Inconclusive, missing.len().to_string()));
    assert!(finding.note.starts_with("A evicted keys"), "{}", finding.note);
}

/// Keys up to the fifth were preloaded and are there from the beginning, of which the third was written again; but where only those
/// are taken that lie somewhere, each says so only when it is written.
#[rstest]
#[case::all_of_them(5, &[], Status::Pass, 5)]
#[case::one_is_left_out(5, &[5], Status::Fail, 5)]
#[case::one_that_was_written_again(5, &[3], Status::Fail, 5)]
#[case::none_behind_them(5, &[6], Status::Pass, 5)]
#[case::some_of_them(4, &[5], Status::Pass, 1)]
fn what_was_preloaded_is_scanned(
    #[case] keys: u32,
    #[case] missing: &[u32],
    #[case] status: Status,
    #[case] samples: u64,
) {
    let mut story = story(false);
    story.event(LOAD_STARTS - 10, EventKind::Preloaded { load: "app".to_owned(), keys, last: 5, took_nanos: 1 });
    let own = |operation: &Operation| operation.key == 3;
    story.evidence.history.edit(|history| history.retain(own));
    scan(&mut story, LOAD_STARTS, LOAD_STARTS + 10, missing);
    let finding = judge(&story);
    assert_eq!((finding.status, finding.samples), (status, samples), "{}", finding.note);
}

/// `app` preloaded the keys up to the fifth, and `other` calls its keys so, too: for a scan of that load they are there as long.
#[test]
fn what_another_load_preloaded_is_scanned() {
    let mut story = story(false);
    let mut other = story.evidence.plan.loads[0].clone();
    other.name = "other".to_owned();
    story.evidence.plan.loads.push(other);
    story.event(LOAD_STARTS - 10, EventKind::Preloaded { load: "app".to_owned(), keys: 5, last: 5, took_nanos: 1 });
    scan(&mut story, LOAD_STARTS, LOAD_STARTS + 10, &[]);
    story.evidence.history.edit(|history| history.iter_mut().for_each(|operation| operation.load = 1));
    let finding = judge(&story);
    assert_eq!((finding.status, finding.samples), (Status::Pass, 5), "{}", finding.note);
}
