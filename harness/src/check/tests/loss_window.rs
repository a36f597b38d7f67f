//! How much a fault cost, in time.

use super::*;
use crate::check::LossWindow;
use crate::check::testing::waited;
use crate::evidence::Value;

/// A acknowledges a write every 100 ms, each to a key of its own, loses its power at 3 s and is started again without those from
/// `lost_from` on; C has its own.
fn story(lost_from: u64) -> Story {
    let mut story = Story::formed();
    for ms in (LOAD_STARTS..3_000).step_by(100) {
        story.write(ms, key(ms), |_| {});
        story.write(ms, 2, |_| {});
    }
    story.evidence.plan.nodes[0].config.insert("appendonly".to_owned(), "yes".to_owned());
    story.act(3_000, 0, "PowerOff", "A");
    let address = story.evidence.plan.nodes[0].address;
    story.event(4_000, EventKind::NodeStarted { node: "A".into(), pid: 9, address });
    story.act(4_000, 1, "Start", "A");
    story.event(7_000, EventKind::LoadEnded { load: "app".to_owned(), totals: LoadTotals::default() });
    let last = story.evidence.history.iter().filter(|write| write.key == 2).last().unwrap().value;
    story.final_read(2, last, Ended::Ok);
    for ms in (LOAD_STARTS..3_000).step_by(100) {
        let written = story.evidence.history.iter().find(|write| write.key == key(ms)).unwrap().value;
        story.final_read(key(ms), if ms < lost_from { written } else { Value::Missing }, Ended::Ok);
    }
    story
}

/// A key of A's shard.
fn key(ms: u64) -> u32 {
    3 * (1 + u32::try_from(ms / 100).unwrap())
}

#[rstest]
#[case::nothing_lost(3_000, (0, 1_000), Status::Pass, "nothing lost", "in the second before")]
#[case::the_last_ones(2_800, (0, 1_000), Status::Pass, "199 ms", "PowerOff of A cost 2 writes of 199 ms")]
#[case::too_many(2_000, (0, 900), Status::Fail, "999 ms", "PowerOff of A cost 10 writes of 999 ms")]
#[case::as_many_as_may_be(2_000, (0, 999), Status::Pass, "999 ms", "PowerOff of A cost 10 writes of 999 ms")]
#[case::as_old_as_it_must_be(2_800, (199, 1_000), Status::Pass, "199 ms", "PowerOff of A cost 2 writes of 199 ms")]
#[case::fewer_than_the_danger_is_about(2_800, (500, 1_000), Status::Inconclusive, "199 ms", "the danger did not arise")]
#[case::no_danger_at_all(3_000, (500, 1_000), Status::Inconclusive, "nothing lost", "the danger did not arise")]
fn the_oldest_lost_write_counts(
    #[case] lost_from: u64,
    #[case] (min, max): (u64, u64),
    #[case] status: Status,
    #[case] measured: &str,
    #[case] note: &str,
) {
    let finding = story(lost_from).judge(Slo::LossWindow(LossWindow { max: ms(max), min: ms(min) }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{finding:?}");
    assert!(finding.note.contains(note), "{finding:?}");
    assert_eq!(finding.note.contains("the danger did not arise"), note.contains("danger"), "{finding:?}");
    assert_eq!(finding.note.contains("in the second before"), measured == "nothing lost", "{finding:?}");
    assert!(!finding.note.contains("if earlier ones"), "{finding:?}");
    assert_eq!(finding.samples, 40);
}

/// Nothing of A is lost. A write to a key of C was acknowledged, and nobody can tell whether it is the oldest that is lost.
#[rstest]
#[case::no_fault_explains_it(Value::Missing, Ended::Ok, "of 1 lost write no fault explains")]
#[case::it_holds_what_nobody_wrote(Value::Foreign, Ended::Ok, "of 1 key nobody can tell what was lost")]
#[case::it_could_not_be_read(Value::Missing, Ended::Fail, "of 1 key they could not be read at the end")]
fn what_is_not_known_is_not_counted_as_nothing(#[case] held: Value, #[case] read: Ended, #[case] note: &str) {
    let mut story = story(3_000);
    story.write(2_500, 5, |_| {});
    story.final_read(5, held, read);
    let finding = story.judge(Slo::LossWindow(LossWindow { max: ms(1_000), min: ms(0) }));
    assert_eq!(finding.status, Status::Inconclusive, "{finding:?}");
    assert!(finding.note.contains(note), "{finding:?}");
}

/// An attempt of unknown outcome holds the key in the end: it took effect late, or the write after it is gone.
#[test]
fn what_may_be_lost_is_not_counted_as_nothing() {
    let mut story = story(3_000);
    story.write(2_400, 5, |write| (write.outcome, write.unknown_attempts) = (Ended::Unknown, 1));
    let late = story.evidence.history.iter().last().unwrap().value;
    story.write(2_500, 5, |_| {});
    story.final_read(5, late, Ended::Ok);
    let finding = story.judge(Slo::LossWindow(LossWindow { max: ms(1_000), min: ms(0) }));
    assert_eq!(finding.status, Status::Inconclusive, "{finding:?}");
    assert!(finding.note.contains("of 1 write nobody can tell whether they are lost"), "{finding:?}");
}

/// A counter that was incremented three times holds 1: two are gone, and nobody knows which.
#[test]
fn what_was_counted_has_no_age() {
    let mut story = story(3_000);
    let as_counter = |operation: &mut Operation| operation.data = crate::evidence::DataType::Counter;
    for number in 1..=3 {
        story.write(2_500 + number, 5, |write| {
            as_counter(write);
            (write.effect, write.value) = (OperationEffect::Increments, Value::Number(number));
        });
    }
    story.final_read(5, Value::Number(1), Ended::Ok);
    story.evidence.history.edit(|history| history.last_mut().into_iter().for_each(as_counter));
    let finding = story.judge(Slo::LossWindow(LossWindow { max: ms(1_000), min: ms(0) }));
    assert_eq!(finding.status, Status::Inconclusive, "{finding:?}");
    assert!(finding.note.contains("of 2 lost writes it is not known which"), "{finding:?}");
}

/// A client was told of a write just after the power had failed: the loss lasts until then.
#[test]
fn a_write_that_was_told_later_counts() {
    let mut story = story(2_900);
    let key = key(3_000);
    story.write(3_000, key, |write| write.ended = Instant::from_millis(3_005));
    story.final_read(key, Value::Missing, Ended::Ok);
    let finding = story.judge(Slo::LossWindow(LossWindow { max: ms(1_000), min: ms(0) }));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Pass, "104 ms"), "{finding:?}");
    assert!(finding.note.contains("PowerOff of A cost 2 writes of 104 ms"), "{finding:?}");
}

