//! Which misses the machine explains, and which it does not.

use rstest::rstest;

use super::machine::Machine;
use super::testing::{LOAD_STARTS, Story, late, ms, nanos, waited};
use super::*;
use crate::evidence::{ErrorKind, MachineSample, Outcome, Waits};
use crate::vocab::{Instant, Percent};

/// 2,000 operations, one each 5 ms, and those that `slow` adds: when they were meant to start and how long they took, in
/// milliseconds. What the machine took in the tenth of a second that ends then; whether that explains `p99 whole <= 10 ms`.
#[rstest]
#[case::servers_waited(&stall(30, 240.0), &|_| waited(60.0, &[("A", 90.0), ("B", 50.0)]), true)]
#[case::one_server_waited_long(&stall(30, 240.0), &|end| waited(0.2, &[("A", if end == 5_300 { 235.0 } else { 0.3 })]), true)]
#[case::stalled_on_an_idle_machine(&stall(30, 240.0), &|_| waited(0.2, &[("A", 0.3)]), false)]
#[case::servers_waited_too_little(&stall(30, 240.0), &|_| waited(10.0, &[("A", 20.0)]), false)]
#[case::others_waited_not_ours(&stall(30, 240.0), &|_| MachineSample { pressure_nanos: Some(100_000_000), ..waited(0.2, &[]) }, false)]
#[case::nobody_knows_who_waited(&stall(30, 240.0), &|_| MachineSample { pressure_nanos: Some(80_000_000), ..late(0.1) }, true)]
#[case::a_hypervisor_stole_it(&stall(30, 240.0), &|_| MachineSample { stolen_nanos: 80_000_000, ..waited(0.2, &[]) }, true)]
#[case::few_samples_and_one_late_timer(&stall(25, 12.795), &|end| late(if end == 5_100 { 13.366 } else { 0.1 }), true)]
#[case::few_samples_and_a_timer_late_elsewhere(&stall(25, 12.795), &|end| late(if end == 7_000 { 13.366 } else { 0.1 }), false)]
#[case::slow_servers_and_ordinary_noise(&slow(12.0), &|_| waited(1.0, &[("A", 1.5)]), false)]
#[case::slow_because_they_waited(&slow(12.0), &|_| waited(5.0, &[("A", 30.0)]), true)]
#[case::slow_because_the_client_had_too_much_to_do(&slow(12.0), &|_| overloaded(), true)]
fn a_missed_quantile_is_explained_by_what_the_machine_took(
    #[case] slow: &[(u64, f64)],
    #[case] took: &dyn Fn(u64) -> MachineSample,
    #[case] explained: bool,
) {
    let mut story = Story::formed();
    let quick = (LOAD_STARTS..LOAD_STARTS + 10_000).step_by(5).map(|at| (at, 1.0));
    for (at, took_ms) in quick.chain(slow.iter().copied()) {
        story.write(at, 1, |write| write.ended = Instant::from_millis(at).plus_nanos(nanos(took_ms)));
    }
    story.end(12_000);
    story.machine(12_000, took);
    let slo = Slo::Latency(Latency {
        quantile: Percent::try_from(99.0).unwrap(),
        max: ms(10),
        during: During::Whole,
        load: None,
    });
    assert_eq!(story.judge(&slo).status, Status::Fail);
    let explanation = slo.kind().explained_by_machine(&story.case());
    assert_eq!(explanation.is_some(), explained, "{explanation:?}");
}

/// A load was too much for its client all the time, as it may be if it tries again and again.
fn overloaded() -> MachineSample {
    MachineSample { overload_nanos: nanos(100.0), ..waited(1.0, &[]) }
}

/// Nobody was served for 2 s, by one server that stood still or by none.
#[rstest]
#[case::the_machine_took_it(&|_| waited(60.0, &[]), true)]
#[case::the_client_had_too_much_to_do(&|_| overloaded(), false)]
fn that_nobody_was_served_is_no_overload(#[case] took: &dyn Fn(u64) -> MachineSample, #[case] explained: bool) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    for at in 3_000..5_000 {
        story.write(at, 1, |write| write.outcome = Outcome::Fail);
    }
    story.run(5_000, 8_000);
    story.end(8_000);
    story.machine(8_000, took);
    let slo = Slo::Unavailability(Unavailability { max: ms(1_000), load: None });
    assert_eq!(story.judge(&slo).status, Status::Fail);
    let explanation = slo.kind().explained_by_machine(&story.case());
    assert_eq!(explanation.is_some(), explained, "{explanation:?}");
}

