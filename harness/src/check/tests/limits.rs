//! Limits on latencies, rates and gaps.

use super::*;
use crate::check::testing::late;

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
#[case::as_long_as_it_may_be(50.0, 1, During::Whole, Status::Pass)]
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
        if status == Status::Pass {
            let omits = "closed loop: latency counts from when a worker sent it, and an outage counts once for each command under way";
            assert_eq!(finding.note, if quantile < 99.0 { "" } else { omits });
        }
    }
}

/// Of twenty operations of a millisecond so many took longer: a handful may be chance, more are not.
#[rstest]
#[case::a_handful(5, Status::Inconclusive)]
#[case::more(6, Status::Fail)]
fn few_operations_refute_a_quantile(#[case] over: u64, #[case] status: Status) {
    let mut story = Story::formed();
    for at in 0..20 {
        let ended = Instant::from_millis(LOAD_STARTS + at + if at < over { 2 } else { 1 });
        story.write(LOAD_STARTS + at, 1, |write| write.ended = ended);
    }
    story.end(2_000);
    let slo = Slo::Latency(Latency { quantile: percent(99.0), max: ms(1), during: During::Whole, load: None });
    assert_eq!(story.judge(slo).status, status);
}

/// What is shorter than a second, or a rate, is measured on an idle machine.
#[rstest]
#[case(r#"Failover(max: "999ms")"#, true, true, None)]
#[case(r#"Failover(max: "1s")"#, true, false, None)]
#[case(r#"Latency(quantile: 99, max: "999ms", during: Steady)"#, true, true, Some(During::Steady))]
#[case(r#"Latency(quantile: 99, max: "1s")"#, true, false, Some(During::Whole))]
#[case(r#"Unavailability(max: "999ms")"#, true, true, None)]
#[case(r#"Unavailability(max: "1s")"#, true, false, None)]
#[case(r#"SplitBrain(max: "0s")"#, true, false, None)]
#[case(r#"SplitBrain(max: "999ms")"#, true, true, None)]
#[case(r#"SplitBrain(max: "1s")"#, true, false, None)]
#[case("ErrorRate(max: 1, during: Fault)", false, false, Some(During::Fault))]
#[case("LostWrites(max: 0)", false, false, None)]
#[case("KeysHeldTwice(max: 0)", false, false, None)]
#[case("Acquisitions(min: 1, during: Fault)", false, false, Some(During::Fault))]
#[case(r#"Capacity(quantile: 99, max: "10s", min: 1)"#, true, true, None)]
#[case(r#"DeliveryDelay(quantile: 99, max: "999ms", during: Fault)"#, true, true, Some(During::Fault))]
#[case(r#"DeliveryDelay(quantile: 99, max: "1s")"#, true, false, Some(During::Whole))]
#[case(r#"ReplicationLag(quantile: 99, max: "999ms", during: Steady)"#, true, true, Some(During::Steady))]
#[case("Throughput(min: 1, during: Steady)", true, true, Some(During::Steady))]
fn what_is_about_time(#[case] slo: &str, #[case] timed: bool, #[case] idle: bool, #[case] during: Option<During>) {
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::UNWRAP_VARIANT_NEWTYPES);
    let slo: Slo = options.from_str(slo).unwrap();
    assert_eq!((slo.is_timed(), slo.needs_idle_machine(), slo.kind().during()), (timed, idle, during));
    assert_eq!(slo.needs_key_lists(), matches!(slo, Slo::KeysHeldTwice(_)));
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
    assert!(
        finding.note.starts_with("20 of them did not end ok and count with their full time; closed"),
        "{}",
        finding.note
    );
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
#[case::kept(During::Whole, 600.0, Status::Pass, 3_971, "3970 operations ended ok in 6 s")]
#[case::missed(During::Whole, 700.0, Status::Fail, 3_971, "3970 operations ended ok in 6 s")]
#[case::steady(During::Steady, 990.0, Status::Pass, 3_969, "3967 operations ended ok in 3.968 s")]
#[case::outage(During::Fault, 10.0, Status::Fail, 4, "3 operations ended ok in 2.032 s")]
#[case::an_outage_that_is_no_chance(During::Fault, 5.0, Status::Fail, 4, "3 operations ended ok in 2.032 s")]
#[case::it_may_be_chance(
    During::Fault,
    3.0,
    Status::Inconclusive,
    4,
    "100 operations are needed for a rate; 3 operations"
)]
fn throughput(
    #[case] during: During,
    #[case] min: f64,
    #[case] status: Status,
    #[case] samples: u64,
    #[case] note: &str,
) {
    let finding = failover_story().judge(Slo::Throughput(Throughput { min, during, load: None }));
    assert_eq!((finding.status, finding.samples), (status, samples), "{finding:?}");
    assert!(finding.note.starts_with(note), "{}", finding.note);
}

