//! What a load in stages says about the servers' capacity.

use super::*;

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
