//! What must be true for the rest to mean anything.

use super::*;

/// One assumption broken at a time.
#[rstest]
#[case::unhealthy(&|story: &mut Story| story.evidence.events.insert(8, unsettled(LOAD_STARTS)), "not settled and serving")]
#[case::no_end(&|story: &mut Story| without(story, |what| matches!(what, EventKind::Ended)), "breaks off")]
#[case::aborted(&|story: &mut Story| story.event(9_100, EventKind::Aborted { reason: "no disk".to_owned() }), "no disk")]
#[case::interrupted(&|story: &mut Story| story.event(9_100, EventKind::Interrupted), "interrupted")]
#[case::no_proof(&no_proof, "nothing proves Kill A")]
#[case::no_fault(&|story: &mut Story| without(story, |what| matches!(what, EventKind::ActedOnNode { .. })), "acted on nothing")]
#[case::step_not_done(&|story: &mut Story| without(story, |what| matches!(what, EventKind::StepEnded { step: 1 })), "was not done")]
#[case::no_operations(&|story: &mut Story| story.evidence.history.edit(|history| history.retain(crate::evidence::Operation::is_final_read)), "it did no operation")]
#[case::history_has_a_hole(&|story: &mut Story| story.evidence.history.edit(|history| drop(history.drain(..1_000))), "the history holds")]
#[case::rate_not_kept(&|story: &mut Story| story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(5_000)), "accounts for 14.9 % of the starts")]
#[case::no_final_read(&|story: &mut Story| without(story, |what| matches!(what, EventKind::FinalRead { .. })), "no final read")]
#[case::unsettled_at_the_end(&|story: &mut Story| { let last = story.evidence.events.len() - 2; story.evidence.events.insert(last, unsettled(8_999)); }, "B lags")]
fn a_broken_assumption_is_inconclusive(#[case] breaks: &dyn Fn(&mut Story), #[case] because: &str) {
    let mut story = good();
    breaks(&mut story);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Inconclusive, "{verdict:#?}");
    assert!(verdict.because.contains(because), "{}", verdict.because);
    let broken = verdict.assumptions.iter().find(|assumption| !assumption.holds).unwrap();
    let quoted = format!("Cannot tell: \"{}\" does not hold: {}.", broken.assumed, broken.detail);
    let broke_off = broken.assumed == "the run was carried through";
    assert!(verdict.because == quoted || broke_off, "{}", verdict.because);
}

/// Where nothing was at risk, only what is claimed about lost writes cannot be told, and the way out is.
#[rstest]
#[case::with_lost_writes(true, RunOutcome::Inconclusive)]
#[case::without(false, RunOutcome::Pass)]
fn a_master_that_acknowledged_nothing_risks_nothing(#[case] claims_writes: bool, #[case] outcome: RunOutcome) {
    let mut story = good();
    story.evidence.history.edit(|history| {
        history.iter_mut().filter(|op| op.node == Some(0)).for_each(|op| op.node = Some(1));
    });
    story.evidence.plan.slos.retain(|slo| claims_writes || slo.specification.get("LostWrites").is_none());
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{verdict:#?}");
    assert!(verdict.assumptions.iter().all(|assumption| assumption.holds), "{verdict:#?}");
    for part in ["lost writes <= 0", "no write was at risk: let a load write to A's shard", "A acknowledged 0 writes"] {
        assert_eq!(verdict.because.contains(part), claims_writes, "{}", verdict.because);
    }
}

/// Without a cluster there is one thing to say, whatever else does not hold.
#[rstest]
#[case::silently(&|_: &mut Story| (), "Nothing was tested: the cluster never formed")]
#[case::aborted(&|story: &mut Story| story.event(1, EventKind::Aborted { reason: "no server".to_owned() }), "Nothing was tested: no server")]
#[case::interrupted(&|story: &mut Story| story.event(1, EventKind::Interrupted), "Nothing was tested: the run was interrupted before the cluster had formed")]
fn nothing_is_tested_without_a_cluster(#[case] breaks: &dyn Fn(&mut Story), #[case] because: &str) {
    let mut story = good();
    without(&mut story, |what| matches!(what, EventKind::Formed));
    breaks(&mut story);
    let verdict = verdict(&story);
    assert_eq!((verdict.outcome, verdict.because.as_str()), (RunOutcome::Inconclusive, because));
    assert_eq!((verdict.assumptions.len(), verdict.findings.len()), (1, 0), "{verdict:#?}");
}

/// That a run broke off is said first and in plain words.
#[rstest]
#[case(EventKind::Aborted { reason: "A did not end within 12 s".to_owned() }, "The run was aborted: A did not end within 12 s.")]
#[case(EventKind::Aborted { reason: "B ended. Its last log lines:\nx\n".to_owned() }, "The run was aborted: B ended. Its last log lines:\nx.")]
#[case(EventKind::Interrupted, "The run was interrupted.")]
fn a_run_that_broke_off_says_why(#[case] what: EventKind, #[case] because: &str) {
    let mut story = good();
    story.event(9_010, what);
    without(&mut story, |what| matches!(what, EventKind::FinalRead { .. }));
    let verdict = verdict(&story);
    assert_eq!((verdict.outcome, verdict.because.as_str()), (RunOutcome::Inconclusive, because));
}

/// Whatever is claimed: when the cluster was unsettled and settled again; the final read is from 9020 to 9050 ms.
#[rstest]
#[case::settled(&[], RunOutcome::Pass, "")]
#[case::settled_in_time(&[(9_000, false), (9_010, true)], RunOutcome::Pass, "")]
#[case::never_settled_again(&[(9_000, false)], RunOutcome::Inconclusive, "does not hold: B has not noticed")]
#[case::settled_too_late(&[(9_000, false), (9_030, true)], RunOutcome::Inconclusive, "does not hold: B has not noticed")]
#[case::left_it_for_a_moment(&[(9_030, false), (9_040, true)], RunOutcome::Inconclusive, "while it was read: B has not noticed")]
#[case::afterwards(&[(9_055, false)], RunOutcome::Pass, "")]
fn a_run_ends_settled(#[case] flips: &[(u64, bool)], #[case] outcome: RunOutcome, #[case] because: &str) {
    for loses in [true, false] {
        let mut story = good();
        story.evidence.plan.slos.retain(|slo| loses || slo.specification.get("LostWrites").is_none());
        for (at, settled) in flips {
            if *settled { story.settled(*at) } else { story.unsettled(*at) }
        }
        let verdict = verdict(&story);
        assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
        assert!(verdict.because.contains(because), "{}", verdict.because);
    }
}

#[test]
fn evidence_that_does_not_say_when_the_final_read_began_is_judged_by_its_end() {
    let mut story = good();
    without(&mut story, |what| matches!(what, EventKind::FinalReadStarted));
    assert_eq!(verdict(&story).outcome, RunOutcome::Pass);
    story.unsettled(9_040);
    assert_eq!(verdict(&story).outcome, RunOutcome::Inconclusive);
}
