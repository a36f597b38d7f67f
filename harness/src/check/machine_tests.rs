//! Which misses the machine explains, and which it does not.

use rstest::rstest;

use super::testing::{LOAD_STARTS, Story, late, ms, nanos, waited};
use super::*;
use crate::evidence::{MachineSample, Outcome};
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
