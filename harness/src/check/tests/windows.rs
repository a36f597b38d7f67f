//! Which part of a run a moment and an operation belong to.

use super::*;

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

/// A load that begins later keeps no fault window open, and neither does a worker that gave up.
#[rstest]
#[case::begins_later(6_500, false)]
#[case::gave_up(3_100, true)]
fn who_does_not_come_back_is_not_waited_for(#[case] at: u64, #[case] gave_up: bool) {
    let mut story = failover_story();
    let windows = story.case().windows;
    story.evidence.plan.loads.push(crate::evidence::testing::load("other"));
    let load = || "other".to_owned();
    story.event(if gave_up { LOAD_STARTS } else { at }, EventKind::LoadStarted { load: load() });
    let [intended, ended] = [at, at + 1].map(Instant::from_millis);
    let outcome = if gave_up { Ended::Fail } else { Ended::Ok };
    let operation = Operation {
        load: 1,
        intended,
        ready: intended,
        started: intended,
        ended,
        outcome,
        ..story.evidence.history.at(0)
    };
    story.evidence.history.push(&operation);
    if gave_up {
        story.event(at + 1, EventKind::GaveUp { load: load(), operation: String::new(), error: None, attempts: 1 });
    }
    story.event(7_000, EventKind::LoadEnded { load: load(), totals: LoadTotals::default() });
    assert_eq!(story.case().windows.faults, windows.faults);
}

/// The fault window is 3000 to 5032 ms.
#[rstest]
#[case::before(2_000, 2_001, During::Steady)]
#[case::cut_by_the_fault(2_999, 5_010, During::Fault)]
#[case::ends_as_the_fault_begins(2_999, 3_000, During::Fault)]
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
        ..story.evidence.history.at(0)
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
    let operation = Operation { intended, started, ended, ..story.evidence.history.at(0) };
    let nanos = [During::Steady, During::Fault, During::Whole].map(|during| windows.latency_nanos(during, &operation));
    assert_eq!(
        nanos.map(|nanos| nanos.map(|nanos| nanos / 1_000_000)),
        [steady, fault, Some((ended.0 - intended.0) / 1_000_000)]
    );
}

/// When something ended that was due at 2000 ms, and whether it had waited for more than so many milliseconds when the fault began at
/// 3000 ms.
#[rstest]
#[case::cut_by_the_fault(3_100, 999, true)]
#[case::ended_as_the_fault_began(3_000, 999, true)]
#[case::ended_before(2_999, 500, false)]
#[case::not_for_longer(3_100, 1_000, false)]
fn what_had_waited_too_long_was_overdue(#[case] ended: u64, #[case] waited: u64, #[case] overdue: bool) {
    let story = failover_story();
    let [intended, ended] = [2_000, ended].map(Instant::from_millis);
    let operation = Operation { intended, ended, ..story.evidence.history.at(0) };
    assert_eq!(story.case().windows.was_overdue(&operation, waited * 1_000_000), overdue);
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
    let p99 = |during| Slo::Latency(Latency { quantile: percent(99.0), max: ms(10), during, load: None });
    let finding = story.judge(p99(During::Steady));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "466 ms"), "{}", finding.note);
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
    story.act(4_000, 0, "Kill", "A");
    story.unsettled(4_010);
    story.end(5_000);
    let finding = story.judge(Slo::Latency(Latency { quantile: percent(100.0), max: ms(10), during, load: None }));
    assert_eq!((finding.samples, finding.measured.as_str()), (samples, measured), "{}", finding.note);
}

/// A worker that was made for the backlog of a fault, and is not needed afterwards, does not keep the fault going.
#[test]
fn an_open_loop_is_back_when_each_shard_is() {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    story.run(LOAD_STARTS, 3_000);
    story.act(3_000, 0, "Wipe", "A1");
    story.write(3_001, story.key_of("A"), |write| write.worker = 77);
    story.run(3_010, 6_000);
    story.end(6_000);
    let end = story.case().windows.faults[0].end;
    assert!(end < Instant::from_millis(3_100), "{end}");
    // A shard that is not back does.
    let again = |operation: &mut Operation| operation.attempts += u16::from(operation.shard == Some(0));
    story.evidence.history.edit(|history| history.iter_mut().for_each(again));
    assert_eq!(story.case().windows.faults[0].end, story.case().windows.whole.end);
}

