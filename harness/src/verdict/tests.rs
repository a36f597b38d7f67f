use rstest::rstest;

use super::*;
use crate::check::testing::{LOAD_STARTS, Story, late, ms, waited};
use crate::check::{During, ErrorRate, Failover, Latency, LostWrites, Slo, Throughput, Unavailability};
use crate::evidence::{EventKind, ExitCause, FaultKind, LogEvent, MachineSample};
use crate::load::Pace;
use crate::scenario::{Condition, Step};
use crate::vocab::{Instant, Percent, Target};

fn node(name: &str) -> Target {
    Target { node: Some(name.into()), select: None }
}

fn p99(max: u64) -> Slo {
    Slo::Latency(Latency { quantile: Percent::try_from(99.0).unwrap(), max: ms(max), during: During::Steady })
}

fn no_errors() -> Slo {
    Slo::ErrorRate(ErrorRate { max: Percent::default(), during: During::Whole })
}

/// `A` is killed under load and `A1` takes over; every SLO is met and every step done.
fn good() -> Story {
    let mut story = good_until_the_end();
    story.end(9_000);
    story
}

fn good_until_the_end() -> Story {
    let mut story = Story::formed();
    story.step(Step::Kill(node("A")));
    story.step(Step::Until { condition: Condition::Promoted("A1".into()), within: ms(5_000) });
    for slo in [Slo::Failover(Failover { max: ms(3_000) }), p99(10), Slo::LostWrites(LostWrites { max: 0, min: 0 })] {
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
    judge(&story.plan, &story.evidence, TopologyComparison::none(TopologyState::NotKept, "snapshot: false"))
}

#[test]
fn a_pass_is_earned() {
    let verdict = verdict(&good());
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict:#?}");
    assert_eq!(verdict.because, "Every assumption held and all 5 checks were met.");
    assert_eq!(
        verdict.settings,
        ["cluster-node-timeout 1000", "cluster-require-full-coverage yes", "appendonly no", "Redis 7.0.15"]
    );
    let lines: Vec<_> = verdict.findings.iter().map(|finding| finding.line).collect();
    assert_eq!(lines, [None, None, Some(40), Some(40), Some(40)]);
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
            (Phase::Fault, 3_000, "the harness"),
            (Phase::Pfail, 4_150, "B's log"),
            (Phase::Fail, 4_300, "C's log (B's view -300.0 ms)"),
            (Phase::ElectionDelayed, 4_310, "A1's log"),
            (Phase::ElectionStarted, 4_965, "A1's log"),
            (Phase::Promoted, 4_970, "A1's log (A1's view +30.0 ms)"),
            (Phase::AllAgree, 5_020, "every view"),
            (Phase::FirstAcceptedWrite, 5_041, "history: A1, app:3"),
        ]
    );
    assert_eq!(failover.phases[1].bound_by, "1 to 1.5 x cluster-node-timeout 1000");
}

/// Takes every event that matches away.
fn without(story: &mut Story, unwanted: fn(&EventKind) -> bool) {
    story.evidence.events.retain(|event| !unwanted(&event.kind));
}

fn no_proof(story: &mut Story) {
    for event in &mut story.evidence.events {
        if let EventKind::Fault { proof, .. } = &mut event.kind {
            *proof = None;
        }
    }
}

