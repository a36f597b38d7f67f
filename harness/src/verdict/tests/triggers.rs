//! Whether what was timed to an event came in time.

use super::assumptions::assumed;
use super::*;
use crate::check::testing::nanos;

const IN_TIME: &str = "triggered steps began within 20 ms";

/// What the step on line 21 waited for was seen at 5030 ms; what the next step did then.
#[rstest]
#[case::in_time(&|story: &mut Story| story.act(5_050, 2, "Pause", "B"), true, "1 step, the latest 20.0 ms")]
#[case::too_late(&|story: &mut Story| story.act(5_051, 2, "Pause", "B"), false, "1 step, the latest 21.0 ms")]
#[case::begun_in_time_and_acted_too_late(
    &|story: &mut Story| {
        story.event(5_031, EventKind::StepStarted { step: 2, text: "Pause B".to_owned() });
        story.act(5_060, 2, "Pause", "B");
    },
    false,
    "1 step, the latest 30.0 ms"
)]
#[case::begun_in_time_and_cut_too_late(
    &|story: &mut Story| {
        story.event(5_031, EventKind::StepStarted { step: 2, text: "Partition".to_owned() });
        story.isolate(5_060, 2, "then", &["B1"]);
    },
    false,
    "1 step, the latest 30.0 ms"
)]
#[case::the_first_of_two_nodes_counts(
    &|story: &mut Story| {
        story.act(5_040, 2, "Pause", "C");
        story.act(5_060, 2, "Pause", "B");
    },
    true,
    "1 step, the latest 10.0 ms"
)]
#[case::a_cut_that_another_preceded(
    &|story: &mut Story| {
        story.isolate(2_000, 3, "before", &["C1"]);
        story.isolate(5_045, 2, "then", &["B1"]);
    },
    true,
    "1 step, the latest 15.0 ms"
)]
#[case::what_acts_on_nothing_only_begins(
    &|story: &mut Story| story.event(5_055, EventKind::StepStarted { step: 2, text: "Run".to_owned() }),
    false,
    "1 step, the latest 25.0 ms"
)]
#[case::the_latest_of_several(
    &|story: &mut Story| {
        story.act(5_035, 2, "Pause", "B");
        story.event(3_500, EventKind::Triggered { step: 0, seen: Instant::from_millis(3_500) });
        story.event(3_512, EventKind::StepStarted { step: 1, text: "Until".to_owned() });
    },
    true,
    "2 steps, the latest 12.0 ms after what it waited for was seen (line 20)"
)]
fn a_triggered_step_begins_soon(#[case] then: &dyn Fn(&mut Story), #[case] holds: bool, #[case] detail: &str) {
    let mut story = good();
    story.step(run("1s"));
    story.event(5_030, EventKind::Triggered { step: 1, seen: Instant(nanos(5_030.0)) });
    then(&mut story);
    let verdict = verdict(&story);
    let triggers = assumed(&verdict, IN_TIME);
    assert_eq!(triggers.holds, holds, "{}", triggers.detail);
    assert!(triggers.detail.starts_with(detail), "{}", triggers.detail);
    assert!(triggers.detail.ends_with(if detail.starts_with('2') { "(line 20)" } else { "(line 21)" }), "{triggers:?}");
}

#[test]
fn where_nothing_is_triggered_nothing_can_be_late() {
    assert!(verdict(&good()).assumptions.iter().all(|assumption| assumption.assumed != IN_TIME));
}
