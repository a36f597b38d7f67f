use rstest::rstest;

use super::testing::{LOAD_STARTS, Story, ms};
use super::*;
use crate::evidence::{FaultKind, LogEvent, Operation, OperationKind, Outcome as Ended, TopologyRecord};
use crate::load::op::SetThenGet;
use crate::load::{Op, Pace};
use crate::vocab::{Instant, Percent};

fn percent(value: f64) -> Percent {
    Percent::try_from(value).unwrap()
}

/// A killed master, replaced after 2 s; the load ran at 1 operation each millisecond before and after.
fn failover_story() -> Story {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    story.failover(3_000, 0, 2_000);
    let key = story.key_of("A");
    story.write(3_000, key, |write| {
        (write.ended, write.attempts, write.node) = (Instant::from_millis(5_010), 9, Some(3));
    });
    story.run(5_030, 7_000);
    story.end(7_000);
    story
}

#[test]
fn a_fault_window_lasts_until_clients_are_on_pace() {
    let windows = failover_story().case().windows;
    let fault = Window { start: Instant::from_millis(3_000), end: Instant::from_millis(5_032) };
    assert_eq!(windows.faults, [fault]);
    assert_eq!(windows.part_of(Instant::from_millis(2_999)), Some(During::Steady));
    assert_eq!(windows.part_of(Instant::from_millis(3_000)), Some(During::Fault));
    assert_eq!(windows.part_of(Instant::from_millis(5_032)), Some(During::Steady));
    assert_eq!(windows.part_of(Instant::from_millis(7_000)), None);
    assert!((windows.seconds(During::Steady) - 3.968).abs() < 1e-9);
}

/// The fault window is 3000 to 5032 ms.
#[rstest]
#[case::before(2_000, 2_001, During::Steady)]
#[case::cut_by_the_fault(2_999, 5_010, During::Fault)]
#[case::inside(3_500, 3_501, During::Fault)]
#[case::reaching_out_of_it(5_031, 5_060, During::Fault)]
#[case::around_it(2_000, 6_000, During::Fault)]
#[case::after(5_032, 5_033, During::Steady)]
fn an_operation_belongs_to_a_part(#[case] intended: u64, #[case] ended: u64, #[case] part: During) {
    let story = failover_story();
    let windows = story.case().windows;
    let operation = Operation {
        intended: Instant::from_millis(intended),
        ended: Instant::from_millis(ended),
        ..story.evidence.history[0]
    };
    let parts = [During::Steady, During::Fault, During::Whole];
    let of: Vec<_> = parts.into_iter().filter(|during| windows.has(*during, &operation)).collect();
    assert_eq!(of, [part, During::Whole]);
}

/// What an operation adds to the latencies of the steady part and of the fault, in milliseconds. The fault window is 3000
/// to 5032 ms.
#[rstest]
#[case::before(2_000, 2_000, 2_001, Some(1), None)]
#[case::on_pace_and_cut_by_the_fault(2_999, 2_999, 5_010, Some(1), Some(2_011))]
#[case::on_pace_and_slow_before_the_fault(2_000, 2_000, 3_100, Some(1_000), Some(1_100))]
#[case::kept_waiting_by_the_fault(2_998, 4_000, 4_001, Some(2), Some(1_003))]
#[case::backlog_of_a_stall_that_drains_into_the_fault(2_000, 3_050, 3_051, Some(1_000), Some(1_051))]
#[case::backlog_that_drains_after_the_fault(2_000, 5_040, 5_041, Some(1_000), Some(3_041))]
#[case::due_in_the_fault(3_500, 5_040, 5_041, None, Some(1_541))]
#[case::after(5_032, 5_032, 5_033, Some(1), None)]
fn a_fault_cuts_what_the_steady_part_has_of_an_operation(
    #[case] intended: u64,
    #[case] started: u64,
    #[case] ended: u64,
    #[case] steady: Option<u64>,
    #[case] fault: Option<u64>,
) {
    let story = failover_story();
    let windows = story.case().windows;
    let [intended, started, ended] = [intended, started, ended].map(Instant::from_millis);
    let operation = Operation { intended, started, ended, ..story.evidence.history[0] };
    let nanos = [During::Steady, During::Fault, During::Whole].map(|during| windows.latency_nanos(during, &operation));
    assert_eq!(
        nanos.map(|nanos| nanos.map(|nanos| nanos / 1_000_000)),
        [steady, fault, Some((ended.0 - intended.0) / 1_000_000)]
    );
}

