//! From plan and evidence to a verdict.

use super::types::{Assumption, Verdict};
use super::{assumptions, failovers, implicit, summary};
use crate::check::{Case, Finding, Outcome, Status, finding};
use crate::evidence::Evidence;
use crate::plan::Plan;
use crate::scenario::Step;

/// Judges a finished run. The same plan and evidence always give the same verdict.
pub fn judge(plan: &Plan, evidence: &Evidence) -> Verdict {
    let case = Case::new(plan, evidence);
    if let Some(reason) = assumptions::untested(&case) {
        return untested(plan, &reason);
    }
    let mut assumptions = assumptions::all(&case);
    let (findings, missed_a_time) = findings(&case);
    let (outcome, because) = outcome(plan, &assumptions, &findings);
    assumptions.push(assumptions::machine_kept_up(&case, missed_a_time));
    Verdict {
        scenario: plan.name.clone(),
        outcome,
        because,
        assumptions,
        findings,
        failovers: failovers::reports(&case),
        loads: summary::loads(&case),
        settings: summary::settings(plan, evidence),
    }
}

/// The verdict on a run without a cluster. Every check and every other assumption would only say so again, and bury the
/// reason.
fn untested(plan: &Plan, reason: &str) -> Verdict {
    Verdict {
        scenario: plan.name.clone(),
        outcome: Outcome::Inconclusive,
        because: format!("Nothing was tested: {reason}"),
        assumptions: vec![assumptions::never_formed()],
        findings: Vec::new(),
        failovers: Vec::new(),
        loads: Vec::new(),
        settings: Vec::new(),
    }
}

/// Every finding, and whether one about time was missed on a machine that was starved.
fn findings(case: &Case<'_>) -> (Vec<Finding>, bool) {
    let mut judged = vec![(false, implicit::no_server_ended_by_itself(case))];
    // An Until has a bound in time, so a slow machine can miss it too.
    judged.extend(implicit::every_until_was_met(case).map(|finding| (true, finding)));
    judged.extend(case.plan.slos.iter().map(|planned| {
        let line = Some(planned.location.line);
        (planned.slo.is_about_time(), Finding { line, ..planned.slo.judge(case) })
    }));
    let starvation = assumptions::starvation(case);
    let mut missed_a_time = false;
    let mut findings = Vec::with_capacity(judged.len());
    for (about_time, mut found) in judged {
        if let Some(starved) = starvation.as_ref().filter(|_| about_time && found.status == Status::Fail) {
            missed_a_time = true;
            found.status = Status::Inconclusive;
            found.note = finding::note([format!("not blamed on the servers: {starved}"), found.note]);
        }
        findings.push(found);
    }
    (findings, missed_a_time)
}

/// The outcome and its reason. `assumptions` are those without which nothing can be said at all; a starved machine is
/// none of them, because it already made every timing it may have spoiled inconclusive and cannot spoil the others.
fn outcome(plan: &Plan, assumptions: &[Assumption], findings: &[Finding]) -> (Outcome, String) {
    if let Some(broken) = assumptions.iter().find(|assumption| !assumption.holds) {
        return (Outcome::Inconclusive, assumptions::in_words(broken));
    }
    let with = |status: Status| findings.iter().filter(move |finding| finding.status == status);
    if let Some(first) = with(Status::Fail).next() {
        return (Outcome::Fail, format!("Not met: {}.", in_words(first, with(Status::Fail).count() - 1)));
    }
    if let Some(first) = with(Status::Inconclusive).next() {
        let others = with(Status::Inconclusive).count() - 1;
        return (Outcome::Inconclusive, format!("It cannot be told: {}.", in_words(first, others)));
    }
    let waits = plan.steps.iter().any(|planned| matches!(planned.step, Step::Until { .. }));
    if plan.slos.is_empty() && !waits {
        return (Outcome::Inconclusive, "Nothing was claimed: the scenario has no SLO and no Until.".to_owned());
    }
    (Outcome::Pass, format!("Every assumption held and all {} checks were met.", findings.len()))
}

fn in_words(finding: &Finding, others: usize) -> String {
    let note = if finding.note.is_empty() { String::new() } else { format!(" ({})", finding.note) };
    let others = if others == 0 { String::new() } else { format!(", and {others} more") };
    format!("{}, measured {}{note}{others}", finding.check, finding.measured)
}