/// Half of what was due in 4 s was never begun, while clients waited for a processor as long in each tenth of a second.
#[rstest]
#[case::nearly_half_of_the_time(48.0, 0, 0.0, false)]
#[case::half_of_the_time(50.0, 0, 0.0, true)]
#[case::nearly_half_and_some_may_fail(48.0, 0, 4.0, true)]
#[case::and_what_was_begun_was_refused(90.0, 1, 0.0, false)]
fn what_was_never_begun_is_explained_by_the_time_that_was_left(
    #[case] waited_ms: f64,
    #[case] refused: u64,
    #[case] max: f64,
    #[case] explained: bool,
) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000 - refused);
    for at in 3_000 - refused..3_000 {
        story.write(at, 1, |write| write.outcome = Outcome::Fail);
    }
    for due in 3_000..5_000 {
        story.never_begun(due, 1, 5_000);
    }
    story.end(5_000);
    story.machine(5_000, |_| waited(waited_ms, &[]));
    let slo = Slo::ErrorRate(ErrorRate { max: Percent::try_from(max).unwrap(), during: During::Whole, load: None });
    assert_eq!(story.judge(&slo).status, Status::Fail);
    let explanation = slo.kind().explained_by_machine(&story.case());
    assert_eq!(explanation.is_some(), explained, "{explanation:?}");
}

/// A write at 3 s that ended after so many milliseconds, not ok, whose client waits 10 s in all, and 500 ms for an attempt; when others
/// on its shard ended ok; what clients waited in each tenth of a second.
#[rstest]
#[case::as_much_as_they_came_too_early(10_000, ErrorKind::ClusterDown, &[15_000], 17.0, true)]
#[case::too_little(10_000, ErrorKind::ClusterDown, &[15_000], 16.0, false)]
#[case::the_next_try_would_have_been_too_late(9_990, ErrorKind::ClusterDown, &[15_000], 17.0, true)]
#[case::it_was_not_tried_for_so_long(9_989, ErrorKind::ClusterDown, &[15_000], 100.0, false)]
#[case::no_reply_came(500, ErrorKind::TimedOut, &[4_000], 100.0, true)]
#[case::it_was_refused_at_once(500, ErrorKind::ReadOnly, &[4_000], 100.0, false)]
#[case::others_were_served_meanwhile(10_000, ErrorKind::ClusterDown, &[12_501, 15_000], 100.0, false)]
#[case::others_were_served_as_it_ended(10_000, ErrorKind::ClusterDown, &[13_000, 15_000], 100.0, false)]
#[case::others_were_served_before(10_000, ErrorKind::ClusterDown, &[12_500, 15_000], 100.0, true)]
#[case::nobody_was_served_again(10_000, ErrorKind::ClusterDown, &[], 99.0, false)]
#[case::nobody_was_served_again_for_want_of_a_machine(10_000, ErrorKind::ClusterDown, &[], 100.0, true)]
fn what_clients_gave_up_is_explained_by_how_much_longer_it_took(
    #[case] took: u64,
    #[case] error: ErrorKind,
    #[case] served: &[u64],
    #[case] waited_ms: f64,
    #[case] explained: bool,
) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    story.write(3_000, 1, |write| {
        (write.outcome, write.error) = (Outcome::Fail, Some(error));
        write.ended = Instant::from_millis(3_000 + took);
    });
    for end in served {
        story.write(*end, 1, |write| write.ended = Instant::from_millis(*end));
    }
    story.end(16_000);
    story.machine(16_000, |_| waited(waited_ms, &[]));
    let slo = Slo::ErrorRate(ErrorRate { max: Percent::default(), during: During::Whole, load: None });
    assert_eq!(story.judge(&slo).status, Status::Fail);
    let explanation = slo.kind().explained_by_machine(&story.case());
    assert_eq!(explanation.is_some(), explained, "{explanation:?}");
}

