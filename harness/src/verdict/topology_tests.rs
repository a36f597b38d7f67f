//! What the topology's comparison makes of a verdict.

use rstest::rstest;

use super::*;
use crate::check::testing::{LOAD_STARTS, Story};
use crate::check::{LostWrites, Slo};
use crate::evidence::testing::until;
use crate::evidence::{EventKind, MachineSample};

/// Nothing is broken, and every claim is met.
fn healthy() -> Story {
    let mut story = Story::formed();
    story.step(until("everything is served, within 5s", &[]));
    story.slo(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    story.run(LOAD_STARTS, 3_000);
    story.event(1_100, EventKind::StepEnded { step: 0 });
    story
}

fn comparison(state: TopologyState) -> TopologyComparison {
    TopologyComparison {
        state,
        snapshot: Some("snapshots/a__b.snap".to_owned()),
        line: Some(7),
        states: 3,
        diff: "- a\n+ b\n".to_owned(),
        note: "review it".to_owned(),
    }
}

fn verdict(mut story: Story, state: TopologyState) -> Verdict {
    story.end(9_000);
    judge(&story.evidence, comparison(state))
}

#[rstest]
#[case::as_recorded(TopologyState::AsRecorded, RunOutcome::Pass, "Every assumption held and all 4 checks were met.")]
#[case::recorded(TopologyState::Recorded, RunOutcome::Pass, "Every assumption held and all 4 checks were met.")]
#[case::differs(
    TopologyState::Differs,
    RunOutcome::Fail,
    "Not met: topology as in snapshots/a__b.snap: differs (review it)."
)]
#[case::not_recorded(
    TopologyState::NotRecorded,
    RunOutcome::Fail,
    "Not met: topology as in snapshots/a__b.snap: not recorded yet (review it)."
)]
#[case::not_compared(
    TopologyState::NotCompared,
    RunOutcome::Inconclusive,
    "Cannot tell: topology as in snapshots/a__b.snap: not compared (review it)."
)]
fn it_is_a_check_like_any_other(#[case] state: TopologyState, #[case] outcome: RunOutcome, #[case] because: &str) {
    let verdict = verdict(healthy(), state);
    assert_eq!((verdict.outcome, verdict.because.as_str()), (outcome, because), "{verdict:#?}");
    let found = verdict.topology_finding().unwrap();
    assert_eq!((found.status, found.samples), (outcome, 3));
    assert_eq!(verdict.findings.last(), Some(found));
    assert_eq!(verdict.topology, comparison(state));
}

#[test]
fn where_none_is_kept_none_counts() {
    let verdict = verdict(healthy(), TopologyState::NotKept);
    assert_eq!(verdict.because, "Every assumption held and all 3 checks were met.");
    assert_eq!((verdict.topology.state, verdict.topology_finding()), (TopologyState::NotKept, None));
}

/// A run that can tell nothing else tells nothing of the topology.
#[rstest]
#[case::interrupted(|story: &mut Story| story.event(3_000, EventKind::Interrupted))]
fn an_inconclusive_run_is_not_compared(#[case] breaks: impl Fn(&mut Story)) {
    let mut story = healthy();
    breaks(&mut story);
    let verdict = verdict(story, TopologyState::Differs);
    assert_eq!(verdict.outcome, RunOutcome::Inconclusive, "{verdict:#?}");
    assert_eq!((verdict.topology.state, verdict.topology_finding()), (TopologyState::NotCompared, None));
    assert_eq!(
        (verdict.topology.diff.as_str(), verdict.topology.snapshot.as_deref()),
        ("", Some("snapshots/a__b.snap"))
    );
}

/// Nor is it missed where the scenario wants none.
#[test]
fn where_none_is_kept_an_inconclusive_run_lacks_none() {
    let mut story = healthy();
    story.event(3_000, EventKind::Interrupted);
    let verdict = verdict(story, TopologyState::NotKept);
    assert_eq!((verdict.outcome, verdict.topology.state), (RunOutcome::Inconclusive, TopologyState::NotKept));
}

/// The machine stood still for half a node timeout: servers may have taken each other for dead.
#[rstest]
#[case(TopologyState::Differs, RunOutcome::Inconclusive)]
#[case(TopologyState::NotRecorded, RunOutcome::Inconclusive)]
#[case(TopologyState::Recorded, RunOutcome::Inconclusive)]
#[case(TopologyState::AsRecorded, RunOutcome::Pass)]
fn a_machine_that_stood_still_explains_what_is_new(#[case] state: TopologyState, #[case] outcome: RunOutcome) {
    let mut story = healthy();
    let late = |end| if end == 2_500 { 600_000_000 } else { 0 };
    story.machine(3_000, |end| MachineSample { timer_late_nanos: late(end), ..MachineSample::default() });
    let verdict = verdict(story, state);
    assert_eq!(verdict.outcome, outcome, "{verdict:#?}");
    assert_eq!(verdict.topology_finding().map(|found| found.status), Some(outcome));
    assert_eq!(verdict.because.contains("not blamed on the servers"), outcome == RunOutcome::Inconclusive);
}

#[test]
fn the_report_tells_the_state_by_its_name() {
    let report = serde_json::to_value(verdict(healthy(), TopologyState::NotRecorded)).unwrap();
    assert_eq!(report["topology"]["state"], "not_recorded");
    assert_eq!(report["topology"]["diff"], "- a\n+ b\n");
}
