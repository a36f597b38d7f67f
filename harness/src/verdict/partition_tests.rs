//! What a verdict says of partitions.

use rstest::rstest;

use super::*;
use crate::check::testing::{LOAD_STARTS, Story, key_names, load, ms};
use crate::check::{LostWrites, MinorityWrites, Slo};
use crate::evidence::testing::{effect, heal, partition};
use crate::evidence::{EventKind, FailoverPhase, LogEvent, RecordedLoad, Value};
use crate::vocab::{Duration, Instant, NodeName};

/// A is cut off from 3000 to 7000 ms; with it the client `inside`, which writes to A's shard until A refuses at 4400 ms. A1 takes
/// over. What A acknowledged alone is lost.
fn cut_off(inside: bool) -> Story {
    let mut story = Story::formed();
    story.step(partition(if inside { "A with inside | the rest" } else { "A | the rest" }, &["A"]));
    story.step(heal());
    story.run(LOAD_STARTS, 3_000);
    if inside {
        story.evidence.plan.loads.push(RecordedLoad { key_names: key_names("in:"), ..load("inside") });
    }
    story.isolate(3_000, 0, "cut", if inside { &["A", "inside"] } else { &["A"] });
    story.replace_isolated(3_000, 2_000, 1_400);
    story.log(4_100, "B", LogEvent::PossiblyFailing { about: "A".into() });
    story.log(4_970, "A1", LogEvent::ElectionWon);
    let key = story.key_of("A");
    story.write(5_040, key, |write| write.node = Some(3));
    story.run(5_050, 7_000);
    story.heal(7_000, 1, "cut");
    story.settled(7_300);
    story.run(7_310, 9_000);
    story
}

/// The client `inside` of [`cut_off`]: `lost` keys on A's shard, each written once before A refuses, then one write that waits.
fn with_inside(lost: u32) -> Story {
    let mut story = cut_off(true);
    story.event(LOAD_STARTS, EventKind::LoadStarted { load: "inside".to_owned() });
    let keys: Vec<_> = (1..=100).filter(|key| Story::shard_of(*key) == 0).collect();
    let totals = crate::evidence::LoadTotals { ok: u64::from(lost), fail: 1, ..Default::default() };
    story.event(8_900, EventKind::LoadEnded { load: "inside".to_owned(), totals });
    story.end(9_000);
    for (at, key) in (4_300..).zip(&keys[..lost as usize]) {
        story.write(at, *key, |write| (write.load, write.node) = (1, Some(0)));
        story.final_read(*key, Value::Missing, crate::evidence::Outcome::Ok);
        story.evidence.history.edit(|history| history.last_mut().unwrap().load = 1);
    }
    story.write(4_400, keys[lost as usize], |write| {
        (write.load, write.ended, write.node) = (1, Instant::from_millis(5_400), None);
        (write.outcome, write.attempts) = (crate::evidence::Outcome::Fail, 9);
    });
    story
}

fn verdict(story: &Story) -> Verdict {
    judge(&story.evidence, TopologyComparison::none(TopologyState::NotKept, "snapshot: false"))
}

fn finding<'v>(verdict: &'v Verdict, about: &str) -> &'v crate::check::Finding {
    verdict.findings.iter().find(|finding| finding.check.contains(about)).unwrap()
}

fn change_network(story: &mut Story, change: impl Fn(&mut crate::evidence::NetworkChange)) {
    for event in &mut story.evidence.events {
        if let EventKind::Network(network) = &mut event.kind {
            change(network);
        }
    }
}