/// This many operations that are meant to start within some milliseconds from 5 s on and all take as long.
fn stall(count: u64, took_ms: f64) -> Vec<(u64, f64)> {
    (0..count).map(|index| (5_000 + index / 3, took_ms)).collect()
}

/// One operation after the other that takes as long, all the time.
fn slow(took_ms: f64) -> Vec<(u64, f64)> {
    (LOAD_STARTS..LOAD_STARTS + 10_000).step_by(15).map(|at| (at, took_ms)).collect()
}

/// What the machine took in the tenth of a second that ends then. Nobody took over from A, or A1 twice too often; node timeout
/// 1000 ms.
#[rstest]
#[case::none_on_an_idle_machine(Promotions { min: 1, max: 1 }, &|_| waited(0.5, &[("B", 1.0)]), false)]
#[case::none_on_a_busy_machine(Promotions { min: 1, max: 1 }, &|_| waited(5.0, &[("B", 10.0)]), true)]
#[case::too_many_on_an_idle_machine(Promotions { min: 0, max: 0 }, &|_| waited(0.5, &[("B", 1.0)]), false)]
#[case::too_many_on_a_busy_machine(Promotions { min: 0, max: 0 }, &|_| waited(5.0, &[("B", 10.0)]), false)]
#[case::too_many_after_a_stall(Promotions { min: 0, max: 0 }, &|end| if end == 4_000 { late(520.0) } else { late(0.1) }, true)]
#[case::too_many_while_a_server_starved(Promotions { min: 0, max: 0 }, &|_| waited(5.0, &[("B", 60.0)]), true)]
#[case::little_stalls_far_apart(Promotions { min: 0, max: 0 }, &|end| if end % 2_000 == 0 { late(300.0) } else { late(0.1) }, false)]
fn promotions_are_explained_by_what_the_machine_took(
    #[case] slo: Promotions,
    #[case] took: &dyn Fn(u64) -> MachineSample,
    #[case] explained: bool,
) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 9_000);
    if slo.min > 0 {
        story.act(3_000, 0, "Kill", "A");
    } else {
        story.failover(3_000, 0, 2_000);
    }
    story.end(9_000);
    story.machine(9_000, took);
    let slo = Slo::Promotions(slo);
    assert_eq!(story.judge(&slo).status, Status::Fail);
    let explanation = slo.kind().explained_by_machine(&story.case());
    assert_eq!(explanation.is_some(), explained, "{explanation:?}");
}

/// A window in milliseconds.
fn window((start, end): (u64, u64)) -> Window {
    Window { start: Instant::from_millis(start), end: Instant::from_millis(end) }
}

/// What clients waited of each tenth of a second, the observer, and these servers; with what a case adds.
fn all_waited(change: impl FnOnce(&mut MachineSample)) -> MachineSample {
    let mut sample = waited(12.0, &[("A", 10.0), ("B", 35.0)]);
    sample.waits = sample.waits.map(|waits| Waits { observer_nanos: nanos(3.0), ..waits });
    change(&mut sample);
    sample
}