/// A server stalls from 2000 ms on, `A` is killed at 2500 ms, and the backlog drains into that fault.
#[test]
fn a_fault_hides_no_stall_before_it() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 2_000);
    story.failover(2_500, 0, 500);
    for at in 2_000..2_500 {
        story.write(at, 1, |write| {
            (write.started, write.ended) = (Instant::from_millis(3_050), Instant::from_millis(3_051));
        });
    }
    story.run(3_060, 5_000);
    story.end(5_000);
    let p99 = |during| Slo::Latency(Latency { quantile: percent(99.0), max: ms(10), during });
    let finding = story.judge(p99(During::Steady));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "466 ms"), "{}", finding.note);
}

/// An open loop of 1000 a second that was stopped at 5000 ms: nobody had begun what was due from 3000 ms on.
fn left_behind() -> Story {
    let mut story = Story::formed();
    story.plan.loads[0].pace = Pace::Open { per_second: 1_000 };
    story.run(LOAD_STARTS, 3_000);
    for due in 3_000..5_000 {
        story.never_begun(due, 1, 5_000);
    }
    story
}

/// `A` was killed at 4000 ms and the cluster never settled again.
#[rstest]
#[case::whole(During::Whole, 4_000, "2 s")]
#[case::steady(During::Steady, 3_000, "1 s")]
#[case::fault(During::Fault, 2_000, "2 s")]
fn starts_that_nobody_got_to_are_shared_among_the_parts(
    #[case] during: During,
    #[case] samples: u64,
    #[case] measured: &str,
) {
    let mut story = left_behind();
    story.fault(4_000, 0, FaultKind::Kill, "A");
    story.unsettled(4_010);
    story.end(5_000);
    let finding = story.judge(Slo::Latency(Latency { quantile: percent(100.0), max: ms(10), during }));
    assert_eq!((finding.samples, finding.measured.as_str()), (samples, measured), "{}", finding.note);
}

/// What was due counts, whether or not somebody came to it.
#[test]
fn starts_that_nobody_got_to_did_not_end_ok() {
    let mut story = left_behind();
    story.end(5_000);
    let finding = story.judge(Slo::ErrorRate(ErrorRate { max: percent(1.0), during: During::Whole }));
    assert_eq!((finding.status, finding.samples, finding.measured.as_str()), (Status::Fail, 4_000, "50 %"));
    let note = "2000 surely not executed (2000 of them due and never begun), 0 unknown";
    assert_eq!(finding.note, note);
}

/// A shard is down while something waits for it, and no longer: its neighbours are not.
#[test]
fn a_shard_is_down_by_what_waited_for_it() {
    let mut story = Story::formed();
    story.plan.loads[0].pace = Pace::Open { per_second: 1_000 };
    story.run(LOAD_STARTS, 3_000);
    story.never_begun(3_000, story.key_of("B"), 5_000);
    story.end(5_000);
    let finding = story.judge(Slo::Unavailability(Unavailability { max: ms(1_000) }));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "2 s"));
    assert_eq!(finding.note, "B's slots 5461-10922, from 3.000 s to 5.000 s");
}

/// A worker that was made for the backlog of a fault, and is not needed afterwards, does not keep the fault going.
#[test]
fn an_open_loop_is_back_when_each_shard_is() {
    let mut story = Story::formed();
    story.plan.loads[0].pace = Pace::Open { per_second: 1_000 };
    story.run(LOAD_STARTS, 3_000);
    story.fault(3_000, 0, FaultKind::Wipe, "A1");
    story.write(3_001, story.key_of("A"), |write| write.worker = 77);
    story.run(3_010, 6_000);
    story.end(6_000);
    let end = story.case().windows.faults[0].end;
    assert!(end < Instant::from_millis(3_100), "{end}");
    // A shard that is not back does.
    let (a, case) = (story.key_of("A"), story.case());
    let shard = case.slots.shard_of(&Operation { key: a, ..story.evidence.history[0] }).unwrap();
    let of_shard: Vec<_> =
        story.evidence.history.iter().map(|operation| case.slots.shard_of(operation) == Some(shard)).collect();
    drop(case);
    for (operation, of_shard) in story.evidence.history.iter_mut().zip(of_shard) {
        operation.attempts += u16::from(of_shard);
    }
    assert_eq!(story.case().windows.faults[0].end, story.case().windows.whole.end);
}

