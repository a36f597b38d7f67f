//! The checks that every run has.

use crate::check::{Case, Finding, Status, Window, finding};
use crate::evidence::What;
use crate::scenario::Step;

/// The name of the check that no server ended by itself.
pub(super) const NO_SERVER_ENDED: &str = "no server ended by itself";

/// The name of the check that every `Until` was met.
pub(super) const UNTILS_MET: &str = "every Until was met";

/// No server may end but by a step of the timeline.
pub(super) fn no_server_ended_by_itself(case: &Case<'_>) -> Finding {
    let events = &case.evidence.events;
    let formed = events.iter().find(|event| matches!(event.what, What::Formed)).map(|event| event.at);
    let started = events.iter().filter(|event| matches!(event.what, What::NodeStarted { .. })).count();
    let ends: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::NodeExited { node, cause, expected: false } => {
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

/// Every `Until` of the timeline must be met; none if the timeline has none.
pub(super) fn every_until_was_met(case: &Case<'_>) -> Option<Finding> {
    let untils: Vec<_> = case
        .plan
        .steps
        .iter()
        .enumerate()
        .filter(|(_, planned)| matches!(planned.step, Step::Until { .. }))
        .map(|(index, _)| index)
        .collect();
    if untils.is_empty() {
        return None;
    }
    let missed = case.evidence.events.iter().find_map(|event| match &event.what {
        What::UntilMissed { step, last_state } => Some((*step, last_state)),
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
            format!(
                "{}: {last_state}",
                planned.map_or_else(|| format!("step {step}"), |planned| planned.step.to_string())
            )
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

/// Why a missed `Until` is not blamed on the servers, if it is not: it was met after its bound, by no more than the machine may
/// have taken before. The run watches on for that long; what is not met by then is the servers' doing.
pub(super) fn excuse_of_until(case: &Case<'_>) -> Option<String> {
    let events = &case.evidence.events;
    let (missed, end) = events.iter().find_map(|event| match event.what {
        What::UntilMissed { step, .. } => Some((step, event.at)),
        _ => None,
    })?;
    let began = |what: &What| matches!(what, What::StepStarted { step, .. } if *step == missed);
    let start = events.iter().find(|event| began(&event.what))?.at;
    let waited = Window { start, end };
    let late = events.iter().find_map(|event| match event.what {
        What::UntilMetLate { step, late_nanos } if step == missed => Some(late_nanos),
        _ => None,
    })?;
    case.machine.explain_sight(waited, late)
}

/// Whether a step of the timeline is done.
pub(super) fn ended(case: &Case<'_>, index: usize) -> bool {
    case.evidence.events.iter().any(|event| matches!(event.what, What::StepEnded { step } if step == index))
}