/// What was measured from 2 s to 3 s, if anything was; a client stood still for 300 ms in it, or not.
#[rstest]
#[case::nothing(&|_| late(0.0), false, "nothing was measured")]
#[case::only_a_client(&|_| late(0.0), true, "clients stood still by themselves for 300 ms")]
#[case::waits(
    &|_| all_waited(|_| {}),
    false,
    "servers waited for a processor 35 % of the time (longest: B), clients 12 %, the observer 3 %, timers up to 0.1 ms late"
)]
#[case::overload(
    &|_| overloaded(),
    false,
    "servers waited for a processor 0 % of the time, clients 1 %, the observer 1 %, timers up to 0.1 ms late, \
     a load was too much for its client 100 % of the time"
)]
#[case::pressure(
    &|_| MachineSample { pressure_nanos: Some(80_000_000), ..late(3.1) },
    false,
    "somebody waited for a processor 80 % of the time, timers up to 3.1 ms late"
)]
#[case::timers_alone(&|end| late(if end == 2_500 { 3.1 } else { 0.1 }), false, "timers up to 3.1 ms late")]
#[case::pressure_at_times(
    &|end| MachineSample { pressure_nanos: (end == 2_500).then_some(80_000_000), ..late(0.1) },
    false,
    "timers up to 0.1 ms late"
)]
#[case::everything(
    &|end| all_waited(|sample| (sample.stolen_nanos, sample.other_runs) = (8_000_000, if end == 2_500 { 2 } else { 1 })),
    true,
    "servers waited for a processor 35 % of the time (longest: B), clients 12 %, the observer 3 %, timers up to 0.1 ms late, \
     8 % stolen by the hypervisor, clients stood still by themselves for 300 ms, 2 other runs beside it"
)]
fn what_was_measured_is_told(#[case] took: &dyn Fn(u64) -> MachineSample, #[case] stalls: bool, #[case] figures: &str) {
    let mut story = Story::formed();
    if stalls {
        story.write(2_100, 1, |write| {
            (write.started, write.ended) = (Instant::from_millis(2_400), Instant::from_millis(2_401));
        });
    }
    if figures.contains("timers") {
        story.machine(4_000, |end| if (2_000..=3_100).contains(&end) { took(end) } else { late(900.0) });
    }
    assert_eq!(Machine::of(&story.evidence).figures(window((2_001, 2_999))), figures);
}

/// By how many microseconds the wall clock was ahead of the run's in each sample.
#[rstest]
#[case::as_exact_as_a_log(&[2_000, -2_000], None)]
#[case::ahead(&[0, 2_001], Some("forward by up to 2.001 ms"))]
#[case::the_farthest_counts(&[3_000, -4_000, 2_500], Some("back by up to 4 ms"))]
fn a_wall_clock_that_moved_is_told(#[case] ahead: &[i64], #[case] told: Option<&str>) {
    let mut story = Story::formed();
    let nth = |end: u64| usize::try_from(end / 100).unwrap() % ahead.len();
    story.machine(2_000, |end| MachineSample { wall_ahead_us: ahead[nth(end)], ..late(0.1) });
    let told = told.map(|how| format!("the wall clock moved {how}, which times from the servers' logs allow for"));
    assert_eq!(Machine::of(&story.evidence).wall_clock(), told);
}

/// How late timers were, in milliseconds, in the tenths of a second that end then. Half of the node timeout of 1 s is needed.
#[rstest]
#[case::half(&[(2_000, 500.0)], Some("for 500 ms, half a node timeout (1000 ms) or more, from 1.400 s to 2.000 s: "))]
#[case::less_than_half(&[(2_000, 499.0)], None)]
#[case::together(&[(2_000, 250.0), (3_000, 250.0)], Some("for 500 ms, half a node timeout (1000 ms) or more, from 1.900 s to 3.000 s: "))]
#[case::too_far_apart(&[(2_000, 250.0), (3_100, 250.0)], None)]
#[case::one_of_them_is_over(
    &[(2_000, 200.0), (3_100, 250.0), (3_200, 260.0)],
    Some("for 510 ms, half a node timeout (1000 ms) or more, from 2.100 s to 3.200 s: ")
)]
fn servers_that_stood_still_may_be_taken_for_dead(#[case] stalls: &[(u64, f64)], #[case] told: Option<&str>) {
    let mut story = Story::formed();
    let of = |end: u64| stalls.iter().find(|stall| stall.0 == end).map_or(0.0, |stall| stall.1);
    story.machine(4_000, |end| late(of(end)));
    let stalled = Machine::of(&story.evidence).stalled(window((1_500, 3_500)), 1_000);
    assert_eq!(stalled.is_some(), told.is_some(), "{stalled:?}");
    let begins = told.map(|told| format!("servers may have stood still {told}timers up to "));
    assert!(begins.is_none_or(|begins| stalled.as_ref().unwrap().starts_with(&begins)), "{stalled:?}");
}