/// What an observer may record after a kill at 3000 ms, and when the window ends at the earliest.
#[rstest]
#[case::never_noticed(&[], 3_000)]
#[case::noticed(&[(3_015, false), (4_000, true)], 4_000)]
#[case::calm_seen_before_is_recorded_after(&[(3_005, true), (3_025, false), (4_000, true)], 4_000)]
#[case::flaps_soon_after(&[(3_015, false), (4_000, true), (5_500, false), (5_600, true)], 5_600)]
#[case::flaps_long_after(&[(3_015, false), (4_000, true), (6_500, false), (6_600, true)], 4_000)]
#[case::never_settles(&[(3_015, false)], 7_999)]
fn a_fault_window_outlasts_the_unrest(#[case] flips: &[(u64, bool)], #[case] end: u64) {
    let mut story = Story::formed();
    story.fault(3_000, 0, FaultKind::Kill, "A1");
    for (at, settled) in flips {
        if *settled { story.settled(*at) } else { story.unsettled(*at) }
    }
    story.run(LOAD_STARTS, 8_000);
    story.end(8_000);
    let [fault] = story.case().windows.faults[..] else { panic!("one window") };
    assert!((end..=end + 3).contains(&(fault.end.0 / 1_000_000)), "{fault:?}");
}

#[test]
fn agreeing_that_a_shard_is_down_ends_no_fault() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 8_000);
    story.fault(3_000, 0, FaultKind::Kill, "A");
    story.unsettled(3_015);
    story.health("A", crate::evidence::Health::Fail);
    story.view(4_200, &["B", "C"]);
    story.settled(4_210);
    story.end(8_000);
    assert_eq!(story.case().windows.faults[0].end, story.case().windows.whole.end);
}

#[test]
fn windows_of_neighbouring_faults_merge() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 8_000);
    story.fault(3_000, 0, FaultKind::Pause, "A");
    story.unsettled(3_015);
    story.fault(3_200, 1, FaultKind::Resume, "A");
    story.settled(3_230);
    story.fault(5_000, 2, FaultKind::Wipe, "A");
    story.end(8_000);
    let windows: Vec<_> =
        story.case().windows.faults.iter().map(|w| (w.start.0 / 1_000_000, w.end.0 / 1_000_000)).collect();
    assert_eq!(windows, [(3_000, 3_232), (5_000, 5_002)]);
}

#[rstest]
#[case::kept(99.0, 2, During::Steady, Status::Pass)]
#[case::missed(99.0, 2, During::Fault, Status::Inconclusive)]
#[case::missed_by_one(100.0, 2, During::Whole, Status::Fail)]
#[case::too_strict(50.0, 0, During::Whole, Status::Fail)]
#[case::one_over_a_maximum_refutes_it(100.0, 100, During::Fault, Status::Fail)]
fn latency(#[case] quantile: f64, #[case] max: u64, #[case] during: During, #[case] status: Status) {
    let slo = Slo::Latency(Latency { quantile: percent(quantile), max: ms(max), during });
    let finding = failover_story().judge(slo);
    assert_eq!(finding.status, status, "{finding:?}");
}

#[rstest]
#[case::p99(99.0, 1_051, 1_052)]
#[case::p999(99.9, 10_513, 10_514)]
#[case::p50(50.0, 21, 22)]
#[case::max(100.0, 299, 300)]
fn a_quantile_needs_samples(#[case] quantile: f64, #[case] too_few: u64, #[case] enough: u64) {
    for (samples, status) in [(0, Status::Inconclusive), (too_few, Status::Inconclusive), (enough, Status::Pass)] {
        let mut story = Story::formed();
        story.run(LOAD_STARTS, LOAD_STARTS + samples);
        story.end(LOAD_STARTS + 20_000);
        let slo = Slo::Latency(Latency { quantile: percent(quantile), max: ms(10), during: During::Whole });
        let finding = story.judge(slo);
        assert_eq!((finding.status, finding.samples), (status, samples), "{}", finding.note);
    }
}