/// What it demands of a scenario: an idle machine for a short time, and numbers that do not contradict each other.
#[rstest]
#[case(0, 999, "loss window <= 999ms", "999 ms", true, "")]
#[case(0, 1_000, "loss window <= 1s", "1 s", false, "")]
#[case(500, 2_000, "loss window 500ms to 2s", "500 ms to 2 s", false, "")]
#[case(2_000, 2_000, "loss window 2s to 2s", "2 s to 2 s", false, "")]
#[case(3_000, 2_000, "loss window 3s to 2s", "3 s to 2 s", false, "at least 3s and at most 2s contradict each other")]
fn a_window_has_limits(
    #[case] min: u64,
    #[case] max: u64,
    #[case] check: &str,
    #[case] limit: &str,
    #[case] idle: bool,
    #[case] wrong: &str,
) {
    let slo = LossWindow { max: ms(max), min: ms(min) };
    let finding = story(3_000).judge(Slo::LossWindow(slo));
    assert_eq!((finding.check.as_str(), finding.limit.as_str()), (check, limit));
    assert_eq!((slo.is_timed(), slo.needs_idle_machine()), (true, idle));
    let told: Vec<_> = slo.wrong_numbers().into_iter().map(|wrong| wrong.message).collect();
    assert_eq!(told.join(""), wrong);
}

/// A acknowledges a write at 2 s that is gone at the end. It is taken down twice: at 3 s, and at 6 s.
fn twice(config: &[(&str, &str)], first: &[&str], second: &[&str]) -> Story {
    let mut story = Story::formed();
    let config = config.iter().map(|(directive, value)| ((*directive).to_owned(), (*value).to_owned()));
    story.evidence.plan.nodes[0].config.extend(config);
    story.write(2_000, 3, |_| {});
    let address = story.evidence.plan.nodes[0].address;
    for (from, faults, step) in [(3_000, first, 0), (6_000, second, 10)] {
        for ((ms, fault), step) in (from..).step_by(100).zip(faults).zip(step..) {
            story.act(ms, step, fault, "A");
        }
        story.event(from + 500, EventKind::NodeStarted { node: "A".into(), pid: 9, address });
        story.act(from + 500, step + 9, "Start", "A");
    }
    story.event(8_000, EventKind::LoadEnded { load: "app".to_owned(), totals: LoadTotals::default() });
    story.final_read(3, Value::Missing, Ended::Ok);
    story
}

