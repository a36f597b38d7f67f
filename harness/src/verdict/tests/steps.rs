//! What servers did, and what they did not do.

use super::*;

#[rstest]
#[case::in_the_run(4_000, false, RunOutcome::Fail)]
#[case::asked_for(4_000, true, RunOutcome::Pass)]
#[case::as_the_cluster_formed(LOAD_STARTS, false, RunOutcome::Fail)]
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

/// `Until` waited for 4 s in vain and was met this much later, if at all; clients, observer and B waited that long in each tenth of a
/// second.
#[rstest]
#[case::never_met(None, 48.0, RunOutcome::Fail)]
#[case::never_met_while_the_machine_may_have_taken_all_of_the_time(None, 50.0, RunOutcome::Inconclusive)]
#[case::met_late_on_a_quick_machine(Some(400), 1.0, RunOutcome::Fail)]
#[case::met_late_on_a_busy_machine(Some(400), 5.0, RunOutcome::Inconclusive)]
#[case::met_late_on_a_machine_that_would_have_had_to_be_busy_before(Some(400), 4.5, RunOutcome::Fail)]
#[case::met_far_too_late_on_a_busy_machine(Some(1_400), 5.0, RunOutcome::Fail)]
fn a_missed_until_is_explained_if_it_was_met_late(
    #[case] late_ms: Option<u64>,
    #[case] waited_ms: f64,
    #[case] outcome: RunOutcome,
) {
    let mut story = good();
    without(&mut story, |what| matches!(what, EventKind::StepEnded { step: 1 }));
    story.event(4_010, EventKind::StepStarted { step: 1, text: "Until".to_owned() });
    story.event(8_010, EventKind::UntilMissed { step: 1, last_state: "A1 is a replica of A".to_owned() });
    if let Some(late_ms) = late_ms {
        story.event(8_500, EventKind::UntilMetLate { step: 1, late_nanos: late_ms * 1_000_000 });
    }
    story.machine(9_000, |_| waited(waited_ms, &[("B", waited_ms)]));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
}

/// C1 took over at that moment, and A was killed at 3 s. Until 2.5 s B waited for a processor that long in each tenth of a second.
#[rstest]
#[case::before_the_kill_on_a_busy_machine(2_500, 60.0, RunOutcome::Inconclusive)]
#[case::before_the_kill_on_a_quick_machine(2_500, 1.0, RunOutcome::Fail)]
#[case::after_the_kill(3_500, 60.0, RunOutcome::Fail)]
fn a_missed_until_is_explained_if_servers_had_taken_over_before(
    #[case] promoted: u64,
    #[case] waited_ms: f64,
    #[case] status: RunOutcome,
) {
    let mut story = good();
    without(&mut story, |what| matches!(what, EventKind::StepEnded { step: 1 }));
    story.log(promoted, "C1", LogEvent::ElectionWon);
    story.event(4_010, EventKind::StepStarted { step: 1, text: "Until".to_owned() });
    story.event(8_010, EventKind::UntilMissed { step: 1, last_state: "A1 is a replica of A".to_owned() });
    story.machine(9_000, |end| waited(0.1, &[("B", if end <= 2_500 { waited_ms } else { 0.1 })]));
    let found = &verdict(&story).findings[1];
    assert_eq!((found.check.as_str(), found.status), ("every Until was met", status), "{}", found.note);
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

/// It is a fact only over a cluster that did not settle; where more is amiss nobody can tell, and of other misses never.
#[rstest]
#[case::a_miss_of_another_kind(true, false, RunOutcome::Inconclusive)]
#[case::an_until_in_a_run_that_broke_off(false, true, RunOutcome::Inconclusive)]
fn a_miss_over_a_broken_run_does_not_stand(#[case] slow: bool, #[case] breaks_off: bool, #[case] outcome: RunOutcome) {
    let mut story = good();
    story.unsettled(9_010);
    if slow {
        story.slo(p99(0));
    }
    if breaks_off {
        without(&mut story, |what| matches!(what, EventKind::StepEnded { step: 1 } | EventKind::LoadEnded { .. }));
        story.event(8_030, EventKind::UntilMissed { step: 1, last_state: "A1 is a replica of A".to_owned() });
    }
    let verdict = verdict(&story);
    assert!(verdict.findings.iter().any(|finding| finding.status == RunOutcome::Fail));
    assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
}

/// Three in a row, of which some were done; the next was missed, or the run did not get there.
#[rstest]
#[case::all(3, false, RunOutcome::Pass, "3 of 3", "")]
#[case::not_reached(1, false, RunOutcome::Inconclusive, "1 of 3", "the timeline did not get to all of them")]
#[case::missed(1, true, RunOutcome::Fail, "1 of 3", "Until second: A1 is a replica of A")]
#[case::missed_first(
    0,
    true,
    RunOutcome::Fail,
    "0 of 3",
    "Until A1 is a master that owns something, within 5s: A1 is a replica of A"
)]
fn untils_are_counted(
    #[case] done: usize,
    #[case] missed: bool,
    #[case] status: RunOutcome,
    #[case] measured: &str,
    #[case] note: &str,
) {
    let mut story = good();
    story.step(until("second", &[]));
    story.step(until("third", &[]));
    without(&mut story, |what| matches!(what, EventKind::StepEnded { step: 1 }));
    (1..=done).for_each(|step| story.event(5_030, EventKind::StepEnded { step }));
    if missed {
        let last_state = "A1 is a replica of A".to_owned();
        story.event(5_040, EventKind::UntilMissed { step: done + 1, last_state });
    }
    let found = &verdict(&story).findings[1];
    assert_eq!((found.check.as_str(), found.status), ("every Until was met", status));
    assert_eq!((found.measured.as_str(), found.samples, found.note.as_str()), (measured, 3, note));
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
    assert!(verdict.assumptions.iter().any(|assumption| assumption.detail == "up to the Until that was missed"));
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
    let up_to = "up to Start A, which a server failed to do";
    assert!(verdict.assumptions.iter().any(|assumption| assumption.detail == up_to));
}

/// A is started again, and does as told.
#[test]
fn a_server_that_does_as_told_is_counted() {
    let mut story = good();
    story.step(start("A"));
    story.act(6_000, 2, "Start", "A");
    let found = &verdict(&story).findings[0];
    assert_eq!((found.check.as_str(), found.status), ("every server did as told", RunOutcome::Pass));
    assert_eq!((found.measured.as_str(), found.samples, found.note.as_str()), ("1 of 1", 1, ""));
}

/// Whether or not the plan knows that the step demands anything.
#[test]
fn a_server_that_fails_is_told_of_at_any_step() {
    let mut story = failed_start(None);
    story.evidence.plan.steps[2].demand = None;
    let found = &verdict(&story).findings[0];
    assert_eq!((found.check.as_str(), found.status), ("every server did as told", RunOutcome::Fail));
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