#[test]
fn slow_operations_that_fail_are_slow() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 2_000);
    for at in 2_000..2_020 {
        story.write(at, 1, |write| {
            (write.outcome, write.ended) = (Ended::Unknown, write.intended.plus_nanos(10_000_000_000));
        });
    }
    story.end(13_000);
    let slo = Slo::Latency(Latency { quantile: percent(99.0), max: ms(10), during: During::Whole });
    let finding = story.judge(slo);
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "10 s"), "{}", finding.note);
}

#[test]
fn starts_that_nobody_got_to_are_slow() {
    let mut story = left_behind();
    story.end(5_000);
    let slo = Slo::Latency(Latency { quantile: percent(99.0), max: ms(10), during: During::Whole });
    let finding = story.judge(slo);
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "1.96 s"), "{}", finding.note);
    assert!(finding.note.contains("2000 of them were never begun"), "{}", finding.note);
}

#[test]
fn a_key_that_the_load_does_not_have_has_no_slot() {
    let mut story = Story::formed();
    story.plan.loads[0].keys = crate::load::Keys::Uniform(u32::MAX);
    story.write(LOAD_STARTS, 7, |_| {});
    assert!(story.case().slots.of_operation(&story.evidence.history[0]).is_some());
    story.plan.loads[0].keys = crate::load::Keys::Uniform(6);
    assert!(story.case().slots.of_operation(&story.evidence.history[0]).is_none());
}

#[rstest]
#[case::kept(During::Whole, 600.0, Status::Pass)]
#[case::missed(During::Whole, 700.0, Status::Fail)]
#[case::steady(During::Steady, 990.0, Status::Pass)]
#[case::outage(During::Fault, 10.0, Status::Fail)]
fn throughput(#[case] during: During, #[case] min: f64, #[case] status: Status) {
    let finding = failover_story().judge(Slo::Throughput(Throughput { min, during }));
    assert_eq!(finding.status, status, "{finding:?}");
}

#[rstest]
#[case(Slo::Throughput(Throughput { min: 0.0, during: During::Fault }))]
#[case(Slo::ErrorRate(ErrorRate { max: Percent::try_from(100.0).unwrap(), during: During::Fault }))]
#[case(Slo::Latency(Latency { quantile: Percent::try_from(0.0).unwrap(), max: ms(9_000), during: During::Fault }))]
#[case(Slo::Failover(Failover { max: ms(9_000) }))]
fn without_samples_nothing_passes(#[case] slo: Slo) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    story.end(3_000);
    let finding = story.judge(slo);
    assert_eq!((finding.status, finding.samples), (Status::Inconclusive, 0));
}

#[rstest]
#[case::none(0, 0.0, Status::Pass)]
#[case::within(10, 1.0, Status::Pass)]
#[case::above(11, 1.0, Status::Fail)]
fn error_rate(#[case] errors: u64, #[case] max: f64, #[case] status: Status) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 2_000 - errors);
    for at in 2_000 - errors..2_000 {
        story.write(at, 1, |write| write.outcome = if at % 2 == 0 { Ended::Fail } else { Ended::Unknown });
    }
    story.end(2_000);
    let finding = story.judge(Slo::ErrorRate(ErrorRate { max: percent(max), during: During::Whole }));
    assert_eq!((finding.status, finding.samples), (status, 1_000), "{finding:?}");
}

