//! Every failover phase by phase.

use super::*;
use crate::evidence::Health;
use crate::verdict::PhaseTime;
use crate::vocab::Duration;

/// The phases that were seen of the only failover: which, in milliseconds, and where from.
fn seen(story: &Story) -> Vec<(FailoverPhase, u64, String)> {
    let [failover] = &verdict(story).failovers[..] else { panic!("one failover") };
    let phases = failover.phases.iter().filter_map(|phase| Some((phase.phase, phase.at?, phase.source.clone())));
    phases.map(|(phase, at, source)| (phase, at.0 / 1_000_000, source)).collect()
}

fn phase(story: &Story, wanted: FailoverPhase) -> PhaseTime {
    verdict(story).failovers[0].phases.iter().find(|phase| phase.phase == wanted).unwrap().clone()
}

/// The same of one phase only.
fn source(story: &Story, wanted: FailoverPhase) -> (u64, String) {
    let PhaseTime { at, source, .. } = phase(story, wanted);
    (at.map_or(0, |at| at.0 / 1_000_000), source)
}

/// What sentinels say of A counts from the fault on, unless they stand on its side; what they say of others never does.
#[test]
fn sentinels_have_phases_of_their_own() {
    let mut story = good();
    // As of a system that promises nothing: every phase may be one of its own.
    story.evidence.info.servers.clear();
    let [a, b, a1] = ["A", "B", "A1"].map(crate::vocab::NodeName::from);
    let about = |about: &crate::vocab::NodeName| {
        let about = || about.clone();
        [
            LogEvent::SubjectivelyDown { about: about() },
            LogEvent::ObjectivelyDown { about: about() },
            LogEvent::FailoverTried { about: about() },
            LogEvent::LeaderElected { about: about() },
            LogEvent::ReplicaSelected { chosen: if about() == a { a1.clone() } else { b.clone() } },
            LogEvent::MasterSwitched { from: about(), to: a1.clone() },
        ]
    };
    let blocked = |reason: &str| LogEvent::FailoverBlocked { reason: reason.to_owned() };
    for (from, node, says) in [(2_000, "C", about(&a)), (3_100, "C", about(&b)), (3_200, "A", about(&a))] {
        for what in says {
            story.log(from, node, what);
        }
    }
    for (ms, node, reason) in [(2_900, "C", "too early"), (4_210, "A", "not a witness"), (4_220, "C", "no majority")] {
        story.log(ms, node, blocked(reason));
    }
    for (ms, says) in (4_240..).step_by(10).zip(about(&a)) {
        story.log(ms, "C", says.clone());
        story.log(ms + 5, "B", says);
    }
    let own = |phase, ms, source: &str| (phase, ms, source.to_owned());
    let phases: Vec<_> = seen(&story)
        .into_iter()
        .filter(|(phase, ..)| {
            !matches!(
                phase,
                FailoverPhase::Pfail
                    | FailoverPhase::Fail
                    | FailoverPhase::ElectionDelayed
                    | FailoverPhase::ElectionStarted
                    | FailoverPhase::AllAgree
                    | FailoverPhase::FirstAcceptedWrite
            )
        })
        .collect();
    assert_eq!(
        phases,
        [
            own(FailoverPhase::Fault, 3_000, "the harness"),
            own(FailoverPhase::SubjectivelyDown, 4_240, "C's log"),
            own(FailoverPhase::ObjectivelyDown, 4_250, "C's log"),
            own(FailoverPhase::FailoverTried, 4_260, "C's log; 1 in vain: no majority"),
            own(FailoverPhase::LeaderElected, 4_270, "C's log"),
            own(FailoverPhase::ReplicaSelected, 4_280, "C's log"),
            own(FailoverPhase::Promoted, 4_970, "A1's log (A1's view +30.0 ms)"),
            own(FailoverPhase::MasterSwitched, 4_290, "C's log"),
        ]
    );
    assert_eq!(phase(&story, FailoverPhase::FailoverTried).bound_by, "");
}

/// Of a vote that was lost and held again the first round counts; not those of others, nor of a later one. The last is in the
/// millisecond of the victory.
#[test]
fn rounds_of_an_election_are_counted() {
    let mut story = good();
    for (ms, node) in [(4_500, "A1"), (4_700, "A1"), (4_970, "A1"), (4_400, "B1"), (4_980, "A1")] {
        story.log(ms, node, LogEvent::ElectionStarted { version: 4 });
    }
    let first = (4_500, "A1's log, the first of 4 rounds".to_owned());
    assert_eq!(source(&story, FailoverPhase::ElectionStarted), first);
}

