//! Limits on latencies, rates and gaps.

use super::*;

/// What was due counts, whether or not somebody came to it.
#[test]
fn starts_that_nobody_got_to_did_not_end_ok() {
    let mut story = left_behind();
    story.end(5_000);
    let finding = story.judge(Slo::ErrorRate(ErrorRate { max: percent(1.0), during: During::Whole, load: None }));
    assert_eq!((finding.status, finding.samples, finding.measured.as_str()), (Status::Fail, 4_000, "50 %"));
    let note = "2000 surely not executed (2000 of them due and never begun), 0 unknown";
    assert_eq!(finding.note, note);
}

/// A shard is down while something waits for it, and no longer: its neighbours are not.
#[test]
fn a_shard_is_down_by_what_waited_for_it() {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    story.run(LOAD_STARTS, 3_000);
    story.never_begun(3_000, story.key_of("B"), 5_000);
    story.end(5_000);
    let finding = story.judge(Slo::Unavailability(Unavailability { max: ms(1_000), load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "2 s"));
    assert_eq!(finding.note, "B's shard 5461-10922, from 3.000 s to 5.000 s");
}

#[rstest]
#[case::kept(99.0, 2, During::Steady, Status::Pass)]
#[case::missed(99.0, 2, During::Fault, Status::Inconclusive)]
#[case::missed_by_one(100.0, 2, During::Whole, Status::Fail)]
#[case::too_strict(50.0, 0, During::Whole, Status::Fail)]
#[case::one_over_a_maximum_refutes_it(100.0, 100, During::Fault, Status::Fail)]
fn latency(#[case] quantile: f64, #[case] max: u64, #[case] during: During, #[case] status: Status) {
    let slo = Slo::Latency(Latency { quantile: percent(quantile), max: ms(max), during, load: None });
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
        let slo = Slo::Latency(Latency { quantile: percent(quantile), max: ms(10), during: During::Whole, load: None });
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
    let slo = Slo::Latency(Latency { quantile: percent(99.0), max: ms(10), during: During::Whole, load: None });
    let finding = story.judge(slo);
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "10 s"), "{}", finding.note);
}

#[test]
fn starts_that_nobody_got_to_are_slow() {
    let mut story = left_behind();
    story.end(5_000);
    let slo = Slo::Latency(Latency { quantile: percent(99.0), max: ms(10), during: During::Whole, load: None });
    let finding = story.judge(slo);
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "1.96 s"), "{}", finding.note);
    assert!(finding.note.contains("2000 of them were never begun"), "{}", finding.note);
}

#[rstest]
#[case::kept(During::Whole, 600.0, Status::Pass)]
#[case::missed(During::Whole, 700.0, Status::Fail)]
#[case::steady(During::Steady, 990.0, Status::Pass)]
#[case::outage(During::Fault, 10.0, Status::Fail)]
fn throughput(#[case] during: During, #[case] min: f64, #[case] status: Status) {
    let finding = failover_story().judge(Slo::Throughput(Throughput { min, during, load: None }));
    assert_eq!(finding.status, status, "{finding:?}");
}

#[rstest]
#[case(Slo::Throughput(Throughput { min: 0.0, during: During::Fault, load: None }))]
#[case(Slo::ErrorRate(ErrorRate { max: Percent::try_from(100.0).unwrap(), during: During::Fault, load: None }))]
#[case(Slo::Latency(Latency { quantile: Percent::try_from(0.0).unwrap(), max: ms(9_000), during: During::Fault, load: None }))]
#[case(Slo::Failover(Failover { max: ms(9_000), min: ms(0) }))]
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
    let finding = story.judge(Slo::ErrorRate(ErrorRate { max: percent(max), during: During::Whole, load: None }));
    assert_eq!((finding.status, finding.samples), (status, 1_000), "{finding:?}");
}

/// Operations on A's shard as (intended, ended, ok); the other shards have one each.
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
    let finding = story.judge(Slo::Unavailability(Unavailability { max: ms(max), load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
}