/// `lost writes 2 to 4`: how many are lost.
#[rstest]
#[case::too_few(1, RunOutcome::Inconclusive, "the danger did not arise: at least 2 writes should have been lost")]
#[case::least(2, RunOutcome::Pass, "")]
#[case::most(4, RunOutcome::Pass, "")]
#[case::too_many(5, RunOutcome::Fail, "measured 5")]
fn a_scenario_about_a_danger_needs_losses(#[case] lost: u32, #[case] outcome: RunOutcome, #[case] because: &str) {
    let mut story = with_inside(lost);
    story.slo(Slo::LostWrites(LostWrites { min: 2, max: 4 }));
    story.slo(Slo::MinorityWrites(MinorityWrites { max: ms(2_000) }));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{verdict:#?}");
    assert!(verdict.because.contains(because), "{}", verdict.because);
    let note = &finding(&verdict, "lost writes").note;
    assert!(note.contains(&format!("it was cut off, and {lost} after that")), "{note}");
}

/// Without a client on its side only what the master acknowledged before is at risk.
#[rstest]
#[case::writes_before(true, RunOutcome::Pass)]
#[case::none_in_the_second_before(false, RunOutcome::Inconclusive)]
fn a_partition_needs_writes_like_a_kill(#[case] writes: bool, #[case] outcome: RunOutcome) {
    let mut story = cut_off(false);
    story.slo(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    story.end(9_000);
    let elsewhere = |operation: &mut crate::evidence::Operation| {
        operation.node = operation.node.filter(|node| *node != 0).or(Some(1));
    };
    story.evidence.history.edit(|history| history.iter_mut().filter(|_| !writes).for_each(elsewhere));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{verdict:#?}");
    let note = &finding(&verdict, "lost writes").note;
    assert!(note.contains("in the second before it was cut off"), "{note}");
}

/// What is not proved, and the assumption that it breaks.
#[rstest]
#[case::the_cut(Some(0), "nothing proves the cut of 12 links (cut)")]
#[case::the_healing(Some(1), "nothing proves the healing of 12 links (cut)")]
#[case::the_healing_at_the_end(
    None,
    "final read\" does not hold: nothing proves the healing of 12 links (cut) at the end"
)]
fn links_need_proof(#[case] step: Option<usize>, #[case] because: &str) {
    let mut story = cut_off(false);
    story.slo(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    if step.is_none() {
        story.evidence.plan.steps.truncate(1);
        change_network(&mut story, |change| change.step = change.step.filter(|step| *step == 0));
    }
    story.end(9_000);
    assert_eq!(verdict(&story).outcome, RunOutcome::Pass);
    change_network(&mut story, |change| {
        change.proof = change.proof.take().filter(|_| change.step != step);
        change.doubt = change.proof.is_none().then(|| "a probe passed".to_owned());
    });
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Inconclusive);
    assert!(verdict.because.contains(because), "{}", verdict.because);
    assert!(verdict.because.contains(": a probe passed"), "{}", verdict.because);
}

#[test]
fn a_partition_that_cut_nothing_is_none() {
    let mut story = cut_off(false);
    story.slo(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    story.end(9_000);
    change_network(&mut story, |change| change.links.clear());
    let because = verdict(&story).because;
    assert!(because.contains("nothing proves the cut of 0 links (cut)"), "{because}");
    story.evidence.events.retain(|event| !matches!(event.kind, EventKind::Network(_)));
    let because = verdict(&story).because;
    assert!(because.contains("acted on nothing"), "{because}");
}

/// A process that was left stopped is as bad as a link.
#[test]
fn a_resume_at_the_end_needs_proof() {
    let mut story = cut_off(false);
    story.slo(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    story.end(9_000);
    let (began, action) = (Instant::from_millis(9_002), "Resume");
    story.event(
        9_003,
        EventKind::ActedOnNode {
            step: None,
            action: action.to_owned(),
            effect: effect(action),
            node: "B1".into(),
            began,
            proof: None,
        },
    );
    let because = verdict(&story).because;
    assert!(because.contains("nothing proves Resume B1 at the end"), "{because}");
}

/// Only the majority's side leads to a failover: what the isolated master and who is with it believe is no phase of it.
#[test]
fn phases_are_those_of_the_majority() {
    let mut story = cut_off(false);
    story.log(3_500, "A", LogEvent::PossiblyFailing { about: "A".into() });
    story.log(3_600, "A", LogEvent::MarkedFailing { about: "A".into() });
    story.end(9_000);
    let [failover] = &verdict(&story).failovers[..] else { panic!("one failover") };
    let phases: Vec<_> = failover.phases.iter().filter(|phase| phase.at.is_some()).collect();
    let told: Vec<_> =
        phases.iter().map(|phase| (phase.phase, phase.at.unwrap().0 / 1_000_000, phase.source.as_str())).collect();
    assert_eq!(
        told,
        [
            (FailoverPhase::Fault, 3_000, "the harness"),
            (FailoverPhase::Pfail, 4_100, "B's log"),
            (FailoverPhase::Fail, 4_000, "B's view"),
            (FailoverPhase::Promoted, 4_970, "A1's log (A1's view +30.0 ms)"),
            (FailoverPhase::AllAgree, 5_020, "every view, side by side"),
            (FailoverPhase::FirstAcceptedWrite, 5_041, "history: A1, app:3"),
        ]
    );
    assert_eq!(failover.promoted, Some(NodeName::from("A1")));
    let bound =
        &failover.phases.iter().find(|phase| phase.phase == FailoverPhase::FirstAcceptedWrite).unwrap().bound_by;
    assert_eq!(bound, "the client's timeout 500ms, retry_wait 10ms and its next look at the map <= 50ms");
}

#[rstest]
#[case("Kill", Some(50), "the client's retry_wait 10ms and its next look at the map <= 50ms")]
#[case("Kill", None, "the client's retry_wait 10ms and that no error makes it look at the map")]
#[case("Sleep", Some(50), "the client's timeout 500ms, retry_wait 10ms and its next look at the map <= 50ms")]
#[case("Pause", Some(50), "the client's timeout 500ms, retry_wait 10ms and its next look at the map <= 50ms")]
fn a_silent_master_holds_its_clients(#[case] fault: &str, #[case] refresh_ms: Option<u64>, #[case] bound: &str) {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].map_refresh = refresh_ms.map(Duration::from_millis);
    story.act(3_000, 0, fault, "A");
    story.log(4_970, "A1", LogEvent::ElectionWon);
    story.end(9_000);
    let phases = &verdict(&story).failovers[0].phases;
    assert_eq!(phases.iter().find(|phase| phase.phase == FailoverPhase::FirstAcceptedWrite).unwrap().bound_by, bound);
}