/// Who wrote to the slots of A, which was killed at 3 s and replaced after 2 s: from, to, whether it ended ok. `failover <= 3s`.
#[rstest]
#[case::nobody_asked(&[(8_000, 8_001, true)], Status::Inconclusive, "A1 was promoted after 1.97 s and nobody wrote to A's slots")]
#[case::somebody_waited(&[(4_000, 8_000, true)], Status::Fail, "A to A1 in 5 s")]
#[case::somebody_gave_up(&[(4_000, 5_500, false), (8_000, 8_001, true)], Status::Fail, "A to A1 in 5.001 s")]
#[case::in_time(&[(5_500, 5_501, true)], Status::Pass, "A to A1 in 2.501 s")]
fn a_failover_is_measured_by_who_asks(#[case] writes: &[(u64, u64, bool)], #[case] status: Status, #[case] note: &str) {
    let mut story = Story::formed();
    story.failover(3_000, 0, 2_000);
    story.log(4_970, "A1", LogEvent::ElectionWon);
    for (from, to, ok) in writes {
        story.write(*from, story.key_of("A"), |write| {
            (write.ended, write.node) = (Instant::from_millis(*to), ok.then_some(3));
            write.outcome = if *ok { Ended::Ok } else { Ended::Fail };
        });
    }
    story.end(9_000);
    let finding = story.judge(Slo::Failover(Failover { max: ms(3_000) }));
    assert_eq!(finding.status, status, "{}", finding.note);
    assert!(finding.note.starts_with(note), "{}", finding.note);
}