/// Nobody took over: what was tried is told, of the master's own replica, and nothing of what did not happen.
#[test]
fn a_failover_in_vain_tells_what_was_seen() {
    let mut story = Story::formed();
    story.act(3_000, 0, "Kill", "A");
    // The fault alone is no failover that anybody would time.
    assert!(!verdict(&story).failovers[0].has_phases());
    story.log(4_400, "B1", LogEvent::ElectionStarted { version: 4 });
    story.log(4_500, "A1", LogEvent::ElectionStarted { version: 4 });
    // Its own word is not a witness's, nor is what others say of others.
    story.log(4_000, "A", LogEvent::PossiblyFailing { about: "A".into() });
    story.log(4_010, "B", LogEvent::PossiblyFailing { about: "C".into() });
    story.log(4_100, "B", LogEvent::ToldFailing { by: "C".into(), about: "C".into() });
    story.log(4_200, "A", LogEvent::ToldFailing { by: "C".into(), about: "A".into() });
    story.log(4_300, "B", LogEvent::ToldFailing { by: "C".into(), about: "A".into() });
    story.end(9_000);
    let own = |phase, ms, source: &str| (phase, ms, source.to_owned());
    let phases = [
        own(FailoverPhase::Fault, 3_000, "the harness"),
        own(FailoverPhase::Fail, 4_300, "B's log"),
        own(FailoverPhase::ElectionStarted, 4_500, "A1's log"),
    ];
    assert_eq!(seen(&story), phases);
    let failover = &verdict(&story).failovers[0];
    assert_eq!((failover.phases.len(), failover.promoted.is_some()), (3, false), "{failover:?}");
    assert!(failover.has_phases());
}

/// A was flagged for a while before it was killed at 3000 ms.
#[test]
fn what_was_seen_before_the_fault_is_no_phase_of_it() {
    let mut story = Story::formed();
    story.health("A", Health::Fail);
    story.view(2_500, &["B"]);
    story.health("A", Health::Ok);
    story.view(2_600, &["B"]);
    story.failover(3_000, 0, 2_000);
    story.end(9_000);
    assert_eq!(source(&story, FailoverPhase::Fail), (4_000, "B's view".to_owned()));
}

/// A1 is promoted at 4970 ms, and the nodes of both systems agree at 5020 ms: when those of one do, and who agrees first.
#[rstest]
#[case::before_the_promotion(0, 4_969, 5_020)]
#[case::with_the_promotion(0, 4_970, 4_970)]
#[case::after_the_promotion(0, 5_010, 5_010)]
#[case::of_the_other_system(1, 5_010, 5_020)]
fn a_system_agrees_by_itself(#[case] system: usize, #[case] settled: u64, #[case] agree: u64) {
    let mut story = good();
    let other = story.evidence.plan.systems[0].clone();
    story.evidence.plan.systems.push(other);
    story.event(settled, EventKind::SystemSettled { system });
    assert_eq!(source(&story, FailoverPhase::AllAgree), (agree, "every view".to_owned()));
}

/// Servers of several versions promise different things: the successor's count, else those of the server that failed.
#[test]
fn the_successor_says_what_bounds_a_phase() {
    let mut story = good();
    for server in &mut story.evidence.info.servers {
        server.failover_bounds = [(FailoverPhase::Pfail, format!("as {} says", server.node))].into();
    }
    assert_eq!(phase(&story, FailoverPhase::Pfail).bound_by, "as A1 says");
    story.evidence.info.servers.retain(|server| server.node.as_str() != "A1");
    assert_eq!(phase(&story, FailoverPhase::Pfail).bound_by, "as A says");
}

/// A view at the moment of the log's line is no earlier.
#[test]
fn how_far_a_view_is_from_the_log_is_told() {
    let mut story = good();
    story.log(4_000, "C", LogEvent::MarkedFailing { about: "A".into() });
    assert_eq!(source(&story, FailoverPhase::Fail), (4_000, "C's log (B's view +0.0 ms)".to_owned()));
}

/// Clients of each load wait differently; what is said of the fault, and who first wrote again.
#[rstest]
#[case::killed("Kill", "app", "the client's retry_wait 10ms and its next look at the map <= 50ms")]
#[case::paused("Pause", "app", "the client's timeout 500ms, retry_wait 10ms and its next look at the map <= 50ms")]
#[case::another_load_wrote_first(
    "Kill",
    "slow",
    "the client's retry_wait 20ms and that no error makes it look at the map"
)]
#[case::nobody_wrote("Kill", "", "the client's retry_wait 20ms and that no error makes it look at the map")]
fn a_first_write_is_bound_by_its_client(#[case] fault: &str, #[case] first: &str, #[case] bound: &str) {
    let mut story = Story::formed();
    let slow = crate::evidence::testing::load("slow");
    let slow = crate::evidence::RecordedLoad { map_refresh: None, retry_wait: Duration::from_millis(20), ..slow };
    story.evidence.plan.loads.push(slow);
    story.run(LOAD_STARTS, 3_000);
    story.failover(3_000, 0, 2_000);
    for event in &mut story.evidence.events {
        if let EventKind::ActedOnNode { action, effect, .. } = &mut event.kind {
            (*action, *effect) = (fault.to_owned(), crate::evidence::testing::effect(fault));
        }
    }
    if !first.is_empty() {
        let key = story.key_of("A");
        story.write(5_040, key, |write| (write.load, write.node) = (u16::from(first == "slow"), Some(3)));
    }
    story.end(9_000);
    assert_eq!(phase(&story, FailoverPhase::FirstAcceptedWrite).bound_by, bound);
}
