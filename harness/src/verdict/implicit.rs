//! The checks that every run has.

use crate::check::key_question::answer;
use crate::check::possible_reads::ReadsPossible;
use crate::check::{Case, Finding, Status, Window, finding, promotion_before_any_step};
use crate::evidence::EventKind;
use crate::vocab::Instant;

/// The name of the check that no server ended by itself.
pub(super) const NO_SERVER_ENDED: &str = "no server ended by itself";

/// The name of the check that every server did what steps told it to.
pub(super) const DID_AS_TOLD: &str = "every server did as told";

/// The name of the check that every `Until` was met.
pub(super) const UNTILS_MET: &str = "every Until was met";

/// The name of the check that what was read can have been written.
pub(super) const READS_POSSIBLE: &str = "reads of what was not written";

/// No server may end but by a step of the timeline.
pub(super) fn no_server_ended_by_itself(case: &Case<'_>) -> Finding {
    let events = &case.evidence.events;
    let formed = events.iter().find(|event| matches!(event.kind, EventKind::Formed)).map(|event| event.at);
    let started = events.iter().filter(|event| matches!(event.kind, EventKind::NodeStarted { .. })).count();
    let ends: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::NodeExited { node, cause, expected: false } => {
                let tested = formed.is_some_and(|formed| event.at >= formed);
                Some((tested, format!("{node} ended at {} with {cause}", event.at)))
            }
            _ => None,
        })
        .collect();
    let status = match () {
        () if ends.iter().any(|(tested, _)| *tested) => Status::Fail,
        // A server that does not even come up has not been tested: more likely it was given a wrong configuration.
        () if !ends.is_empty() || started == 0 => Status::Inconclusive,
        () => Status::Pass,
    };
    let measured = ends.len().to_string();
    let mut notes: Vec<_> = ends.into_iter().map(|(_, note)| note).collect();
    if started == 0 {
        notes.push("no server was started".to_owned());
    }
    Finding {
        status,
        measured,
        samples: started as u64,
        note: finding::note(notes),
        ..Finding::nothing(&NO_SERVER_ENDED, "0".to_owned(), "")
    }
}

/// A server must do what a step tells it to, within the time that `explain` states; none if the timeline tells them nothing.
pub(super) fn every_server_did_as_told(case: &Case<'_>) -> Option<Finding> {
    let steps = case.plan.steps.iter().enumerate();
    let failed = |index: usize| {
        let failed = |what: &EventKind| matches!(what, EventKind::StepFailed { step, .. } if *step == index);
        case.evidence.events.iter().any(|event| failed(&event.kind))
    };
    let demanding = steps.filter(|(index, step)| step.demand.is_some() || failed(*index)).map(|(index, _)| index);
    let demanding: Vec<_> = demanding.collect();
    if demanding.is_empty() {
        return None;
    }
    let done = demanding.iter().filter(|index| ended(case, **index)).count();
    let failures = case.evidence.events.iter().filter_map(|event| match &event.kind {
        EventKind::StepFailed { step, node, reason, log, .. } => {
            let planned = case.plan.steps.get(*step);
            let what = planned.map_or_else(|| format!("step {step}"), |planned| planned.text.clone());
            Some((planned, format!("{what}: {node} {reason}\n{node}'s log ends:\n{log}")))
        }
        _ => None,
    });
    let failures: Vec<_> = failures.collect();
    let (status, note) = match &failures[..] {
        [] if done < demanding.len() => (Status::Inconclusive, "the timeline did not get to all of them".to_owned()),
        [] => (Status::Pass, String::new()),
        failures => {
            let notes: Vec<_> = failures.iter().map(|(_, note)| note.as_str()).collect();
            (Status::Fail, notes.join("\n"))
        }
    };
    Some(Finding {
        status,
        measured: format!("{done} of {}", demanding.len()),
        samples: demanding.len() as u64,
        line: failures.first().and_then(|(planned, _)| *planned).map(|planned| planned.location.line),
        note,
        ..Finding::nothing(&DID_AS_TOLD, format!("{0} of {0}", demanding.len()), "")
    })
}