/// Operations on A's slots as (intended, ended, ok); the other shards have one each.
#[rstest]
#[case::served(&[(1_000, 1_001, true), (1_005, 1_006, true)], 5, Status::Pass, "1 ms")]
#[case::one_waits(&[(1_000, 3_000, true)], 1_000, Status::Fail, "2 s")]
#[case::another_is_served_meanwhile(&[(1_000, 3_000, true), (1_900, 2_000, true)], 1_000, Status::Pass, "1 s")]
#[case::one_takes_over_waiting(&[(1_000, 2_000, false), (1_900, 3_000, true)], 1_500, Status::Fail, "2 s")]
#[case::at_the_same_moment(&[(1_000, 2_000, false), (2_000, 3_000, true)], 1_500, Status::Fail, "2 s")]
#[case::pause_between_failures(&[(1_000, 2_000, false), (2_100, 3_000, true)], 1_500, Status::Inconclusive, "1 s")]
#[case::never_again(&[(1_000, 1_001, true), (1_500, 9_000, false)], 5_000, Status::Fail, "7.5 s")]
#[case::nobody_asked(&[(1_000, 1_001, true), (5_000, 5_001, true)], 1_000, Status::Pass, "1 ms")]
#[case::unused_shard(&[], 1_000, Status::Inconclusive, "1 ms")]
fn unavailability(
    #[case] operations: &[(u64, u64, bool)],
    #[case] max: u64,
    #[case] status: Status,
    #[case] measured: &str,
) {
    let mut story = Story::formed();
    for shard in ["B", "C"] {
        story.write(LOAD_STARTS, story.key_of(shard), |_| {});
    }
    for (intended, ended, ok) in operations {
        story.write(*intended, story.key_of("A"), |write| {
            write.ended = Instant::from_millis(*ended);
            write.outcome = if *ok { Ended::Ok } else { Ended::Fail };
        });
    }
    story.end(10_000);
    let finding = story.judge(Slo::Unavailability(Unavailability { max: ms(max) }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
}

#[rstest]
#[case(3_000, Status::Pass)]
#[case(2_000, Status::Fail)]
fn failover(#[case] max: u64, #[case] status: Status) {
    let finding = failover_story().judge(Slo::Failover(Failover { max: ms(max) }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, "2.01 s"), "{}", finding.note);
}

/// `A` is killed or paused at 3 s; what follows.
#[rstest]
#[case::nobody_took_over(&|_: &mut Story| {}, Status::Fail)]
#[case::promoted_without_a_write(&|story: &mut Story| { story.hand_over("A", "A1"); story.view(4_000, &["B"]); }, Status::Inconclusive)]
#[case::promoted_too_late(&|story: &mut Story| { story.hand_over("A", "A1"); story.view(6_500, &["B"]); }, Status::Fail)]
#[case::promoted_by_its_log(&|story: &mut Story| story.log(4_000, "A1", LogEvent::ElectionWon), Status::Inconclusive)]
#[case::another_shard_won(&|story: &mut Story| story.log(4_000, "B1", LogEvent::ElectionWon), Status::Fail)]
#[case::came_back_in_time(&|story: &mut Story| story.fault(3_300, 1, FaultKind::Resume, "A"), Status::Inconclusive)]
#[case::came_back_too_late(&|story: &mut Story| story.fault(6_300, 1, FaultKind::Resume, "A"), Status::Fail)]
fn a_failover_without_a_write(#[case] follows: &dyn Fn(&mut Story), #[case] status: Status) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    story.fault(3_000, 0, FaultKind::Pause, "A");
    follows(&mut story);
    story.end(7_000);
    let finding = story.judge(Slo::Failover(Failover { max: ms(3_000) }));
    assert_eq!(finding.status, status, "{}", finding.note);
}

#[test]
fn a_second_failover_starts_from_the_roles_of_then() {
    let mut story = Story::formed();
    let key = story.key_of("A");
    let write = |story: &mut Story, at, node| story.write(at, key, |write| write.node = Some(node));
    story.failover(3_000, 0, 2_000);
    write(&mut story, 5_100, 3);
    story.fault(6_000, 1, FaultKind::Start, "A");
    story.health("A", crate::evidence::Health::Ok);
    story.view(6_500, &["A", "A1", "B", "C"]);
    write(&mut story, 7_999, 3);
    story.fault(8_000, 2, FaultKind::Kill, "A1");
    story.hand_over("A1", "A");
    story.view(10_500, &["A", "B", "C"]);
    write(&mut story, 10_600, 0);
    story.fault(12_000, 3, FaultKind::Kill, "B1");
    story.end(13_000);
    let finding = story.judge(Slo::Failover(Failover { max: ms(3_000) }));
    assert_eq!((finding.status, finding.samples), (Status::Pass, 2), "{}", finding.note);
    assert_eq!(finding.note, "A to A1 in 2.101 s; A1 to A in 2.601 s");
}

#[test]
fn killing_a_paused_master_is_one_takedown() {
    let mut story = Story::formed();
    story.fault(3_000, 0, FaultKind::Pause, "A");
    story.fault(3_500, 1, FaultKind::Kill, "A");
    story.end(7_000);
    assert_eq!(story.case().takedowns.len(), 1);
    assert_eq!(story.case().takedowns[0].began, Instant::from_millis(3_000));
}

/// After the calm at 4000 ms, what the first worker does at 4001 ms; when the window ends.
#[rstest]
#[case::on_pace(&|_: &mut Operation| {}, 4_002)]
#[case::needs_a_retry(&|op: &mut Operation| op.attempts = 2, 5_001)]
#[case::fails(&|op: &mut Operation| op.outcome = Ended::Fail, 5_001)]
#[case::starts_late(&|op: &mut Operation| (op.started, op.ended) = (op.intended.plus_nanos(6_000_000), op.intended.plus_nanos(7_000_000)), 5_001)]
#[case::was_meant_to_start_before(&|op: &mut Operation| op.intended = Instant::from_millis(3_999), 5_001)]
fn a_client_is_back_when_nothing_delays_it(#[case] first: &dyn Fn(&mut Operation), #[case] end: u64) {
    let mut story = Story::formed();
    story.fault(3_000, 0, FaultKind::Kill, "A1");
    story.unsettled(3_015);
    story.settled(4_000);
    story.write(4_001, 1, |operation| first(operation));
    story.write(5_000, 1, |_| {});
    story.end(6_000);
    assert_eq!(story.case().windows.faults[0].end, Instant::from_millis(end));
}

#[test]
fn a_client_that_never_comes_back_keeps_the_window_open() {
    let mut story = Story::formed();
    story.write(2_000, 1, |_| {});
    story.write(2_000, 2, |_| {});
    story.fault(3_000, 0, FaultKind::Wipe, "A1");
    story.write(3_100, 1, |_| {});
    story.end(6_000);
    assert_eq!(story.case().windows.faults[0].end, story.case().windows.whole.end);
}

#[test]
fn a_paused_master_does_not_know_best() {
    let mut story = Story::formed();
    story.hand_over("A", "A1");
    story.view(3_000, &["B"]);
    let (epoch, members) = (4, story.evidence.topology.last().unwrap().view.clone().unwrap().members);
    let stale = TopologyRecord { at: Instant::from_millis(3_100), ..story.evidence.topology[0].clone() };
    story.evidence.topology.push(stale);
    let view = calm::view_at(&story.evidence, Instant::from_millis(4_000)).unwrap();
    assert_eq!((view.current_version, &view.members), (epoch, &members));
}

#[test]
fn a_late_view_of_the_owner_before_is_no_promotion() {
    let mut story = Story::formed();
    story.hand_over("A", "A1");
    story.view(3_000, &["A1", "B"]);
    story.fault(4_000, 0, FaultKind::Kill, "A1");
    let late = TopologyRecord { at: Instant::from_millis(4_010), ..story.evidence.topology[2].clone() };
    story.evidence.topology.push(late);
    story.end(8_000);
    let case = story.case();
    assert_eq!(case.takedowns.len(), 1);
    assert_eq!(case.takedowns[0].promotion, None);
}

#[test]
fn what_follows_the_next_takedown_belongs_to_that() {
    let mut story = Story::formed();
    story.fault(3_000, 0, FaultKind::Pause, "A");
    story.fault(3_300, 1, FaultKind::Resume, "A");
    story.failover(5_000, 2, 2_000);
    let key = story.key_of("A");
    story.write(7_100, key, |write| write.node = Some(3));
    story.end(9_000);
    let case = story.case();
    let found: Vec<_> =
        case.takedowns.iter().map(|takedown| (takedown.promotion.is_some(), takedown.nanos())).collect();
    assert_eq!(found, [(false, None), (true, Some(2_101_000_000))]);
}

#[test]
fn the_second_command_of_an_entry_is_not_scheduled() {
    let mut story = Story::formed();
    story.plan.loads[0].pace = Pace::Open { per_second: 1_000 };
    story.plan.loads[0].mix = vec![Op::SetThenGet(SetThenGet { weight: 1, value: crate::vocab::Size { bytes: 16 } })];
    for at in (1_000..2_000).step_by(2) {
        story.write(at, 1, |_| {});
        story.write(at + 1, 1, |read| read.kind = OperationKind::Get);
    }
    for _ in 0..2 {
        story.never_begun(2_000, 1, 2_001);
    }
    story.evidence.history.last_mut().unwrap().kind = OperationKind::Get;
    story.end(2_000);
    let case = story.case();
    let load = &story.plan.loads[0];
    let starts = case.workers_of(0).flat_map(|operations| schedule::scheduled(load, operations)).count();
    assert_eq!(starts, 501);
}

/// Two workers a shard; operations on A's slots as (intended, started, ended).
#[rstest]
#[case::never(&[(1_000, 1_000, 1_100), (1_010, 1_010, 1_100), (1_200, 1_200, 1_300)], None)]
#[case::somebody_waited(&[(1_000, 1_000, 1_100), (1_010, 1_010, 1_200), (1_050, 1_100, 1_150)], Some((1_010, 1_150)))]
#[case::waited_for_a_turn_only(&[(1_000, 1_000, 1_100), (1_010, 1_100, 1_200)], None)]
#[case::now_and_again(&[(1_000, 1_000, 1_100), (1_000, 1_000, 1_100), (1_020, 1_100, 1_200), (1_500, 1_500, 1_700), (1_600, 1_600, 1_650)], Some((1_000, 1_650)))]
fn a_bound_that_was_reached_is_told(#[case] operations: &[(u64, u64, u64)], #[case] expected: Option<(u64, u64)>) {
    let mut story = Story::formed();
    story.plan.loads[0].pace = Pace::Open { per_second: 1_000 };
    let key = story.key_of("A");
    for (intended, started, ended) in operations {
        story.write(*intended, key, |write| {
            (write.ready, write.started) = (Instant::from_millis(*started), Instant::from_millis(*started));
            write.ended = Instant::from_millis(*ended);
        });
    }
    let reached = schedule::bound_reached(&story.case(), 0, &story.plan.loads[0]);
    let window = |(start, end)| Window { start: Instant::from_millis(start), end: Instant::from_millis(end) };
    assert_eq!(reached, expected.map(|at| (0, window(at))).into_iter().collect::<Vec<_>>());
}
