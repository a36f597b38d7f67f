//! Keys that a scan leaves out.

use super::*;
use crate::check::unscanned_keys::UnscannedKeys;
use crate::evidence::{RecordedOperation, Value};

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
#[case::nothing_written_yet(false, LOAD_STARTS, &[], 0, Status::Inconclusive, "-", 0)]
#[case::after_a_failover_and_still_there(true, 6_000, &[7], 0, Status::Fail, "1", 99)]
#[case::after_a_failover_that_cost_it(true, 6_000, &[8], 0, Status::Pass, "0", 99)]
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
