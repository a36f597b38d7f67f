//! What a verdict makes of a whole run.

mod assumptions;
mod driver;
mod failovers;
mod machine;
mod steps;
mod summary;
mod triggers;

use rstest::rstest;

use super::*;
use crate::check::testing::{LOAD_STARTS, Story, late, ms, waited};
use crate::check::{During, ErrorRate, Failover, Latency, LostWrites, Slo, Throughput, Unavailability};
use crate::evidence::testing::{kill, run, start, until};
use crate::evidence::{EventKind, ExitCause, FailoverPhase, LogEvent, MachineSample, OperationEffect, Value};
use crate::vocab::{Arrivals, Instant, Percent};

fn p99(max: u64) -> Slo {
    Slo::Latency(Latency {
        quantile: Percent::try_from(99.0).unwrap(),
        max: ms(max),
        during: During::Steady,
        load: None,
    })
}

fn no_errors() -> Slo {
    Slo::ErrorRate(ErrorRate { max: Percent::default(), during: During::Whole, load: None })
}

/// `A` is killed under load and `A1` takes over; every SLO is met and every step done.
fn good() -> Story {
    let mut story = good_until_the_end();
    story.end(9_000);
    story
}

fn good_until_the_end() -> Story {
    let mut story = Story::formed();
    story.step(kill("A"));
    story.step(until("A1 is a master that owns something, within 5s", &["A1"]));
    for slo in [
        Slo::Failover(Failover { max: ms(3_000), min: ms(0) }),
        p99(10),
        Slo::LostWrites(LostWrites { max: 0, min: 0 }),
    ] {
        story.slo(slo);
    }
    story.run(LOAD_STARTS, 3_000);
    story.failover(3_000, 0, 2_000);
    // All agree that the shard is down, which is not yet all agree who owns it.
    story.settled(4_320);
    story.unsettled(4_980);
    story.log(4_150, "B", LogEvent::PossiblyFailing { about: "A".into() });
    story.log(4_300, "C", LogEvent::MarkedFailing { about: "A".into() });
    story.log(4_310, "A1", LogEvent::ElectionDelayed { delay_ms: 650, rank: 0 });
    story.log(4_965, "A1", LogEvent::ElectionStarted { version: 4 });
    story.log(4_970, "A1", LogEvent::ElectionWon);
    story.event(5_030, EventKind::StepEnded { step: 1 });
    let key = story.key_of("A");
    story.write(5_040, key, |write| write.node = Some(3));
    story.run(5_050, 9_000);
    story
}

fn verdict(story: &Story) -> Verdict {
    judge(&story.evidence, TopologyComparison::none(TopologyState::NotKept, "snapshot: false"))
}

#[test]
fn a_pass_is_earned() {
    let verdict = verdict(&good());
    assert_eq!(verdict.outcome, RunOutcome::Pass, "{verdict:#?}");
    assert_eq!(verdict.because, "Every assumption held and all 5 checks were met.");
    assert_eq!(
        verdict.settings,
        ["cluster-node-timeout 1000", "cluster-require-full-coverage yes", "appendonly no", "Redis 7.0.15"]
    );
    let lines: Vec<_> = verdict.findings.iter().map(|finding| finding.line).collect();
    assert_eq!(lines, [None, None, Some(40), Some(40), Some(40)]);
    let samples: Vec<_> = verdict.findings.iter().map(|finding| finding.samples).collect();
    assert_eq!(samples[..3], [6, 1, 1]);
    assert_eq!(verdict, super::tests::verdict(&good()));
}

#[test]
fn a_failover_has_phases() {
    let verdict = verdict(&good());
    let [failover] = &verdict.failovers[..] else { panic!("one failover") };
    assert_eq!((failover.failed.as_str(), failover.fault.as_str()), ("A", "Kill"));
    assert_eq!(failover.promoted.as_ref().map(crate::vocab::NodeName::as_str), Some("A1"));
    let phases: Vec<_> = failover
        .phases
        .iter()
        .map(|phase| (phase.phase, phase.at.unwrap().0 / 1_000_000, phase.source.as_str()))
        .collect();
    assert_eq!(
        phases,
        [
            (FailoverPhase::Fault, 3_000, "the harness"),
            (FailoverPhase::Pfail, 4_150, "B's log"),
            (FailoverPhase::Fail, 4_300, "C's log (B's view -300.0 ms)"),
            (FailoverPhase::ElectionDelayed, 4_310, "A1's log"),
            (FailoverPhase::ElectionStarted, 4_965, "A1's log"),
            (FailoverPhase::Promoted, 4_970, "A1's log (A1's view +30.0 ms)"),
            (FailoverPhase::AllAgree, 5_020, "every view"),
            (FailoverPhase::FirstAcceptedWrite, 5_041, "history: A1, app:3"),
        ]
    );
    assert_eq!(failover.phases[1].bound_by, "1 to 1.5 x cluster-node-timeout 1000");
}