const NO_FSYNC: [(&str, &str); 2] = [("appendonly", "yes"), ("appendfsync", "no")];
const EVERY_SECOND: [(&str, &str); 1] = [("appendonly", "yes")];

/// A server that only dies keeps what it had written.
#[rstest]
#[case::the_power_failed_later(&NO_FSYNC, &["Kill"], &["PowerOff"], 2_000, (Status::Fail, "3.999 s", "PowerOff of A cost 1 write"))]
#[case::killed_later(&NO_FSYNC, &["PowerOff"], &["Kill"], 2_000, (Status::Pass, "999 ms", "PowerOff of A cost 1 write"))]
#[case::damaged_later(&NO_FSYNC, &["Kill"], &["Kill", "TearFile"], 2_000, (Status::Fail, "3.999 s", "Kill of A cost 1 write"))]
#[case::resumed_before(&NO_FSYNC, &["Pause"], &["PowerOff"], 2_000, (Status::Fail, "3.999 s", "PowerOff of A cost 1 write"))]
#[case::either(&EVERY_SECOND, &["Kill"], &["PowerOff"], 2_000, (Status::Inconclusive, "3.999 s", "999 ms if earlier ones"))]
#[case::either_is_too_long(&EVERY_SECOND, &["Kill"], &["PowerOff"], 500, (Status::Fail, "3.999 s", "999 ms if earlier ones"))]
#[case::either_is_short(&EVERY_SECOND, &["Kill"], &["PowerOff"], 5_000, (Status::Pass, "3.999 s", "999 ms if earlier ones"))]
#[case::neither_should_have(&NO_FSYNC, &["Kill"], &["Kill"], 2_000, (Status::Inconclusive, "3.999 s", "999 ms if earlier ones"))]
fn the_fault_that_can_have_cost_it_counts(
    #[case] config: &[(&str, &str)],
    #[case] first: &[&str],
    #[case] second: &[&str],
    #[case] max: u64,
    #[case] (status, measured, note): (Status, &str, &str),
) {
    let mut story = twice(config, first, second);
    if first == ["Pause"] {
        story.evidence.events.retain(|event| {
            !matches!(event.kind, EventKind::NodeStarted { .. })
                || event.at.nanos_since(Instant::from_millis(4_000)) > 0
        });
    }
    let finding = story.judge(Slo::LossWindow(LossWindow { max: ms(max), min: ms(0) }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{finding:?}");
    assert!(finding.note.contains(note), "{finding:?}");
}

#[test]
fn nothing_is_lost_of_nothing() {
    let mut story = Story::formed();
    story.act(3_000, 0, "PowerOff", "A");
    story.end(7_000);
    let finding = story.judge(Slo::LossWindow(LossWindow { max: ms(1_000), min: ms(0) }));
    assert_eq!((finding.status, finding.samples), (Status::Inconclusive, 0), "{finding:?}");
}

/// Nothing is lost of what A acknowledged until 3 s.
#[rstest]
#[case::nobody_is_taken_down(None)]
#[case::long_after_its_last_write(Some(6_000))]
fn where_nothing_was_at_risk_nothing_is_shown(#[case] taken_down: Option<u64>) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    if let Some(at) = taken_down {
        story.act(at, 0, "PowerOff", "A");
    }
    story.end(7_000);
    let finding = story.judge(Slo::LossWindow(LossWindow { max: ms(1_000), min: ms(0) }));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Inconclusive, "nothing lost"), "{finding:?}");
    assert_eq!(finding.note.contains("no write was at risk"), taken_down.is_some(), "{finding:?}");
}

/// A server that had no processor for 200 ms may have synchronised so much later. The oldest lost write was 999 ms old.
#[rstest]
#[case::busy(900, 20.0, true)]
#[case::not_busy_enough(900, 5.0, false)]
#[case::idle(900, 0.0, false)]
#[case::as_old_as_it_may_be(999, 20.0, false)]
fn a_busy_machine_may_make_it_older(#[case] max: u64, #[case] waited_ms: f64, #[case] is_explained: bool) {
    let mut story = story(2_000);
    story.machine(3_000, |_| waited(0.0, &[("A", waited_ms)]));
    let slo = LossWindow { max: ms(max), min: ms(0) };
    assert_eq!(Slo::LossWindow(slo).kind().explained_by_machine(&story.case()).is_some(), is_explained);
}
