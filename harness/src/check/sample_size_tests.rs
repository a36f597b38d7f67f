//! Shares and rates of few operations.

use rstest::rstest;

use super::testing::{LOAD_STARTS, Story};
use super::*;
use crate::evidence::Outcome as Ended;
use crate::vocab::Percent;

/// How many operations there are, how many of them fail, and what becomes of `error rate <= max`.
#[rstest]
#[case::five_say_nothing(5, 0, 1.0, Status::Inconclusive)]
#[case::nearly_enough(299, 0, 0.0, Status::Inconclusive)]
#[case::enough(300, 0, 0.0, Status::Pass)]
#[case::a_loose_limit_needs_fewer(30, 1, 10.0, Status::Pass)]
#[case::one_failed_that_must_never(5, 1, 0.0, Status::Fail)]
#[case::all_failed(5, 5, 1.0, Status::Fail)]
#[case::one_of_a_hundred_is_no_proof(50, 1, 1.0, Status::Inconclusive)]
fn a_share_needs_samples(#[case] operations: u64, #[case] errors: u64, #[case] max: f64, #[case] status: Status) {
    let mut story = Story::formed();
    for at in LOAD_STARTS..LOAD_STARTS + operations {
        let fails = at < LOAD_STARTS + errors;
        story.write(at, 1, |write| write.outcome = if fails { Ended::Fail } else { Ended::Ok });
    }
    story.end(2_000);
    let finding = story.judge(Slo::ErrorRate(ErrorRate {
        max: Percent::try_from(max).unwrap(),
        during: During::Whole,
        load: None,
    }));
    assert_eq!(finding.status, status, "{finding:?}");
    assert_eq!(finding.note.contains("operations are needed"), status == Status::Inconclusive, "{}", finding.note);
}

/// How many operations there are in a second, and what becomes of `throughput >= min`.
#[rstest]
#[case::too_few(99, 50.0, Status::Inconclusive)]
#[case::enough(100, 50.0, Status::Pass)]
#[case::just_the_rate(100, 100.0, Status::Pass)]
#[case::far_too_slow(10, 50.0, Status::Fail)]
#[case::slow_by_chance(45, 50.0, Status::Inconclusive)]
fn a_rate_needs_samples(#[case] operations: u64, #[case] min: f64, #[case] status: Status) {
    let mut story = Story::formed();
    for at in 0..operations {
        story.write(LOAD_STARTS + at * 1_000 / operations, 1, |_| {});
    }
    story.end(2_000);
    let finding = story.judge(Slo::Throughput(Throughput { min, during: During::Whole, load: None }));
    assert_eq!(finding.status, status, "{finding:?}");
}
