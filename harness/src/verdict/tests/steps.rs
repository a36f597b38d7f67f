//! What servers did, and what they did not do.

use super::*;

#[rstest]
#[case::in_the_run(4_000, false, RunOutcome::Fail)]
#[case::asked_for(4_000, true, RunOutcome::Pass)]
#[case::before_the_cluster_formed(500, false, RunOutcome::Inconclusive)]
fn servers_do_not_end_by_themselves(#[case] at: u64, #[case] expected: bool, #[case] outcome: RunOutcome) {
    let mut story = good();
    story.event(at, EventKind::NodeExited { node: "B".into(), cause: ExitCause::Signal(11), expected });
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome);
    assert_eq!(verdict.because.contains("B ended at "), !expected, "{}", verdict.because);
}

/// A server that crashed may be why the rest went wrong.
#[rstest]
#[case(&|story: &mut Story| story.event(9_010, EventKind::Aborted { reason: "no reply".to_owned() }))]
#[case(&|story: &mut Story| story.unsettled(9_010))]
#[case(&|story: &mut Story| without(story, |what| matches!(what, EventKind::LoadEnded { .. })))]
fn a_crash_outweighs_broken_assumptions(#[case] breaks: &dyn Fn(&mut Story)) {
    let mut story = good();
    breaks(&mut story);
    assert_eq!(verdict(&story).outcome, RunOutcome::Inconclusive);
    story.event(4_000, EventKind::NodeExited { node: "B".into(), cause: ExitCause::Signal(11), expected: false });
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Fail);
    let because = "Not met: no server ended by itself, measured 1 (B ended at 4.000 s with signal 11).";
    assert_eq!(verdict.because, because);
}

/// `Until` waited for 5 s in vain and was met this much later, if at all; clients, observer and B waited that long in each tenth of a
/// second.
#[rstest]
#[case::never_met(None, 40.0, RunOutcome::Fail)]
#[case::met_late_on_a_quick_machine(Some(400), 1.0, RunOutcome::Fail)]
#[case::met_late_on_a_busy_machine(Some(400), 5.0, RunOutcome::Inconclusive)]
#[case::met_far_too_late_on_a_busy_machine(Some(1_400), 5.0, RunOutcome::Fail)]
fn a_missed_until_is_explained_if_it_was_met_late(
    #[case] late_ms: Option<u64>,
    #[case] waited_ms: f64,
    #[case] outcome: RunOutcome,
) {
    let mut story = good();
    without(&mut story, |what| matches!(what, EventKind::StepEnded { step: 1 }));
    story.event(3_010, EventKind::StepStarted { step: 1, text: "Until".to_owned() });
    story.event(8_010, EventKind::UntilMissed { step: 1, last_state: "A1 is a replica of A".to_owned() });
    if let Some(late_ms) = late_ms {
        story.event(8_500, EventKind::UntilMetLate { step: 1, late_nanos: late_ms * 1_000_000 });
    }
    story.machine(9_000, |_| waited(waited_ms, &[("B", waited_ms)]));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
}

#[test]
fn a_missed_until_stands_though_the_cluster_never_settled() {
    let mut story = good();
    without(&mut story, |what| matches!(what, EventKind::StepEnded { step: 1 }));
    story.event(8_030, EventKind::UntilMissed { step: 1, last_state: "A1 is a replica of A".to_owned() });
    story.unsettled(9_010);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Fail);
    assert!(verdict.because.starts_with("Not met: every Until was met, measured 0 of 1"), "{}", verdict.because);
}

/// A load that a later step was to begin changes nothing about that.
#[rstest]
#[case::without(false)]
#[case::with(true)]
fn a_missed_until_fails_with_its_line(#[case] late_load: bool) {
    let mut story = good();
    story.evidence.plan.loads.extend(late_load.then(|| crate::evidence::testing::load("late")));
    story.step(run("1s"));
    without(&mut story, |what| matches!(what, EventKind::StepEnded { step: 1 }));
    story.event(8_030, EventKind::UntilMissed { step: 1, last_state: "A1 is a replica of A".to_owned() });
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Fail, "{}", verdict.because);
    assert_eq!(verdict.findings[1].line, Some(21));
    assert!(verdict.because.contains("A1 is a replica of A"), "{}", verdict.because);
}