/// 2000 operations ended ok in 4 s, and one did not: of 1000 a second, 2 s of operations are missing.
#[rstest]
#[case::it_took_as_much(1_000.0, 50.0, true)]
#[case::it_took_less(1_000.0, 49.0, false)]
#[case::nothing_is_missing(500.0, 0.0, false)]
fn missing_operations_are_explained_by_the_time_for_them(
    #[case] min: f64,
    #[case] late_ms: f64,
    #[case] is_explained: bool,
) {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    story.write(3_500, 1, |write| write.outcome = Ended::Fail);
    story.end(5_000);
    story.machine(5_000, |_| late(late_ms));
    let slo = Slo::Throughput(Throughput { min, during: During::Whole, load: None });
    let explanation = slo.kind().explained_by_machine(&story.case());
    let words = "the machine may have taken 2 s in all, and 2 s of operations are missing: timers";
    assert_eq!(explanation.is_some(), is_explained, "{explanation:?}");
    assert!(explanation.is_none_or(|explanation| explanation.starts_with(words)));
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
    let note = format!("{} surely not executed, {} unknown", errors / 2, errors.div_ceil(2));
    assert_eq!(finding.note, note);
}

/// What surely failed and what nobody knows of are errors alike: with so few operations neither alone refutes the limit.
#[rstest]
#[case::together(5, 5, Status::Fail)]
#[case::failed(5, 0, Status::Inconclusive)]
#[case::unknown(0, 5, Status::Inconclusive)]
fn few_operations_refute_a_share_by_all_their_errors(
    #[case] failed: u64,
    #[case] unknown: u64,
    #[case] status: Status,
) {
    let mut story = Story::formed();
    for at in 0..20 {
        story.write(LOAD_STARTS + at, 1, |write| {
            write.outcome = match at {
                at if at < failed => Ended::Fail,
                at if at < failed + unknown => Ended::Unknown,
                _ => Ended::Ok,
            };
        });
    }
    story.end(2_000);
    let finding = story.judge(Slo::ErrorRate(ErrorRate { max: percent(10.0), during: During::Whole, load: None }));
    assert_eq!(finding.status, status, "{finding:?}");
}

/// Of 3000 starts in 3 s, 2000 were begun: as many as 67 % of the time were enough for.
#[rstest]
#[case::enough_was_taken(40.0, true)]
#[case::too_little_was_taken(30.0, false)]
fn what_was_never_begun_is_explained_by_the_time_that_was_left(#[case] late_ms: f64, #[case] explained: bool) {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    story.run(LOAD_STARTS, 3_000);
    (3_000..4_000).for_each(|due| story.never_begun(due, 1, 4_000));
    story.end(4_000);
    story.machine(4_000, |_| late(late_ms));
    let slo = ErrorRate { max: percent(1.0), during: During::Whole, load: None };
    assert_eq!(slo.explained_by_machine(&story.case()).is_some(), explained);
}

/// An operation was due at 2 s, an attempt may take 500 ms, and A is killed: what had waited for longer by then is an error of
/// the steady part, too.
#[rstest]
#[case::overdue(2_501, Ended::Unknown, 1)]
#[case::not_yet(2_500, Ended::Unknown, 0)]
#[case::ended_ok(2_501, Ended::Ok, 0)]
fn an_error_from_before_a_fault_is_not_the_faults(#[case] fault: u64, #[case] outcome: Ended, #[case] errors: u64) {
    let mut story = Story::formed();
    story.write(2_000, 1, |write| (write.ended, write.outcome) = (Instant::from_millis(fault + 100), outcome));
    story.write(1_900, 1, |_| {});
    story.act(fault, 0, "Kill", "A");
    story.end(fault + 2_000);
    let slo = |during| Slo::ErrorRate(ErrorRate { max: percent(100.0), during, load: None });
    assert_eq!(story.judge(slo(During::Steady)).samples, 1 + errors);
    assert_eq!(story.judge(slo(During::Fault)).samples, 1);
}

/// Operations on A's shard as (intended, ended, ok); the other shards have one each.
fn asked_of_a(operations: &[(u64, u64, bool)]) -> Story {
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
    story
}

const UP_TO: &str = "; up to 2 s if nobody would have been served between operations that failed";