/// What an observer may record after a kill at 3000 ms, and when the window ends at the earliest.
#[rstest]
#[case::never_noticed(&[], 3_000)]
#[case::noticed(&[(3_015, false), (4_000, true)], 4_000)]
#[case::health_seen_before_is_recorded_after(&[(3_005, true), (3_025, false), (4_000, true)], 4_000)]
#[case::flaps_soon_after(&[(3_015, false), (4_000, true), (5_500, false), (5_600, true)], 5_600)]
#[case::flaps_just_in_time(&[(3_015, false), (4_000, true), (5_999, false), (6_600, true)], 6_600)]
#[case::flaps_just_too_late(&[(3_015, false), (4_000, true), (6_000, false), (6_600, true)], 4_000)]
#[case::flaps_long_after(&[(3_015, false), (4_000, true), (6_500, false), (6_600, true)], 4_000)]
#[case::never_settles(&[(3_015, false)], 7_999)]
fn a_fault_window_outlasts_the_unrest(#[case] flips: &[(u64, bool)], #[case] end: u64) {
    let mut story = Story::formed();
    story.act(3_000, 0, "Kill", "A1");
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
    story.act(3_000, 0, "Kill", "A");
    story.unsettled(3_015);
    story.health("A", crate::evidence::Health::Fail);
    story.view(4_200, &["B", "C"]);
    story.settled(4_210);
    story.end(8_000);
    assert_eq!(story.case().windows.faults[0].end, story.case().windows.whole.end);
}

/// The fault windows in milliseconds.
fn windows_ms(story: &Story) -> Vec<(u64, u64)> {
    story.case().windows.faults.iter().map(|w| (w.start.0 / 1_000_000, w.end.0 / 1_000_000)).collect()
}

#[test]
fn windows_of_neighbouring_faults_merge() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 8_000);
    story.act(3_000, 0, "Pause", "A");
    story.unsettled(3_015);
    story.act(3_200, 1, "Resume", "A");
    story.settled(3_230);
    story.act(5_000, 2, "Wipe", "A");
    story.end(8_000);
    assert_eq!(windows_ms(&story), [(3_000, 3_232), (5_000, 5_002)]);
}

/// What happens from the end of the load on disturbs none of its operations.
#[rstest]
#[case::as_it_ends(8_000)]
#[case::later(8_500)]
fn a_fault_after_the_load_is_no_part_of_it(#[case] at: u64) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 8_000);
    story.act(at, 0, "Wipe", "A");
    story.end(8_000);
    assert!(story.case().windows.faults.is_empty(), "{:?}", windows_ms(&story));
}

/// What is steady for less than a tenth of a second between two faults is not.
#[rstest]
#[case::less(3_101, &[(3_000, 3_103)])]
#[case::as_long(3_102, &[(3_000, 3_002), (3_102, 3_104)])]
fn a_moment_between_two_faults_is_not_steady(#[case] second: u64, #[case] expected: &[(u64, u64)]) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 8_000);
    story.act(3_000, 0, "Wipe", "A");
    story.act(second, 1, "Wipe", "B");
    story.end(8_000);
    assert_eq!(windows_ms(&story), expected);
}

/// The steady part begins with the load, ends with it, and has no empty stretches.
#[test]
fn a_load_that_begins_with_a_fault_is_not_steady_before() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 8_000);
    story.act(LOAD_STARTS, 0, "Wipe", "A");
    story.act(7_000, 1, "Pause", "B");
    story.unsettled(7_010);
    story.end(8_000);
    let stretches = |during| -> Vec<_> {
        let stretches = story.case().windows.stretches(during);
        stretches.iter().map(|window| (window.start.0 / 1_000_000, window.end.0 / 1_000_000)).collect()
    };
    assert_eq!(stretches(During::Steady), [(1_002, 7_000)]);
    assert_eq!(stretches(During::Fault), [(1_000, 1_002), (7_000, 8_000)]);
    assert_eq!(stretches(During::Whole), [(1_000, 8_000)]);
}