/// One assumption broken at a time.
#[rstest]
#[case::unhealthy(&|story: &mut Story| story.evidence.events.insert(8, unsettled(LOAD_STARTS)), "not settled and serving")]
#[case::no_end(&|story: &mut Story| without(story, |what| matches!(what, EventKind::Ended)), "breaks off")]
#[case::aborted(&|story: &mut Story| story.event(9_100, EventKind::Aborted { reason: "no disk".to_owned() }), "no disk")]
#[case::interrupted(&|story: &mut Story| story.event(9_100, EventKind::Interrupted), "interrupted")]
#[case::no_proof(&no_proof, "nothing proves Kill A")]
#[case::no_fault(&|story: &mut Story| without(story, |what| matches!(what, EventKind::Fault { .. })), "acted on nothing")]
#[case::step_not_done(&|story: &mut Story| without(story, |what| matches!(what, EventKind::StepEnded { step: 1 })), "was not done")]
#[case::no_operations(&|story: &mut Story| story.evidence.history.clear(), "it did no operation")]
#[case::history_has_a_hole(&|story: &mut Story| story.evidence.history.truncate(5_000), "the history holds")]
#[case::rate_not_kept(&|story: &mut Story| story.plan.loads[0].pace = Pace::Open { per_second: 5_000 }, "accounts for 14.9 % of the starts")]
#[case::no_final_read(&|story: &mut Story| without(story, |what| matches!(what, EventKind::FinalRead { .. })), "no final read")]
#[case::unsettled_at_the_end(&|story: &mut Story| { let last = story.evidence.events.len() - 2; story.evidence.events.insert(last, unsettled(8_999)); }, "B lags")]
fn a_broken_assumption_is_inconclusive(#[case] breaks: &dyn Fn(&mut Story), #[case] because: &str) {
    let mut story = good();
    breaks(&mut story);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict:#?}");
    assert!(verdict.because.contains(because), "{}", verdict.because);
    let broken = verdict.assumptions.iter().find(|assumption| !assumption.holds).unwrap();
    let quoted = format!("Cannot tell: \"{}\" does not hold: {}.", broken.assumed, broken.detail);
    let broke_off = broken.assumed == "the run was carried through";
    assert!(verdict.because == quoted || broke_off, "{}", verdict.because);
}

