//! From the evidence to a verdict.

use std::any::Any;

use super::topology::{AS_RECORDED, TopologyComparison, TopologyState};
use super::types::{Assumption, Verdict, assume};
use super::{assumptions, failovers, implicit, replicas, servers, summary};
use crate::check::key_question::{self, to_ask};
use crate::check::parallel::{both, in_parallel};
use crate::check::possible_reads::ReadsPossible;
use crate::check::{Case, Finding, RunOutcome, Slo, Status, finding};
use crate::evidence::{Evidence, RecordedPlan, RecordedSlo};

/// Judges a finished run whose topology compares so with the recorded snapshot. The same evidence and comparison always give
/// the same verdict.
pub fn judge(evidence: &Evidence, topology: TopologyComparison) -> Verdict {
    let (plan, mut case) = (&evidence.plan, Case::new(evidence));
    if let Some(reason) = assumptions::untested(&case) {
        return untested(plan, &reason, topology);
    }
    case.of_keys = asked_of_keys(&case);
    let mut assumptions = assumptions::all(&case);
    let (loads, (mut findings, mut explained)) = both(|| summary::loads(&case), || findings(&case));
    let topology = if !assumptions.iter().all(|assumption| assumption.holds) {
        topology.left_out("the run does not say enough")
    } else if implicit::failed_step(&case).is_some() {
        topology.left_out("the timeline did not come to its end")
    } else {
        findings.extend(compared(&case, &topology, &mut explained));
        topology
    };
    let (outcome, because) = outcome(plan, &assumptions, &findings, &never_begun(&case));
    assumptions.push(assumptions::machine_kept_up(&case, &explained));
    Verdict {
        scenario: plan.name.clone(),
        outcome,
        because,
        assumptions,
        findings,
        topology,
        failovers: failovers::reports(&case),
        loads,
        servers: servers::servers(evidence),
        replicas: replicas::replicas(&case),
        settings: summary::settings(evidence),
    }
}

/// What the checks ask of every key, with the answers.
fn asked_of_keys(case: &Case<'_>) -> Vec<Box<dyn Any + Send + Sync>> {
    let slos = case.plan.slos.iter().filter_map(|recorded| Slo::recorded(recorded).ok());
    let asked = slos.filter_map(|slo| slo.kind().of_keys(case));
    key_question::ask(case, std::iter::once(to_ask(ReadsPossible)).chain(asked).collect())
}

/// The finding on the topology. One that went another way than recorded is not blamed on the servers if the machine stood
/// still for so long that they may have taken each other for dead.
fn compared(case: &Case<'_>, topology: &TopologyComparison, explained: &mut Vec<String>) -> Option<Finding> {
    let found = topology.finding()?;
    let stalled = || case.machine.stalled(case.windows.whole, case.plan.node_timeout_ms());
    let Some(why) = topology.is_news().then(stalled).flatten() else { return Some(found) };
    explained.push(found.check.clone());
    Some(Finding { status: Status::Inconclusive, note: format!("not blamed on the servers: {why}"), ..found })
}

/// The verdict on a run without a cluster. Every check and every other assumption would only say so again, and bury the
/// reason.
fn untested(plan: &RecordedPlan, reason: &str, topology: TopologyComparison) -> Verdict {
    let topology = topology.left_out("there was no cluster");
    only(&plan.name, format!("Nothing was tested: {reason}"), assumptions::never_formed(), topology)
}

/// The verdict on evidence that is not what the run left: nobody can stand by a figure of it, so there is none.
pub fn distrust(scenario: &str, differences: &[String]) -> Verdict {
    let others = match differences.len() {
        0 | 1 => String::new(),
        all => format!(", and {} more", all - 1),
    };
    let first = differences.first().map_or("nobody knows how", String::as_str);
    let broken = assume("the evidence is what the run left", false, differences.join("; "));
    let topology = TopologyComparison::none(TopologyState::NotCompared, "nobody knows how it went");
    only(scenario, format!("The evidence is not what the run left: {first}{others}."), broken, topology)
}

/// A reason that stands alone.
fn only(scenario: &str, because: String, broken: Assumption, topology: TopologyComparison) -> Verdict {
    Verdict {
        scenario: scenario.to_owned(),
        outcome: RunOutcome::Inconclusive,
        because,
        assumptions: vec![broken],
        findings: Vec::new(),
        topology,
        failovers: Vec::new(),
        loads: Vec::new(),
        servers: Vec::new(),
        replicas: Vec::new(),
        settings: Vec::new(),
    }
}

/// Every finding, those about what servers did first; and the checks whose miss the machine may explain.
fn findings(case: &Case<'_>) -> (Vec<Finding>, Vec<String>) {
    let demanded = implicit::every_server_did_as_told(case);
    let demanded = demanded.map(|found| unless_explained(found, || implicit::failed_step_explained_by_machine(case)));
    let untils = implicit::every_until_was_met(case);
    let untils = untils.map(|found| unless_explained(found, || implicit::until_explained_by_machine(case)));
    let alone = (implicit::no_server_ended_by_itself(case), false);
    let jobs: Vec<_> = std::iter::once(None).chain(case.plan.slos.iter().map(Some)).collect();
    let judged = in_parallel(&jobs, |job| match job {
        None => implicit::every_read_was_possible(case).map(|found| (found, false)),
        Some(recorded) => Some(judge_slo(case, recorded)),
    });
    let all = demanded.into_iter().chain([alone]).chain(untils).chain(judged.into_iter().flatten());
    let (mut findings, mut explained) = (Vec::new(), Vec::new());
    for (found, is_explained) in all {
        explained.extend(is_explained.then(|| found.check.clone()));
        findings.push(found);
    }
    (findings, explained)
}

