//! How much a machine must have taken to explain operations over a limit.

use super::*;
use crate::check::excess::explain_excess;
use crate::check::testing::late;

/// Operations as (due, took) in milliseconds, `latency <= 10 ms` at a quantile, and by how much timers were late in the tenths of a
/// second that end then.
#[rstest]
#[case::at_the_same_time(100.0, &[(5_010, 40), (5_049, 40)], &[(5_100, 30.0)], Some("30 ms around 2 of the 2"))]
#[case::one_after_the_other(100.0, &[(5_010, 40), (5_050, 40)], &[(5_100, 59.0)], None)]
#[case::one_after_the_other_and_enough_for_both(100.0, &[(5_010, 40), (5_050, 40)], &[(5_100, 60.0)], Some("60 ms around 2 of the 2"))]
#[case::one_of_them_is_not_explained(100.0, &[(5_010, 40), (5_250, 40)], &[(5_100, 60.0), (5_300, 29.0)], None)]
#[case::as_many_as_half_of_them_may_be(50.0, &[(5_010, 40), (5_050, 40), (6_000, 10), (6_100, 1)], &[(5_100, 60.0)], None)]
#[case::one_too_many(
    50.0,
    &[(5_010, 40), (5_250, 40), (5_450, 40), (6_000, 10)],
    &[(5_300, 30.0)],
    Some("30 ms around 1 of the 3")
)]
#[case::the_least_excess_is_explained_first(
    50.0,
    &[(5_500, 310), (5_010, 40), (6_050, 40), (6_500, 10)],
    &[(5_100, 30.0), (5_600, 300.0)],
    Some("30 ms around 2 of the 3")
)]
fn an_excess_is_explained_by_as_much(
    #[case] quantile: f64,
    #[case] operations: &[(u64, u64)],
    #[case] lates: &[(u64, f64)],
    #[case] expected: Option<&str>,
) {
    let mut story = Story::formed();
    for (due, took) in operations {
        story.write(*due, 1, |write| write.ended = Instant::from_millis(due + took));
    }
    story.end(7_000);
    let of_tenth = |end| lates.iter().find(|(tenth, _)| *tenth == end).map_or(0.0, |(_, late)| *late);
    story.machine(7_000, |end| late(of_tenth(end)));
    let operations: Vec<_> =
        operations.iter().map(|(due, took)| (Instant::from_millis(*due), ms(*took).as_nanos())).collect();
    let explained = explain_excess(&story.case(), percent(quantile), ms(10), &operations);
    let prefix = |text: &str| format!("the machine may have taken {text} operations over the limit: ");
    match (&explained, expected.map(prefix)) {
        (Some(explained), Some(expected)) => assert!(explained.starts_with(&expected), "{explained}"),
        (found, expected) => assert_eq!((found.as_deref(), expected.as_deref()), (None, None)),
    }
}
