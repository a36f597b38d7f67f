//! What a load in stages says about the servers' capacity.

use super::*;
use crate::evidence::RecordedLoad;

/// Stages of 200, 400 and 800 a second for 2 s each; an operation of a stage takes so many milliseconds.
fn climbing(took: [u64; 3], until_ms: u64) -> Story {
    let mut story = Story::formed();
    let stage = |rate| RateStage { from: rate, to: rate, lasts: ms(2_000) };
    let arrivals = Arrivals::Rates([200, 400, 800].map(stage).to_vec());
    story.evidence.plan.loads[0].arrivals = Some(arrivals.clone());
    for nth in 0.. {
        let due = LOAD_STARTS + arrivals.due_nanos(nth).unwrap() / 1_000_000;
        let Some(took) = took.get(usize::try_from((due - LOAD_STARTS) / 2_000).unwrap()) else { break };
        if due >= until_ms {
            break;
        }
        let key = u32::try_from(nth % 100).unwrap() + 1;
        story.write(due, key, |write| write.ended = Instant::from_millis(due + took));
    }
    story.end(9_000);
    story
}

#[rstest]
#[case::never_too_much(99.0, [1, 2, 3], 9_000, 800, Status::Pass, ">= 800/s", "no stage was too much")]
#[case::the_last_is(50.0, [1, 2, 30], 9_000, 400, Status::Pass, "400/s", "at 800/s p50 was 30 ms")]
#[case::missed(99.0, [1, 2, 30], 9_000, 800, Status::Fail, "400/s", "at 800/s p99 was 30 ms")]
#[case::a_later_one_does_not_count(50.0, [1, 20, 3], 9_000, 800, Status::Fail, "200/s", "at 400/s p50 was 20 ms")]
#[case::too_few_to_refute(99.0, [30, 2, 3], 9_000, 200, Status::Inconclusive, "0/s", "1052 operations are needed")]
#[case::never_reached(99.0, [1, 2, 3], LOAD_STARTS + 3_900, 800, Status::Inconclusive, ">= 400/s", "1052 operations")]
#[case::too_few_to_prove_what_was_carried(99.0, [1, 2, 30], 9_000, 400, Status::Inconclusive, "400/s", "1052 operations")]
#[case::as_few_as_prove_it(50.0, [1, 2, 3], LOAD_STARTS + 2_053, 400, Status::Pass, ">= 400/s", "no stage was too much")]
#[case::one_too_few(50.0, [1, 2, 3], LOAD_STARTS + 2_052, 400, Status::Inconclusive, ">= 400/s", "; 22 operations are needed")]
#[case::as_few_as_refute_it(50.0, [1, 20, 3], LOAD_STARTS + 2_053, 400, Status::Fail, "200/s", "at 400/s p50 was 20 ms")]
#[case::one_too_few_to_refute_it(50.0, [1, 20, 3], LOAD_STARTS + 2_052, 400, Status::Inconclusive, "200/s", "; 22 operations")]
fn capacity(
    #[case] quantile: f64,
    #[case] took: [u64; 3],
    #[case] until_ms: u64,
    #[case] min: u32,
    #[case] status: Status,
    #[case] measured: &str,
    #[case] note: &str,
) {
    let finding = climbing(took, until_ms).judge(Slo::Capacity(Capacity {
        quantile: percent(quantile),
        max: ms(10),
        min,
        load: None,
    }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{finding:?}");
    assert!(finding.note.contains(note), "{}", finding.note);
}

/// After its stages a load goes on at the last rate.
#[test]
fn the_last_stage_goes_on() {
    let mut story = climbing([1, 2, 3], 9_000);
    let slo = Slo::Capacity(Capacity { quantile: percent(100.0), max: ms(10), min: 400, load: None });
    assert_eq!((story.judge(&slo).samples, story.judge(&slo).measured.as_str()), (2_800, ">= 800/s"));
    let due = LOAD_STARTS + 7_000;
    story.write(due, 1, |write| write.ended = Instant::from_millis(due + 11));
    assert_eq!((story.judge(&slo).samples, story.judge(&slo).measured.as_str()), (2_801, "400/s"));
}

/// Each load in stages has its own capacity, and the least decides; one that is late explains nothing of another.
#[rstest]
#[case::the_other_carries_less([1, 2, 30], [1, 20, 3], "200/s", "load other")]
#[case::the_other_carries_more([1, 20, 3], [1, 2, 30], "200/s", "load app")]
fn the_least_capacity_counts(
    #[case] app: [u64; 3],
    #[case] other: [u64; 3],
    #[case] measured: &str,
    #[case] note: &str,
) {
    let (mut story, others) = (climbing(app, 9_000), climbing(other, 9_000));
    let load = RecordedLoad { name: "other".to_owned(), ..story.evidence.plan.loads[0].clone() };
    story.evidence.plan.loads.push(load);
    for operation in others.case().client_operations() {
        story.evidence.history.push(&Operation { load: 1, ..operation });
    }
    let finding = story.judge(Slo::Capacity(Capacity { quantile: percent(50.0), max: ms(10), min: 800, load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, measured), "{finding:?}");
    assert!(finding.note.starts_with(note), "{}", finding.note);
}

/// Operations of the stage that was too much took 30 ms instead of 10.
#[rstest]
#[case::the_machine_took_it_all([1, 2, 30], 100.0, true)]
#[case::it_took_little([1, 2, 30], 1.0, false)]
#[case::nothing_was_missed([1, 2, 3], 100.0, false)]
fn a_busy_machine_explains_a_stage_that_was_too_much(
    #[case] took: [u64; 3],
    #[case] late_ms: f64,
    #[case] is_explained: bool,
) {
    let mut story = climbing(took, 9_000);
    story.machine(9_000, |_| crate::check::testing::late(late_ms));
    let slo = Slo::Capacity(Capacity { quantile: percent(50.0), max: ms(10), min: 800, load: None });
    assert_eq!(slo.kind().explained_by_machine(&story.case()).is_some(), is_explained);
}

#[test]
fn operations_that_fail_are_too_slow() {
    let mut story = climbing([1, 2, 3], 9_000);
    let late = Instant::from_millis(LOAD_STARTS + 4_000);
    story.evidence.history.edit(|history| {
        let failed = history.iter_mut().filter(|write| write.intended >= late && write.key % 10 == 0);
        failed.for_each(|write| write.outcome = Ended::Fail);
    });
    let finding = story.judge(Slo::Capacity(Capacity { quantile: percent(99.0), max: ms(10), min: 800, load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Fail, "400/s"), "{finding:?}");
    assert!(finding.note.contains("at 800/s too many operations did not end ok"), "{}", finding.note);
}

#[test]
fn a_constant_load_says_nothing() {
    let mut story = failover_story();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    let finding = story.judge(Slo::Capacity(Capacity { quantile: percent(99.0), max: ms(10), min: 800, load: None }));
    assert_eq!((finding.status, finding.note.as_str()), (Status::Inconclusive, "no load in stages did anything"));
}

/// What was started at another pace proves nothing of the stages.
#[test]
fn a_step_that_changes_the_pace_ends_the_stages() {
    let mut story = climbing([1, 2, 3], 9_000);
    let from = Instant::from_millis(LOAD_STARTS + 4_000);
    story.event(
        LOAD_STARTS + 4_000,
        EventKind::PaceChanged { load: "app".to_owned(), from, arrivals: Arrivals::constant(800) },
    );
    let finding = story.judge(Slo::Capacity(Capacity { quantile: percent(50.0), max: ms(10), min: 800, load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Inconclusive, ">= 400/s"), "{finding:?}");
}