/// The finding, and whether the machine may explain that it is a miss: then it is inconclusive.
fn unless_explained(found: Finding, explain: impl FnOnce() -> Option<String>) -> (Finding, bool) {
    let Some(why) = Some(()).filter(|()| found.status == Status::Fail).and_then(|()| explain()) else {
        return (found, false);
    };
    let note = finding::note([format!("not blamed on the servers: {why}"), found.note]);
    (Finding { status: Status::Inconclusive, note, ..found }, true)
}

fn judge_slo(case: &Case<'_>, recorded: &RecordedSlo) -> (Finding, bool) {
    let line = Some(recorded.location.line);
    let Ok(slo) = Slo::recorded(recorded) else { return (Finding { line, ..unreadable(recorded) }, false) };
    let found = Finding { line, ..slo.kind().judge(case) };
    unless_explained(found, || slo.kind().explained_by_machine(case))
}

/// The finding on an SLO that evidence of this version does not have.
fn unreadable(recorded: &RecordedSlo) -> Finding {
    Finding::nothing(&recorded.specification, String::new(), "this is no SLO that this version knows")
}

/// The outcome and its reason. `assumptions` are those without which nothing can be said at all; a starved machine is
/// none of them, because it already made every timing it may have spoiled inconclusive and cannot spoil the others.
///
/// What is a fact whatever the assumptions outweighs them: a server that did not do as told or ended by itself, for it may well
/// be why they broke; and a missed `Until` over a cluster that did not settle afterwards.
fn outcome(
    plan: &RecordedPlan,
    assumptions: &[Assumption],
    findings: &[Finding],
    never_begun: &str,
) -> (RunOutcome, String) {
    let with = |status: Status| findings.iter().filter(move |finding| finding.status == status);
    let broken: Vec<_> = assumptions.iter().filter(|assumption| !assumption.holds).collect();
    if let Some(first) = broken.first() {
        let unsettled_only = broken.iter().all(|assumption| assumption.assumed == assumptions::SETTLED_AT_END);
        let stands = |finding: &&Finding| {
            [implicit::DID_AS_TOLD, implicit::NO_SERVER_ENDED].contains(&finding.check.as_str())
                || unsettled_only && finding.check == implicit::UNTILS_MET
        };
        return match with(Status::Fail).find(stands) {
            Some(fact) => (RunOutcome::Fail, format!("Not met: {}.", in_words(fact, 0))),
            None => (RunOutcome::Inconclusive, broken_in_words(first)),
        };
    }
    if let Some(first) = with(Status::Fail).next() {
        return (RunOutcome::Fail, format!("Not met: {}.", in_words(first, with(Status::Fail).count() - 1)));
    }
    if let Some(first) = with(Status::Inconclusive).next() {
        let others = with(Status::Inconclusive).count() - 1;
        return (RunOutcome::Inconclusive, format!("Cannot tell: {}.", in_words(first, others)));
    }
    let waits = plan.steps.iter().any(|step| step.waits);
    if plan.slos.is_empty() && !waits {
        return (RunOutcome::Inconclusive, "Nothing was claimed: the scenario has no SLO and no Until.".to_owned());
    }
    (RunOutcome::Pass, format!("Every assumption held and all {} checks were met{never_begun}.", findings.len()))
}

/// What a pass must not hide, whatever it is that was asked.
fn never_begun(case: &Case<'_>) -> String {
    let (demanded, never_begun) = (case.census.of_clients(), case.census.never_begun);
    match never_begun {
        0 => String::new(),
        _ => format!(", but of {demanded} operations that were due {never_begun} were never begun"),
    }
}

/// Why nothing can be told. That a run broke off is a reason in itself: `The run was aborted: no disk.`
fn broken_in_words(broken: &Assumption) -> String {
    let detail = broken.detail.trim_end().trim_end_matches('.');
    if broken.assumed != assumptions::CARRIED_THROUGH {
        return format!("Cannot tell: \"{}\" does not hold: {detail}.", broken.assumed);
    }
    let (first, rest) = detail.split_at(detail.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}.", first.to_uppercase())
}

fn in_words(finding: &Finding, others: usize) -> String {
    // A server's log stands with its check.
    let note = finding.note.lines().next().map(|note| format!(" ({note})")).unwrap_or_default();
    let others = if others == 0 { String::new() } else { format!(", and {others} more") };
    // Words are no measure.
    let measured = if finding.limit == AS_RECORDED { ": " } else { ", measured " };
    format!("{}{measured}{}{note}{others}", finding.check, finding.measured)
}
