//! What must be true for the rest to mean anything.

use super::*;
use crate::evidence::{ConnectionTotals, IdleTotals, LoadTotals, RecordedLoad};

/// So many keys more than there are.
fn final_read_counts(story: &mut Story, more: u64) {
    for event in &mut story.evidence.events {
        if let EventKind::FinalRead { keys, .. } = &mut event.kind {
            *keys += more;
        }
    }
}

/// They are counted, and not in the history.
#[test]
fn keys_that_are_found_as_they_were_preloaded_are_not_missing() {
    let mut story = good();
    final_read_counts(&mut story, 5);
    story.event(9_040, EventKind::PreloadFound { load: "app".to_owned(), keys: 5 });
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Pass, "{}", verdict.because);
}

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
#[case::a_key_was_read_back_and_is_gone(&|story: &mut Story| final_read_counts(story, 1), "final read counted 101 keys and the history holds 100")]
#[case::the_load_began_first(&|story: &mut Story| story.event(900, EventKind::LoadStarted { load: "app".to_owned() }), "it formed at 1.000 s, the load began at 0.900 s")]
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

/// The observer may take 100 ms to say that the nodes are healthy.
#[rstest]
#[case::in_time(1_100, RunOutcome::Pass)]
#[case::too_late(1_101, RunOutcome::Inconclusive)]
fn health_is_seen_soon(#[case] settled: u64, #[case] outcome: RunOutcome) {
    let mut story = good();
    story.unsettled(LOAD_STARTS);
    story.settled(settled);
    assert_eq!(verdict(&story).outcome, outcome);
}

pub(super) fn assumed<'a>(verdict: &'a Verdict, what: &str) -> &'a Assumption {
    verdict.assumptions.iter().find(|assumption| assumption.assumed == what).unwrap()
}

/// A step failed: a load that began before is asked what it did, one that was to begin later is not.
#[rstest]
#[case::later(false, true, "a step failed before the one that begins it")]
#[case::before(true, false, "it did no operation")]
fn a_load_that_never_began_did_nothing_wrong(#[case] began: bool, #[case] holds: bool, #[case] detail: &str) {
    let mut story = good();
    story.evidence.plan.loads.push(crate::evidence::testing::load("late"));
    story.event(8_030, EventKind::UntilMissed { step: 1, last_state: "A1 is a replica of A".to_owned() });
    if began {
        story.event(8_000, EventKind::LoadStarted { load: "late".to_owned() });
    }
    let verdict = verdict(&story);
    let late = assumed(&verdict, "load late did its work");
    assert_eq!((late.holds, late.detail.as_str()), (holds, detail));
    assert!(assumed(&verdict, "load app did its work").detail.ends_with(" operations"));
}

/// A load of idle connections does no operation, but must have opened some.
#[rstest]
#[case::open(1, true)]
#[case::none(0, false)]
fn idle_connections_are_opened(#[case] opened: u64, #[case] holds: bool) {
    let mut story = good();
    let crowd = RecordedLoad { mix: Vec::new(), idle: 10, ..crate::evidence::testing::load("crowd") };
    story.evidence.plan.loads.push(crowd);
    let idle = Some(IdleTotals { open: 1, ..IdleTotals::new(10, Instant::from_millis(LOAD_STARTS)) });
    let totals =
        LoadTotals { idle, connections: ConnectionTotals { opened, ..Default::default() }, ..LoadTotals::default() };
    story.event(9_000, EventKind::LoadEnded { load: "crowd".to_owned(), totals });
    let verdict = verdict(&story);
    let crowd = assumed(&verdict, "load crowd did its work");
    assert_eq!((crowd.holds, crowd.detail.as_str()), (holds, "1 of 10 idle connections were open at its end"));
}

/// All keys that the plan says, or it is not the load that was planned.
#[rstest]
#[case::all(10, true, "10 keys preloaded in 2 s")]
#[case::some(9, false, "its keys were not preloaded")]
fn keys_are_preloaded(#[case] keys: u32, #[case] holds: bool, #[case] detail: &str) {
    let mut story = good();
    story.evidence.plan.loads[0].preloaded = 10;
    story.event(900, EventKind::Preloaded { load: "app".to_owned(), keys, last: 10, took_nanos: 2_000_000_000 });
    let verdict = verdict(&story);
    let worked = assumed(&verdict, "load app did its work");
    assert_eq!((worked.holds, worked.detail.ends_with(detail)), (holds, true), "{}", worked.detail);
}

/// A step that was begun must have acted, even if it is not done; one that was not reached need not.
#[rstest]
#[case::not_reached(false, "1 proved")]
#[case::begun(true, "line 22: Kill B (SIGKILL) acted on nothing")]
fn a_step_that_was_begun_left_its_proof(#[case] begun: bool, #[case] detail: &str) {
    let mut story = good();
    story.step(kill("B"));
    if begun {
        story.event(8_000, EventKind::StepStarted { step: 2, text: "Kill B".to_owned() });
    }
    let verdict = verdict(&story);
    let proved = assumed(&verdict, "every step left its proof");
    assert_eq!((proved.holds, proved.detail.as_str()), (!begun, detail));
    assert_eq!(
        assumed(&verdict, "every step of the timeline was done").detail,
        "line 22: Kill B (SIGKILL) was not done"
    );
}

/// What is read from one of them says nothing of the other.
#[rstest]
#[case::twins(true, "A and A1 are both masters of the same keys")]
#[case::apart(false, "read at 9.050 s")]
fn two_masters_of_the_same_keys_settle_nothing(#[case] twins: bool, #[case] detail: &str) {
    let mut story = good();
    for event in &mut story.evidence.events {
        if let EventKind::Settled { agreement, .. } = &mut event.kind
            && twins
        {
            let nodes = &mut agreement.sides[0].topology.nodes;
            let [one, other] = ["A", "A1"].map(crate::vocab::NodeName::from);
            let owner = if nodes[&one].owns.is_empty() { nodes[&other].clone() } else { nodes[&one].clone() };
            nodes.extend([(one, owner.clone()), (other, owner)]);
        }
    }
    let verdict = verdict(&story);
    let settled = assumed(&verdict, "the nodes were settled for the final read");
    assert_eq!((settled.holds, settled.detail.as_str()), (!twins, detail));
}