/// The machine took 1 ms in the tenth of a second that ends at 1.1 s, 2 ms in the next, and so on. Each sample that is touched counts
/// once.
#[rstest]
#[case::within_one(&[(1_310, 1_320)], 4)]
#[case::two(&[(1_310, 1_420)], 4 + 5)]
#[case::touched_at_its_end(&[(1_300, 1_320)], 3 + 4)]
#[case::touched_at_its_beginning(&[(1_310, 1_400)], 4 + 5)]
#[case::two_stretches_of_one(&[(1_310, 1_320), (1_340, 1_350)], 4)]
#[case::two_that_share_one(&[(1_510, 1_620), (1_310, 1_520)], 4 + 5 + 6 + 7)]
#[case::two_apart(&[(1_310, 1_320), (1_810, 1_820)], 4 + 9)]
#[case::before_there_were_any(&[(500, 600)], 0)]
fn what_the_machine_took_is_counted_once(#[case] stretches: &[(u64, u64)], #[case] lost_ms: u64) {
    let mut story = Story::formed();
    story.machine(3_000, |end| MachineSample { timer_late_nanos: (end - 1_000) * 10_000, ..MachineSample::default() });
    let machine = Machine::of(&story.evidence);
    assert_eq!(machine.lost_in_any(stretches.iter().copied().map(window)), lost_ms * 1_000_000);
    if let [stretch] = stretches {
        assert_eq!(machine.lost_in(window(*stretch)), lost_ms * 1_000_000);
    }
}

/// Operations as they were due, could be begun and were begun, in milliseconds; and how long clients stood still from 2 s to 3 s, and
/// since when what is begun then waits.
#[rstest]
#[case::on_time(&[(2_100, 2_100, 2_101)], 0, 2_000)]
#[case::late(&[(2_100, 2_100, 2_102)], 2, 2_000)]
#[case::two_at_once(&[(2_100, 2_100, 2_102), (2_101, 2_101, 2_104)], 4, 2_000)]
#[case::in_part(&[(1_900, 1_900, 2_300), (2_990, 2_990, 3_500)], 300 + 10, 1_900)]
#[case::a_backlog(&[(1_500, 1_995, 1_995), (1_600, 2_005, 2_005)], 0, 1_500)]
#[case::a_backlog_behind_another(&[(1_500, 1_800, 1_800), (1_800, 2_100, 2_100)], 0, 1_500)]
#[case::a_backlog_that_was_over(&[(1_500, 2_000, 2_000)], 0, 2_000)]
fn clients_that_stood_still_are_seen(
    #[case] operations: &[(u64, u64, u64)],
    #[case] stalled_ms: u64,
    #[case] since: u64,
) {
    let mut story = Story::formed();
    for (due, ready, started) in operations {
        story.write(*due, 1, |write| {
            (write.ready, write.started) = (Instant::from_millis(*ready), Instant::from_millis(*started));
            write.ended = write.started.plus_nanos(1);
        });
    }
    let machine = Machine::of(&story.evidence);
    let stretch = window((2_000, 3_000));
    assert_eq!(machine.stalled_nanos(stretch), stalled_ms * 1_000_000);
    assert_eq!(machine.with_backlog(stretch), window((since, 3_000)));
}

/// What is explained: the excess was taken from it, and something was.
#[rstest]
#[case::as_much(4.0, 4, true)]
#[case::less(4.0, 5, false)]
#[case::nothing_of_nothing(0.0, 0, false)]
fn what_was_taken_explains_no_more(#[case] late_ms: f64, #[case] excess_ms: u64, #[case] explained: bool) {
    let mut story = Story::formed();
    story.machine(3_000, |end| late(if end == 2_000 { late_ms } else { 0.0 }));
    let (machine, stretch) = (Machine::of(&story.evidence), window((1_910, 1_950)));
    for explain in [Machine::explain, Machine::explain_observed] {
        let told = explain(&machine, stretch, excess_ms * 1_000_000);
        let words = format!(
            "the machine may have taken 4 ms from 1.910 s to 1.950 s, which explains {excess_ms} ms: timers up to 4 ms late"
        );
        assert_eq!(told, explained.then_some(words));
    }
}