/// Where nothing was at risk, only what is claimed about lost writes cannot be told, and the way out is.
#[rstest]
#[case::with_lost_writes(true, Outcome::Inconclusive)]
#[case::without(false, Outcome::Pass)]
fn a_master_that_acknowledged_nothing_risks_nothing(#[case] claims_writes: bool, #[case] outcome: Outcome) {
    let mut story = good();
    story.evidence.history.iter_mut().filter(|op| op.node == Some(0)).for_each(|op| op.node = Some(1));
    story.plan.slos.retain(|planned| claims_writes || !matches!(planned.slo, Slo::LostWrites(_)));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{verdict:#?}");
    assert!(verdict.assumptions.iter().all(|assumption| assumption.holds), "{verdict:#?}");
    for part in ["lost writes <= 0", "no write was at risk: let a load write to A's slots", "A acknowledged 0 writes"] {
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
    assert_eq!((verdict.outcome, verdict.because.as_str()), (Outcome::Inconclusive, because));
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
    assert_eq!((verdict.outcome, verdict.because.as_str()), (Outcome::Inconclusive, because));
}

/// Whatever is claimed: when the cluster was unsettled and settled again; the final read is from 9020 to 9050 ms.
#[rstest]
#[case::settled(&[], Outcome::Pass, "")]
#[case::settled_in_time(&[(9_000, false), (9_010, true)], Outcome::Pass, "")]
#[case::never_settled_again(&[(9_000, false)], Outcome::Inconclusive, "does not hold: B has not noticed")]
#[case::settled_too_late(&[(9_000, false), (9_030, true)], Outcome::Inconclusive, "does not hold: B has not noticed")]
#[case::left_it_for_a_moment(&[(9_030, false), (9_040, true)], Outcome::Inconclusive, "while it was read: B has not noticed")]
#[case::afterwards(&[(9_055, false)], Outcome::Pass, "")]
fn a_run_ends_settled(#[case] flips: &[(u64, bool)], #[case] outcome: Outcome, #[case] because: &str) {
    for loses in [true, false] {
        let mut story = good();
        story.plan.slos.retain(|planned| loses || !matches!(planned.slo, Slo::LostWrites(_)));
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
    assert_eq!(verdict(&story).outcome, Outcome::Pass);
    story.unsettled(9_040);
    assert_eq!(verdict(&story).outcome, Outcome::Inconclusive);
}

/// An open loop of 1000 a second for 2 s, `p99 <= 10ms`. `start` says when an operation that was due, and whose worker was free
/// from a moment on, began, and how long it took; all in milliseconds.
fn paced(start: &dyn Fn(u64, u64) -> (u64, u64)) -> Story {
    let mut story = Story::formed();
    story.plan.loads[0].pace = Pace::Open { per_second: 1_000 };
    story.slo(p99(10));
    let mut free = [0; 2];
    for due in LOAD_STARTS..3_000 {
        let key = u32::try_from(due % 100).unwrap() + 1;
        let free = &mut free[(key % 2) as usize];
        let (ready, (started, took)) = (due.max(*free), start(due, *free));
        *free = started + took;
        story.write(due, key, |write| {
            (write.ready, write.started) = (Instant::from_millis(ready), Instant::from_millis(started));
            write.ended = Instant::from_millis(started + took);
        });
    }
    story
}

/// Slow servers are for the checks to judge; what is missed while the driver is late itself is not blamed on them.
#[rstest]
#[case::quick(&|due, free: u64| (free.max(due), 1), Outcome::Pass, "at most 0 ms late")]
#[case::slow_servers(&|due, free: u64| (free.max(due), 7), Outcome::Fail, "at most 0 ms late")]
#[case::a_little_late(&|due, free: u64| (free.max(due) + 5, 0), Outcome::Inconclusive, "at most 5 ms late")]
#[case::late(&|due, free: u64| (free.max(due) + 6, 0), Outcome::Inconclusive, "at most 6 ms late")]
#[case::stood_still(&|due, free: u64| (free.max(if (1_500..1_900).contains(&due) { 1_900 } else { due }), 1), Outcome::Inconclusive, "stood still for 20 %")]
fn a_driver_is_judged_by_its_own_lateness(
    #[case] start: &dyn Fn(u64, u64) -> (u64, u64),
    #[case] outcome: Outcome,
    #[case] detail: &str,
) {
    let mut story = paced(start);
    story.end(9_000);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{verdict:#?}");
    assert!(verdict.assumptions[2].detail.contains(detail), "{}", verdict.assumptions[2].detail);
    assert!(verdict.assumptions[2].holds);
    let blamed = verdict.because.contains("clients stood still by themselves for ");
    assert_eq!(blamed, outcome == Outcome::Inconclusive, "{}", verdict.because);
}

/// A driver that is late makes times worse. What was kept all the same stands, and so does what has nothing to do with it.
#[rstest]
#[case::kept(p99(60_000), 90, 6, Outcome::Pass)]
#[case::missed(p99(5), 90, 6, Outcome::Inconclusive)]
#[case::errors(no_errors(), 90, 30, Outcome::Fail)]
fn a_late_driver_spoils_only_what_it_can(
    #[case] slo: Slo,
    #[case] one_in: u64,
    #[case] late_ms: u64,
    #[case] outcome: Outcome,
) {
    let mut story = paced(&|due, free: u64| (free.max(due) + if due % one_in == 0 { late_ms } else { 0 }, 0));
    story.plan.slos.clear();
    story.slo(slo);
    let failed = story.evidence.history.iter_mut().filter(|_| slo == no_errors()).take(300);
    failed.for_each(|operation| operation.outcome = crate::evidence::Outcome::Fail);
    story.end(60_000);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
}

/// Nobody was free for half of the starts until the load was stopped at 5000 ms.
#[test]
fn starts_that_were_left_are_told() {
    let mut story = paced(&|due, free: u64| (free.max(due), 1));
    for due in 3_000..5_000 {
        story.never_begun(due, 1, 5_000);
    }
    story.end(5_000);
    let verdict = verdict(&story);
    let load = &verdict.assumptions[2];
    let detail = "2000 of 4000 due starts begun; 99 % of its own starts (steady) at most 0 ms late; 2000 starts were never begun";
    assert!(load.holds && load.detail.contains(detail), "{load:?}");
    // What was due and not done is in every figure.
    let summary = &verdict.loads[0];
    assert_eq!((summary.demanded, summary.totals.not_started), (4_000, 2_000));
    assert_eq!((summary.latency[0].samples, summary.latency[0].max_ms), (4_000, 2_000.0));
    assert_eq!((verdict.findings[1].samples, verdict.findings[1].measured.as_str()), (4_000, "1.96 s"));
    let (_, slowest) = intervals(&latency_log(&story.evidence).unwrap()).pop().unwrap();
    assert!((slowest - 2_000.0).abs() < 2.0, "{slowest}");
}

#[test]
fn a_bound_that_was_reached_is_told() {
    let mut story = paced(&|due, free: u64| (free.max(due), 7));
    story.end(20_000);
    let detail = &verdict(&story).assumptions[2].detail;
    assert!(detail.contains("the bound of 2 workers a shard was reached on A's shard from "), "{detail}");
}

#[test]
fn a_load_that_forgot_starts_did_not_do_its_work() {
    let mut story = paced(&|due, free: u64| (free.max(due), 1));
    story.end(9_000);
    for event in &mut story.evidence.events {
        if let EventKind::LoadEnded { totals, .. } = &mut event.kind {
            totals.dropped = 7;
        }
    }
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(verdict.because.contains("it forgot 7 due starts: more than 1000000 waited"), "{}", verdict.because);
}

#[test]
fn a_late_driver_is_seen_without_a_steady_part() {
    let mut story = paced(&|due, free| (free.max(due) + 6, 0));
    story.end(9_000);
    story.fault(LOAD_STARTS, 0, FaultKind::Kill, "A1");
    story.unsettled(LOAD_STARTS + 1);
    let verdict = verdict(&story);
    let load = &verdict.assumptions[2];
    assert!(load.detail.contains("(whole)") && load.detail.contains("at most 6 ms late"), "{load:?}");
}

fn unsettled(at: u64) -> crate::evidence::Event {
    crate::evidence::Event { at: Instant::from_millis(at), kind: EventKind::Unsettled { reason: "B lags".to_owned() } }
}

/// Timers were late by so much in each tenth of a second; `p99 <= max`.
#[rstest]
#[case::quick_machine(19.0, 10, Outcome::Pass, true)]
#[case::starved_and_kept_all_the_same(340.0, 10, Outcome::Pass, true)]
#[case::missed_on_a_quick_machine(19.0, 0, Outcome::Fail, true)]
#[case::missed_on_a_starved_machine(340.0, 0, Outcome::Inconclusive, false)]
fn a_starved_machine_spoils_only_what_was_missed(
    #[case] late_ms: f64,
    #[case] max: u64,
    #[case] outcome: Outcome,
    #[case] holds: bool,
) {
    let mut story = good();
    story.slo(p99(max));
    story.machine(9_000, |_| late(late_ms));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
    assert_eq!(verdict.assumptions.last().unwrap().holds, holds);
    assert_eq!(verdict.because.contains("340 ms late"), !holds, "{}", verdict.because);
}

/// While the failover lasts (3000 to 5041 ms), these wait for so many milliseconds in each tenth of a second.
fn in_the_failover(end: u64, clients_ms: f64, servers: &[(&str, f64)]) -> MachineSample {
    if (3_100..=5_100).contains(&end) { waited(clients_ms, servers) } else { waited(0.0, &[]) }
}

/// What was missed, what the machine took in the tenth of a second that ends then, and what comes of it. The failover takes
/// 2041 ms.
#[rstest]
#[case::some_other_moment(p99(0), &|end| late(if end == 8_000 { 340.0 } else { 1.0 }), Outcome::Fail)]
#[case::all_the_time(p99(0), &|_| late(120.0), Outcome::Inconclusive)]
#[case::took_enough(failover_within(2_000), &|end| in_the_failover(end, 1.0, &[("A1", 0.7), ("B", 0.6), ("C", 0.5)]), Outcome::Inconclusive)]
#[case::took_too_little(failover_within(2_000), &|end| in_the_failover(end, 0.4, &[("A1", 0.7), ("B", 0.6), ("C", 0.5)]), Outcome::Fail)]
#[case::took_it_afterwards(failover_within(2_000), &|end| late(if end > 5_200 { 500.0 } else { 0.1 }), Outcome::Fail)]
#[case::gap(unavailable_for(2_000), &|end| waited(0.0, &[("A1", if end == 4_000 { 45.0 } else { 0.0 })]), Outcome::Inconclusive)]
#[case::long_gap(unavailable_for(1_900), &|end| waited(0.0, &[("A1", if end == 4_000 { 45.0 } else { 0.0 })]), Outcome::Fail)]
#[case::rate(throughput(1_005.0), &|_| waited(0.5, &[("B", 0.5)]), Outcome::Inconclusive)]
#[case::rate_far_too_low(throughput(2_000.0), &|_| waited(0.5, &[("B", 0.5)]), Outcome::Fail)]
fn a_miss_is_excused_by_what_explains_it(
    #[case] slo: Slo,
    #[case] took: &dyn Fn(u64) -> MachineSample,
    #[case] outcome: Outcome,
) {
    let mut story = good_until_the_end();
    story.write(3_000, story.key_of("A"), |write| {
        (write.ended, write.attempts, write.node) = (Instant::from_millis(5_041), 2, Some(3));
    });
    story.end(9_000);
    story.plan.slos.clear();
    story.slo(slo);
    story.machine(9_000, took);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{verdict:#?}");
    let machine = verdict.assumptions.last().unwrap();
    assert_eq!(machine.holds, outcome == Outcome::Fail);
    assert_eq!(machine.detail.contains(&slo.to_string()), !machine.holds, "{}", machine.detail);
}

/// The figures are told whatever comes of them.
#[test]
fn the_machine_is_told_in_figures() {
    let mut story = good();
    story.machine(9_000, |end| MachineSample {
        stolen_nanos: if end == 2_000 { 80_000_000 } else { 0 },
        wall_ahead_us: if end < 7_000 { 300 } else { -3_600_000_000 },
        other_runs: usize::from(end > 3_000),
        ..waited(2.0, &[("A", 10.0), ("B", 35.0)])
    });
    let machine = verdict(&story).assumptions.pop().unwrap();
    assert_eq!(
        machine.detail,
        "servers waited for a processor 35 % of the time (longest: B), clients 2 %, the observer 2 %, timers up to 0.1 ms late, \
         1 % stolen by the hypervisor, 1 other run beside it; the wall clock moved back by up to 3600 s, which times from the \
         servers' logs allow for"
    );
}

fn failover_within(max: u64) -> Slo {
    Slo::Failover(Failover { max: ms(max) })
}

fn unavailable_for(max: u64) -> Slo {
    Slo::Unavailability(Unavailability { max: ms(max) })
}

fn throughput(min: f64) -> Slo {
    Slo::Throughput(Throughput { min, during: During::Steady })
}

#[test]
fn a_starved_machine_excuses_no_lost_write() {
    let mut story = good_until_the_end();
    story.slo(p99(0));
    story.end(9_000);
    story.machine(9_000, |_| late(340.0));
    story.evidence.history.iter_mut().rev().take(1).for_each(|read| read.value = crate::evidence::Value::Missing);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, Outcome::Fail, "{}", verdict.because);
    assert!(verdict.because.starts_with("Not met: lost writes <= 0"), "{}", verdict.because);
}

#[rstest]
#[case::in_the_run(4_000, false, Outcome::Fail)]
#[case::asked_for(4_000, true, Outcome::Pass)]
#[case::before_the_cluster_formed(500, false, Outcome::Inconclusive)]
fn servers_do_not_end_by_themselves(#[case] at: u64, #[case] expected: bool, #[case] outcome: Outcome) {
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
    assert_eq!(verdict(&story).outcome, Outcome::Inconclusive);
    story.event(4_000, EventKind::NodeExited { node: "B".into(), cause: ExitCause::Signal(11), expected: false });
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, Outcome::Fail);
    let because = "Not met: no server ended by itself, measured 1 (B ended at 4.000 s with signal 11).";
    assert_eq!(verdict.because, because);
}

/// `Until` waited for 5 s in vain and was met so much later, if at all; clients, observer and B waited so long in each tenth of a
/// second.
#[rstest]
#[case::never_met(None, 40.0, Outcome::Fail)]
#[case::met_late_on_a_quick_machine(Some(400), 1.0, Outcome::Fail)]
#[case::met_late_on_a_busy_machine(Some(400), 5.0, Outcome::Inconclusive)]
#[case::met_far_too_late_on_a_busy_machine(Some(1_400), 5.0, Outcome::Fail)]
fn a_missed_until_is_excused_if_it_was_met_late(
    #[case] late_ms: Option<u64>,
    #[case] waited_ms: f64,
    #[case] outcome: Outcome,
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
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert!(verdict.because.starts_with("Not met: every Until was met, measured 0 of 1"), "{}", verdict.because);
}

#[test]
fn a_missed_until_fails_with_its_line() {
    let mut story = good();
    story.step(Step::Run { r#for: ms(1_000) });
    without(&mut story, |what| matches!(what, EventKind::StepEnded { step: 1 }));
    story.event(8_030, EventKind::UntilMissed { step: 1, last_state: "A1 is a replica of A".to_owned() });
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, Outcome::Fail, "{}", verdict.because);
    assert_eq!(verdict.findings[1].line, Some(21));
    assert!(verdict.because.contains("A1 is a replica of A"), "{}", verdict.because);
}

/// A is started again after the failover, and its server fails to.
fn failed_start(within_ms: Option<u64>) -> Story {
    let mut story = good();
    story.step(Step::Start(node("A")));
    story.step(Step::Run { r#for: ms(1_000) });
    let start = story.plan.steps.len() - 2;
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
    assert_eq!((verdict.outcome, verdict.because.as_str()), (Outcome::Fail, expected));
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
    assert_eq!(verdict(&story).outcome, Outcome::Fail);
}

/// The machine lost so much in each second; one that ended needed no time for that.
#[rstest]
#[case::quick_machine(Some(2_000), 40.0, Outcome::Fail)]
#[case::busy_machine(Some(2_000), 400.0, Outcome::Fail)]
#[case::starved_machine(Some(2_000), 600.0, Outcome::Inconclusive)]
#[case::it_ended(None, 600.0, Outcome::Fail)]
fn a_server_that_was_too_late_is_excused_by_half_of_its_time(
    #[case] within_ms: Option<u64>,
    #[case] lag_ms: f64,
    #[case] outcome: Outcome,
) {
    let mut story = failed_start(within_ms);
    story.machine(9_000, |_| late(lag_ms / 10.0));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
}

#[test]
fn what_the_harness_could_not_do_is_no_servers_failing() {
    let mut story = good();
    story.step(Step::Start(node("A")));
    story.event(8_000, EventKind::StepStarted { step: 2, text: "Start A".to_owned() });
    story.event(8_010, EventKind::Aborted { reason: "A: cannot start redis-server: out of memory".to_owned() });
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{}", verdict.because);
    assert_eq!(verdict.findings[0].status, Outcome::Inconclusive);
}

#[test]
fn a_scenario_that_claims_nothing_passes_nothing() {
    let mut story = good();
    story.plan.slos.clear();
    story.plan.steps.truncate(1);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(verdict.because.starts_with("Nothing was claimed"), "{}", verdict.because);
}

#[test]
fn an_slo_that_cannot_be_told_makes_the_run_inconclusive() {
    let mut story = good();
    let p999 = Percent::try_from(99.99).unwrap();
    story.slo(Slo::Latency(Latency { quantile: p999, max: ms(10), during: During::Whole }));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(verdict.because.contains("105131 operations are needed"), "{}", verdict.because);
}

#[test]
fn every_miss_is_counted() {
    let mut story = good();
    story.slo(Slo::Throughput(Throughput { min: 1e6, during: During::Whole }));
    story.slo(p99(0));
    story.slo(Slo::ErrorRate(ErrorRate { max: Percent::try_from(0.0).unwrap(), during: During::Whole }));
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert!(verdict.because.ends_with("and 1 more."), "{}", verdict.because);
}

#[test]
fn a_quiet_network_needs_writes_before_the_fault() {
    for (writes, holds) in [(100, true), (0, false)] {
        let mut story = Story::formed();
        story.slo(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
        story.step(Step::Kill(node("A")));
        story.run(LOAD_STARTS, LOAD_STARTS + writes);
        story.write(2_000, story.key_of("B"), |_| {});
        story.end(2_100);
        let end = story.evidence.events.split_off(story.evidence.events.len() - 3);
        story.failover(5_000, 0, 2_000);
        story.evidence.events.extend(end);
        let verdict = verdict(&story);
        assert_eq!(verdict.outcome == Outcome::Pass, holds, "{}", verdict.because);
    }
}

#[test]
fn a_load_is_summed_up_by_part() {
    let mut story = good_until_the_end();
    let key = story.key_of("A");
    story.write(3_000, key, |write| {
        (write.ready, write.started) = (Instant::from_millis(5_000), Instant::from_millis(5_000));
        write.ended = Instant::from_millis(5_043);
        (write.attempts, write.node) = (2, Some(3));
    });
    story.end(9_000);
    let verdict = verdict(&story);
    let [load] = &verdict.loads[..] else { panic!("one load") };
    let parts: Vec<_> = load.latency.iter().map(|latency| (latency.part.as_str(), latency.max_ms)).collect();
    assert_eq!(
        parts,
        [("whole", 2_043.0), ("whole, from the first attempt", 43.0), ("steady", 1.0), ("fault", 2_043.0)]
    );
    assert_eq!((load.totals.ok, load.seconds), (story_ok(&story), 8.0));
}

fn story_ok(story: &Story) -> u64 {
    story.evidence.history.iter().filter(|op| op.kind != crate::evidence::OperationKind::FinalRead).count() as u64
}

#[test]
fn a_killed_replica_is_no_failover() {
    let mut story = Story::formed();
    story.fault(3_000, 0, FaultKind::Kill, "A1");
    story.end(4_000);
    assert_eq!(verdict(&story).failovers, []);
}

/// The second and the largest latency in milliseconds of each interval of a latency log.
fn intervals(log: &[u8]) -> Vec<(u64, f64)> {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    IntervalLogIterator::new(log)
        .filter_map(|entry| match entry.unwrap() {
            LogEntry::Interval(interval) => Some((interval.start_timestamp().as_secs(), interval.max())),
            _ => None,
        })
        .collect()
}

#[test]
fn the_latency_log_has_an_interval_a_second() {
    let intervals = intervals(&latency_log(&good().evidence).unwrap());
    let seconds: Vec<_> = intervals.iter().map(|(second, _)| *second).collect();
    assert_eq!(seconds, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!((intervals[0].1 - 1.0).abs() < 0.01, "{intervals:?}");
    let empty = latency_log(&Story::new().evidence).unwrap();
    assert_eq!(empty.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")).count(), 1);
}
