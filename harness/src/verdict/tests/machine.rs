//! What a busy machine explains.

use super::*;

/// Timers were late by this much in each tenth of a second; `p99 <= max`.
#[rstest]
#[case::quick_machine(19.0, 10, RunOutcome::Pass, true)]
#[case::starved_and_kept_all_the_same(340.0, 10, RunOutcome::Pass, true)]
#[case::missed_on_a_quick_machine(19.0, 0, RunOutcome::Fail, true)]
#[case::missed_on_a_starved_machine(340.0, 0, RunOutcome::Inconclusive, false)]
fn a_starved_machine_spoils_only_what_was_missed(
    #[case] late_ms: f64,
    #[case] max: u64,
    #[case] outcome: RunOutcome,
    #[case] holds: bool,
) {
    let mut story = good();
    story.slo(p99(max));
    story.machine(9_000, |_| late(late_ms));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
    assert_eq!(verdict.assumptions.last().unwrap().holds, holds);
    assert_eq!(verdict.is_spoiled_by_machine(), !holds);
    assert_eq!(verdict.because.contains("340 ms late"), !holds, "{}", verdict.because);
}

/// Where something else is amiss, too, another run would not help.
#[test]
fn a_run_that_broke_off_on_a_starved_machine_is_not_the_machines_doing_alone() {
    let mut story = good();
    story.slo(p99(0));
    story.machine(9_000, |_| late(340.0));
    story.unsettled(9_010);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Inconclusive, "{}", verdict.because);
    assert!(!verdict.is_spoiled_by_machine(), "{verdict:#?}");
}

/// While the failover lasts (3000 to 5041 ms), these wait for this many milliseconds in each tenth of a second.
fn in_the_failover(end: u64, clients_ms: f64, servers: &[(&str, f64)]) -> MachineSample {
    if (3_100..=5_100).contains(&end) { waited(clients_ms, servers) } else { waited(0.0, &[]) }
}

/// What was missed, what the machine took in the tenth of a second that ends then, and what comes of it. The failover takes
/// 2041 ms.
#[rstest]
#[case::some_other_moment(p99(0), &|end| late(if end == 8_000 { 340.0 } else { 1.0 }), RunOutcome::Fail)]
#[case::all_the_time(p99(0), &|_| late(120.0), RunOutcome::Inconclusive)]
#[case::took_enough(failover_within(2_000), &|end| in_the_failover(end, 1.0, &[("A1", 0.7), ("B", 0.6), ("C", 0.5)]), RunOutcome::Inconclusive)]
#[case::took_too_little(failover_within(2_000), &|end| in_the_failover(end, 0.4, &[("A1", 0.7), ("B", 0.6), ("C", 0.5)]), RunOutcome::Fail)]
#[case::took_it_afterwards(failover_within(2_000), &|end| late(if end > 5_200 { 500.0 } else { 0.1 }), RunOutcome::Fail)]
#[case::gap(unavailable_for(2_000), &|end| waited(0.0, &[("A1", if end == 4_000 { 45.0 } else { 0.0 })]), RunOutcome::Inconclusive)]
#[case::long_gap(unavailable_for(1_900), &|end| waited(0.0, &[("A1", if end == 4_000 { 45.0 } else { 0.0 })]), RunOutcome::Fail)]
#[case::rate(throughput(1_005.0), &|_| waited(0.5, &[("B", 0.5)]), RunOutcome::Inconclusive)]
#[case::rate_far_too_low(throughput(2_000.0), &|_| waited(0.5, &[("B", 0.5)]), RunOutcome::Fail)]
fn a_miss_is_explained_by_what_explains_it(
    #[case] slo: Slo,
    #[case] took: &dyn Fn(u64) -> MachineSample,
    #[case] outcome: RunOutcome,
) {
    let mut story = good_until_the_end();
    story.write(3_000, story.key_of("A"), |write| {
        (write.ended, write.attempts, write.node) = (Instant::from_millis(5_041), 2, Some(3));
    });
    story.end(9_000);
    story.evidence.plan.slos.clear();
    story.slo(slo.clone());
    story.machine(9_000, took);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{verdict:#?}");
    let machine = verdict.assumptions.last().unwrap();
    assert_eq!(machine.holds, outcome == RunOutcome::Fail);
    assert_eq!(machine.detail.contains(&slo.to_string()), !machine.holds, "{}", machine.detail);
}

/// The figures are told whatever comes of them.
#[test]
fn the_machine_is_told_in_figures() {
    let mut story = good();
    story.machine(9_000, |end| MachineSample {
        stolen_nanos: if end == 2_000 { 80_000_000 } else { 0 },
        wall_ahead_us: if end < 7_000 { 300 } else { -3_600_000_000 },
        other_runs: usize::from(end > 3_000),
        ..waited(2.0, &[("A", 10.0), ("B", 35.0)])
    });
    let machine = verdict(&story).assumptions.pop().unwrap();
    assert_eq!(
        machine.detail,
        "servers waited for a processor 35 % of the time (longest: B), clients 2 %, the observer 2 %, timers up to 0.1 ms late, \
         1 % stolen by the hypervisor, 1 other run beside it; the wall clock moved back by up to 3600 s, which times from the \
         servers' logs allow for"
    );
}

fn failover_within(max: u64) -> Slo {
    Slo::Failover(Failover { max: ms(max), min: ms(0) })
}

fn unavailable_for(max: u64) -> Slo {
    Slo::Unavailability(Unavailability { max: ms(max), load: None })
}

fn throughput(min: f64) -> Slo {
    Slo::Throughput(Throughput { min, during: During::Steady, load: None })
}

#[test]
fn a_starved_machine_explains_no_lost_write() {
    let mut story = good_until_the_end();
    story.slo(p99(0));
    story.end(9_000);
    story.machine(9_000, |_| late(340.0));
    story.evidence.history.edit(|history| history.last_mut().unwrap().value = crate::evidence::Value::Missing);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Fail, "{}", verdict.because);
    assert!(verdict.because.starts_with("Not met: lost writes <= 0"), "{}", verdict.because);
}