/// Whatever else is claimed: what the last write of a key left is read later, or what nobody wrote.
#[rstest]
#[case::written(false, RunOutcome::Pass, "")]
#[case::never_written(
    true,
    RunOutcome::Fail,
    "1 read of what was never written to the key, such as app:7 at 8.999 s from B"
)]
fn what_is_read_was_written(#[case] odd: bool, #[case] outcome: RunOutcome, #[case] note: &str) {
    let mut story = good_until_the_end();
    let last = story.evidence.history.iter().filter(|write| write.key == 7).last().unwrap().value;
    let value = if odd { Value::Written(Value::id(0, 1, 999_999)) } else { last };
    story.write(8_999, 7, |read| (read.effect, read.value) = (OperationEffect::Reads, value));
    story.end(9_000);
    let verdict = verdict(&story);
    let found = verdict.findings.iter().find(|found| found.check == "reads of what was not written").unwrap();
    assert_eq!((verdict.outcome, found.status), (outcome, outcome), "{}", verdict.because);
    assert_eq!((found.measured.as_str(), found.samples, found.note.as_str()), (if odd { "1" } else { "0" }, 1, note));
}

/// A pass says how many operations were due and never begun.
#[test]
fn a_pass_hides_nothing() {
    let mut story = good_until_the_end();
    story.never_begun(8_995, 1, 9_000);
    story.end(9_000);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Pass, "{}", verdict.because);
    let due = story.evidence.history.iter().filter(|operation| !operation.is_final_read()).count();
    let told = format!("met, but of {due} operations that were due 1 were never begun.");
    assert!(verdict.because.ends_with(&told), "{}", verdict.because);
}

/// Takes every event that matches away.
fn without(story: &mut Story, unwanted: fn(&EventKind) -> bool) {
    story.evidence.events.retain(|event| !unwanted(&event.kind));
}

fn no_proof(story: &mut Story) {
    for event in &mut story.evidence.events {
        if let EventKind::ActedOnNode { proof, .. } = &mut event.kind {
            *proof = None;
        }
    }
}

fn unsettled(at: u64) -> crate::evidence::Event {
    crate::evidence::Event { at: Instant::from_millis(at), kind: EventKind::Unsettled { reason: "B lags".to_owned() } }
}

#[test]
fn a_scenario_that_claims_nothing_passes_nothing() {
    let mut story = good();
    story.evidence.plan.slos.clear();
    story.evidence.plan.steps.truncate(1);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Inconclusive);
    assert!(verdict.because.starts_with("Nothing was claimed"), "{}", verdict.because);
}

#[test]
fn an_slo_that_cannot_be_told_makes_the_run_inconclusive() {
    let mut story = good();
    let p999 = Percent::try_from(99.99).unwrap();
    story.slo(Slo::Latency(Latency { quantile: p999, max: ms(10), during: During::Whole, load: None }));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Inconclusive);
    assert!(verdict.because.contains("105131 operations are needed"), "{}", verdict.because);
}

#[test]
fn every_miss_is_counted() {
    let mut story = good();
    story.slo(Slo::Throughput(Throughput { min: 1e6, during: During::Whole, load: None }));
    story.slo(p99(0));
    story.slo(Slo::ErrorRate(ErrorRate { max: Percent::try_from(0.0).unwrap(), during: During::Whole, load: None }));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Fail);
    assert!(verdict.because.ends_with("and 1 more."), "{}", verdict.because);
}

#[test]
fn a_quiet_network_needs_writes_before_the_fault() {
    for (writes, holds) in [(100, true), (0, false)] {
        let mut story = Story::formed();
        story.slo(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
        story.step(kill("A"));
        story.run(LOAD_STARTS, LOAD_STARTS + writes);
        story.write(2_000, story.key_of("B"), |_| {});
        story.end(2_100);
        let end = story.evidence.events.split_off(story.evidence.events.len() - 3);
        story.failover(5_000, 0, 2_000);
        story.evidence.events.extend(end);
        let verdict = verdict(&story);
        assert_eq!(verdict.outcome == RunOutcome::Pass, holds, "{}", verdict.because);
    }
}

#[test]
fn a_killed_replica_is_no_failover() {
    let mut story = Story::formed();
    story.act(3_000, 0, "Kill", "A1");
    story.end(4_000);
    assert_eq!(verdict(&story).failovers, []);
}

/// The second and the largest latency in milliseconds of each interval of a latency log.
/// The intervals of all operations, without those of some.
fn intervals(log: &[u8]) -> Vec<(u64, f64)> {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    IntervalLogIterator::new(log)
        .filter_map(|entry| match entry.unwrap() {
            LogEntry::Interval(interval) if interval.tag().is_none() => {
                Some((interval.start_timestamp().as_secs(), interval.max()))
            }
            _ => None,
        })
        .collect()
}