#[rstest]
#[case::served(&[(1_000, 1_001, true), (1_005, 1_006, true)], 5, Status::Pass, "1 ms", "A's shard 0-5460, from 1.000 s to 1.001 s")]
#[case::one_waits(&[(1_000, 3_000, true)], 1_000, Status::Fail, "2 s", "A's shard 0-5460, from 1.000 s to 3.000 s")]
#[case::as_long_as_it_may(&[(1_000, 3_000, true)], 2_000, Status::Pass, "2 s", "A's shard 0-5460, from 1.000 s to 3.000 s")]
#[case::another_is_served_meanwhile(&[(1_000, 3_000, true), (1_900, 2_000, true)], 1_000, Status::Pass, "1 s", "A's shard")]
#[case::one_takes_over_waiting(&[(1_000, 2_000, false), (1_900, 3_000, true)], 1_500, Status::Fail, "2 s", "A's shard")]
#[case::at_the_same_moment(&[(1_000, 2_000, false), (2_000, 3_000, true)], 1_500, Status::Fail, "2 s", "A's shard")]
#[case::pause_between_failures(&[(1_000, 2_000, false), (2_100, 3_000, true)], 1_500, Status::Inconclusive, "1 s", UP_TO)]
#[case::pause_within_the_limit(&[(1_000, 2_000, false), (2_100, 3_000, true)], 2_000, Status::Pass, "1 s", "A's shard")]
#[case::pause_between_what_was_served(&[(1_000, 2_000, true), (2_100, 3_000, false)], 1_500, Status::Pass, "1 s", "A's shard")]
#[case::never_again(&[(1_000, 1_001, true), (1_500, 9_000, false)], 5_000, Status::Fail, "7.5 s", "A's shard")]
#[case::nobody_asked(&[(1_000, 1_001, true), (5_000, 5_001, true)], 1_000, Status::Pass, "1 ms", "A's shard")]
#[case::unused_shard(&[], 1_000, Status::Inconclusive, "1 ms", "B's shard 5461-10922, from 1.000 s to 1.001 s; A's shard 0-5460 saw no operation")]
fn unavailability(
    #[case] operations: &[(u64, u64, bool)],
    #[case] max: u64,
    #[case] status: Status,
    #[case] measured: &str,
    #[case] note: &str,
) {
    let finding = asked_of_a(operations).judge(Slo::Unavailability(Unavailability { max: ms(max), load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
    assert_eq!(finding.samples, 2 + operations.len() as u64);
    assert!(finding.note.contains(note), "{}", finding.note);
    assert_eq!(finding.note.contains("up to"), note == UP_TO, "{}", finding.note);
}

/// What one master owns undivided has no range.
#[test]
fn a_shard_of_one_position_is_its_masters() {
    let mut story = asked_of_a(&[(1_000, 3_000, true)]);
    story.evidence.plan.nodes[0].owns = "0".parse().unwrap();
    let finding = story.judge(Slo::Unavailability(Unavailability { max: ms(2_000), load: None }));
    assert_eq!(finding.note, "A's shard, from 1.000 s to 3.000 s");
}

/// Each gap over 1 s needs its own explanation, and three of them are told. The machine took so much of each tenth of a second until
/// 6 s, and nothing later.
#[rstest]
#[case::as_much_as_it_is_too_long(&[(1_000, 3_000, true)], 50.0, Some(1))]
#[case::less(&[(1_000, 3_000, true)], 47.0, None)]
#[case::a_gap_that_outlasts_a_failure_is_one(&[(1_000, 2_200, false), (1_900, 3_000, true)], 50.0, Some(1))]
#[case::a_gap_that_ends_with_a_failure(&[(1_000, 3_000, false)], 50.0, Some(1))]
#[case::one_that_is_not_explained(&[(1_000, 3_000, true), (7_000, 8_001, true)], 50.0, None)]
#[case::one_that_is_not_too_long(&[(1_000, 3_000, true), (7_000, 8_000, true)], 50.0, Some(1))]
#[case::four(&[(1_000, 2_100, true), (2_200, 3_300, true), (3_400, 4_500, true), (4_600, 5_700, true)], 50.0, Some(3))]
#[case::none(&[(1_000, 1_001, true)], 50.0, None)]
fn gaps_are_explained_one_by_one(
    #[case] operations: &[(u64, u64, bool)],
    #[case] late_ms: f64,
    #[case] told: Option<usize>,
) {
    let mut story = asked_of_a(operations);
    story.machine(10_000, |end| late(if end <= 6_000 { late_ms } else { 0.0 }));
    let slo = Slo::Unavailability(Unavailability { max: ms(1_000), load: None });
    let explanation = slo.kind().explained_by_machine(&story.case());
    assert_eq!(explanation.map(|text| text.matches("which explains").count()), told);
}