/// Every `Until` of the timeline must be met; none if the timeline has none.
pub(super) fn every_until_was_met(case: &Case<'_>) -> Option<Finding> {
    let untils: Vec<_> =
        case.plan.steps.iter().enumerate().filter(|(_, step)| step.waits).map(|(index, _)| index).collect();
    if untils.is_empty() {
        return None;
    }
    let missed = case.evidence.events.iter().find_map(|event| match &event.kind {
        EventKind::UntilMissed { step, last_state } => Some((*step, last_state)),
        _ => None,
    });
    let met =
        untils.iter().filter(|index| missed.is_none_or(|(step, _)| step != **index) && ended(case, **index)).count();
    let status = match missed {
        Some(_) => Status::Fail,
        None if met < untils.len() => Status::Inconclusive,
        None => Status::Pass,
    };
    let note = match missed {
        Some((step, last_state)) => {
            let planned = case.plan.steps.get(step);
            format!("{}: {last_state}", planned.map_or_else(|| format!("step {step}"), |planned| planned.text.clone()))
        }
        None if met < untils.len() => "the timeline did not get to all of them".to_owned(),
        None => String::new(),
    };
    Some(Finding {
        status,
        measured: format!("{met} of {}", untils.len()),
        samples: untils.len() as u64,
        line: missed.and_then(|(step, _)| case.plan.steps.get(step)).map(|planned| planned.location.line),
        note,
        ..Finding::nothing(&UNTILS_MET, format!("{} of {}", untils.len(), untils.len()), "")
    })
}

/// No read may return what no write of its key can have left, whatever faults there were; none if no client was told what a key holds.
pub(super) fn every_read_was_possible(case: &Case<'_>) -> Option<Finding> {
    let told = answer(case, &ReadsPossible);
    let count: u64 = told.impossible.values().map(|(count, _)| count).sum();
    let notes = told.impossible.iter().map(|(what, (count, first))| {
        let node = case.node_name(first.node).map_or_else(|| "an unknown node".to_owned(), ToString::to_string);
        let (reads, key, at) = (finding::count(*count, "read"), case.key_text(first), first.started);
        format!("{reads} of {}, such as {key} at {at} from {node}", what.text())
    });
    (told.count > 0).then(|| Finding {
        status: finding::met(count == 0),
        measured: count.to_string(),
        samples: told.count,
        note: finding::note(notes),
        ..Finding::nothing(&READS_POSSIBLE, "0".to_owned(), "")
    })
}

/// Why a missed `Until` is not blamed on the servers, if it is not: it was met after its bound, by no more than the machine may
/// have taken before. The run watches on for that long, though no longer than the bound; what is not met by then is the servers'
/// doing, unless the machine may have taken all of that time. Nor are they to blame where one had taken over before anything was
/// done to them, because the machine may have let others stand still: then the timeline met another cluster than it is about.
pub(super) fn until_explained_by_machine(case: &Case<'_>) -> Option<String> {
    let events = &case.evidence.events;
    let (missed, end) = events.iter().find_map(|event| match event.kind {
        EventKind::UntilMissed { step, .. } => Some((step, event.at)),
        _ => None,
    })?;
    let began = |what: &EventKind| matches!(what, EventKind::StepStarted { step, .. } if *step == missed);
    let start = events.iter().find(|event| began(&event.kind))?.at;
    let waited = Window { start, end };
    let late = events.iter().find_map(|event| match event.kind {
        EventKind::UntilMetLate { step, late_nanos } if step == missed => Some(late_nanos),
        _ => None,
    });
    case.machine.explain_observed(waited, late.unwrap_or(waited.nanos())).or_else(|| {
        let whole = case.windows.whole;
        let before = Window { end: promotion_before_any_step(case).filter(|at| *at > whole.start)?, ..whole };
        case.machine.stalled(before, case.plan.node_timeout_ms())
    })
}

/// Why servers that did not do as told are not blamed, if none is. One that failed whatever the time has no such explanation.
/// How much too long one that was late would have taken is not known, but the bounds are many times what a server needs: it is
/// the machine's doing only if that took half of the time.
pub(super) fn failed_step_explained_by_machine(case: &Case<'_>) -> Option<String> {
    let explanations = case.evidence.events.iter().filter_map(|event| match event.kind {
        EventKind::StepFailed { within_ms, ref node, .. } => Some(within_ms.and_then(|within_ms| {
            let start = Instant(event.at.0.saturating_sub(within_ms.saturating_mul(1_000_000)));
            let waited = Window { start, end: event.at };
            case.machine.explain_told(node, waited, waited.nanos() / 2)
        })),
        _ => None,
    });
    explanations.collect::<Option<Vec<_>>>()?.into_iter().next()
}

/// The step at which the timeline came to its end, if that is before the last: an `Until` was missed, or a server did not
/// do as told.
pub(super) fn failed_step(case: &Case<'_>) -> Option<usize> {
    let failed = case.evidence.events.iter().find_map(|event| match event.kind {
        EventKind::UntilMissed { step, .. } | EventKind::StepFailed { step, .. } => Some(step),
        _ => None,
    });
    failed.filter(|step| *step < case.plan.steps.len())
}

/// Whether a step of the timeline is done.
pub(super) fn ended(case: &Case<'_>, index: usize) -> bool {
    case.evidence.events.iter().any(|event| matches!(event.kind, EventKind::StepEnded { step } if step == index))
}