/// Of a load whose end nobody recorded, everything that happened is a part of the run.
#[test]
fn a_run_without_an_end_lasts_until_the_last_event() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 2_000);
    story.unsettled(5_000);
    let millis = |story: &Story| story.case().windows.whole.nanos() / 1_000_000;
    assert_eq!(millis(&story), 4_000);
    story.event(4_000, EventKind::LoadEnded { load: "app".to_owned(), totals: LoadTotals::default() });
    assert_eq!(millis(&story), 3_000);
}

/// A step that leaves its node as it was is nothing that an SLO about faults could be about, and ends no fault of another step.
#[rstest]
#[case::command("Command", &[])]
#[case::disk_freed("FreeDisk", &[])]
#[case::started("Start", &[(3_000, 3_002)])]
#[case::resumed("Resume", &[(3_000, 3_002)])]
#[case::joined("Join", &[(3_000, 3_002)])]
#[case::disk_filled("FillDisk", &[(3_000, 3_002)])]
fn only_what_changes_a_node_opens_a_fault_window(#[case] step: &str, #[case] expected: &[(u64, u64)]) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 8_000);
    story.act(3_000, 0, step, "A");
    story.end(8_000);
    assert_eq!(windows_ms(&story), expected);
}

/// `A` is killed at 3000 ms, which is noticed at 3500 ms, after a command to another node.
#[test]
fn a_command_takes_no_unrest_from_the_fault_before_it() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 8_000);
    story.act(3_000, 0, "Kill", "A");
    story.act(3_200, 1, "Command", "B");
    story.unsettled(3_500);
    story.settled(5_000);
    story.end(8_000);
    assert_eq!(windows_ms(&story), [(3_000, 5_002)]);
}

/// After the quiet at 4000 ms, what the first worker does at 4001 ms; when the window ends.
#[rstest]
#[case::on_pace(&|_: &mut Operation| {}, 4_002)]
#[case::starts_a_little_late(&|op: &mut Operation| (op.started, op.ended) = (op.intended.plus_nanos(5_000_000), op.intended.plus_nanos(6_000_000)), 4_007)]
#[case::was_meant_to_start_just_then(&|op: &mut Operation| op.intended = Instant::from_millis(4_000), 4_002)]
#[case::needs_a_retry(&|op: &mut Operation| op.attempts = 2, 5_001)]
#[case::fails(&|op: &mut Operation| op.outcome = Ended::Fail, 5_001)]
#[case::starts_late(&|op: &mut Operation| (op.started, op.ended) = (op.intended.plus_nanos(6_000_000), op.intended.plus_nanos(7_000_000)), 5_001)]
#[case::was_meant_to_start_before(&|op: &mut Operation| op.intended = Instant::from_millis(3_999), 5_001)]
fn a_client_is_back_when_nothing_delays_it(#[case] first: &dyn Fn(&mut Operation), #[case] end: u64) {
    let mut story = Story::formed();
    story.act(3_000, 0, "Kill", "A1");
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
    story.act(3_000, 0, "Wipe", "A1");
    story.write(3_100, 1, |_| {});
    story.end(6_000);
    assert_eq!(story.case().windows.faults[0].end, story.case().windows.whole.end);
}

/// That a worker of another load gave up does not excuse a client that only fails.
#[test]
fn who_gave_up_in_another_load_closes_no_window() {
    let mut story = Story::formed();
    story.act(3_000, 0, "Wipe", "A1");
    story.write(3_100, 1, |write| write.outcome = Ended::Fail);
    let load = "other".to_owned();
    story.event(3_101, EventKind::GaveUp { load, operation: String::new(), error: None, attempts: 1 });
    story.end(6_000);
    assert_eq!(story.case().windows.faults[0].end, story.case().windows.whole.end);
}

#[test]
fn a_paused_master_does_not_know_best() {
    let mut story = Story::formed();
    story.hand_over("A", "A1");
    story.view(3_000, &["B"]);
    let (version, members) = (4, story.evidence.topology.last().unwrap().view.clone().unwrap().members);
    let stale = TopologyRecord { at: Instant::from_millis(3_100), ..story.evidence.topology[0].clone() };
    story.evidence.topology.push(stale);
    let view = healthy::view_at(&story.evidence, 0, Instant::from_millis(4_000)).unwrap();
    assert_eq!((view.current_version, &view.members), (version, &members));
}