/// A is started again after the failover, and its server fails to.
fn failed_start(within_ms: Option<u64>) -> Story {
    let mut story = good();
    story.step(start("A"));
    story.step(run("1s"));
    let start = story.evidence.plan.steps.len() - 2;
    story.event(6_000, EventKind::StepStarted { step: start, text: "Start A".to_owned() });
    let reason = "gave no answer within 2 s".to_owned();
    story.event(
        8_000,
        EventKind::StepFailed { step: start, node: "A".into(), reason, within_ms, log: "Bad!".to_owned() },
    );
    story
}

#[test]
fn a_server_that_does_not_do_as_told_fails_the_run_with_the_steps_line() {
    let verdict = verdict(&failed_start(Some(2_000)));
    let expected = "Not met: every server did as told, measured 0 of 1 (Start A: A gave no answer within 2 s).";
    assert_eq!((verdict.outcome, verdict.because.as_str()), (RunOutcome::Fail, expected));
    assert_eq!(verdict.findings[0].line, Some(22));
    assert_eq!(verdict.findings[0].note, "Start A: A gave no answer within 2 s\nA's log ends:\nBad!");
    let broken: Vec<_> = verdict.assumptions.iter().filter(|assumption| !assumption.holds).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

/// It may well be why the cluster did not settle, or why the run could not go on.
#[test]
fn what_a_server_did_not_do_outweighs_broken_assumptions() {
    let mut story = failed_start(Some(2_000));
    story.unsettled(8_010);
    story.event(8_020, EventKind::Aborted { reason: "no permission".to_owned() });
    assert_eq!(verdict(&story).outcome, RunOutcome::Fail);
}

/// The machine lost this much in each second; one that ended needed no time for that.
#[rstest]
#[case::quick_machine(Some(2_000), 40.0, RunOutcome::Fail)]
#[case::busy_machine(Some(2_000), 400.0, RunOutcome::Fail)]
#[case::starved_machine(Some(2_000), 600.0, RunOutcome::Inconclusive)]
#[case::it_ended(None, 600.0, RunOutcome::Fail)]
fn a_server_that_was_too_late_is_explained_by_half_of_its_time(
    #[case] within_ms: Option<u64>,
    #[case] lag_ms: f64,
    #[case] outcome: RunOutcome,
) {
    let mut story = failed_start(within_ms);
    story.machine(9_000, |_| late(lag_ms / 10.0));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
}

/// What these servers waited in each tenth of a second. Only A was told to do anything.
#[rstest]
#[case::two_others(&[("B", 40.0), ("C", 40.0)], RunOutcome::Fail)]
#[case::the_server_and_another(&[("A", 20.0), ("B", 40.0), ("C", 40.0)], RunOutcome::Inconclusive)]
fn a_server_that_was_too_late_is_not_explained_by_what_others_waited(
    #[case] servers: &[(&str, f64)],
    #[case] outcome: RunOutcome,
) {
    let mut story = failed_start(Some(2_000));
    story.machine(9_000, |_| waited(0.0, servers));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
}

#[test]
fn what_the_harness_could_not_do_is_no_servers_failing() {
    let mut story = good();
    story.step(start("A"));
    story.event(8_000, EventKind::StepStarted { step: 2, text: "Start A".to_owned() });
    story.event(8_010, EventKind::Aborted { reason: "A: cannot start redis-server: out of memory".to_owned() });
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Inconclusive, "{}", verdict.because);
    assert_eq!(verdict.findings[0].status, RunOutcome::Inconclusive);
}
