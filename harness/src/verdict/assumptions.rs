//! What must be true for findings to mean anything.

use std::collections::BTreeMap;

use super::types::{Assumption, MACHINE_KEPT_UP, assume};
use super::{driver, implicit, triggers};
use crate::check::preload::{self, Preload};
use crate::check::takedown::overlap;
use crate::check::window::fault_moments;
use crate::check::{Case, finding};
use crate::evidence::{Agreement, EventKind, LinkChange, NetworkChange, RecordedLoad};
use crate::vocab::Instant;

/// Whether the evidence covers a whole run; if it does not, that is the first thing to say.
pub(super) const CARRIED_THROUGH: &str = "the run was carried through";

/// What only claims about the run's end rest on.
pub(super) const SETTLED_AT_END: &str = "the nodes were settled for the final read";

/// The observer looks at every node each 10 ms (20 ms above 12 nodes); what it has to say may come this much later.
const OBSERVER_NANOS_MAX: u64 = 100_000_000;

/// Every assumption but the machine's, in the order in which a reader would ask.
pub(super) fn all(case: &Case<'_>) -> Vec<Assumption> {
    let complete = complete(case);
    let carried_through = complete.holds;
    let mut assumptions = vec![complete, healthy_at_start(case)];
    assumptions.extend(case.plan.loads.iter().enumerate().map(|(index, load)| load_ran(case, index, load)));
    assumptions.push(steps_proved(case));
    assumptions.extend(triggers::in_time(case));
    assumptions.push(timeline_done(case));
    // A run that broke off has no end at which it could have settled.
    if carried_through {
        assumptions.push(settled_for_final_read(case));
    }
    assumptions
}

fn has(case: &Case<'_>, wanted: impl Fn(&EventKind) -> bool) -> bool {
    case.evidence.events.iter().any(|event| wanted(&event.kind))
}

fn complete(case: &Case<'_>) -> Assumption {
    let wrong = match aborted(case) {
        Some(reason) => Some(format!("the run was aborted: {reason}")),
        None if has(case, |what| matches!(what, EventKind::Interrupted)) => Some("the run was interrupted".to_owned()),
        None if !has(case, |what| matches!(what, EventKind::Ended)) => Some("the evidence breaks off".to_owned()),
        None => final_reads_missing(case),
    };
    assume(CARRIED_THROUGH, wrong.is_none(), wrong.unwrap_or_else(|| "to its end".to_owned()))
}

/// How many keys the final read told of in the history, if it is not as many as were counted. Those that were found as they were
/// preloaded are not in it.
fn final_reads_missing(case: &Case<'_>) -> Option<String> {
    let (mut counted, mut preloaded) = (None, 0_u64);
    for event in &case.evidence.events {
        match event.kind {
            EventKind::FinalRead { keys, .. } => counted = Some(keys),
            EventKind::PreloadFound { keys, .. } => preloaded = preloaded.saturating_add(keys),
            _ => {}
        }
    }
    let counted = counted?.saturating_sub(preloaded);
    let held = case.census.keys_read_back;
    (counted != held).then(|| format!("the final read counted {counted} keys and the history holds {held}"))
}

fn aborted<'a>(case: &Case<'a>) -> Option<&'a str> {
    case.evidence.events.iter().find_map(|event| match &event.kind {
        EventKind::Aborted { reason } => Some(reason.as_str()),
        _ => None,
    })
}

/// Why a run ended before there was a cluster; none if there was one.
pub(super) fn untested(case: &Case<'_>) -> Option<String> {
    if has(case, |what| matches!(what, EventKind::Formed)) {
        return None;
    }
    let complete = complete(case);
    Some(match aborted(case) {
        Some(reason) => reason.to_owned(),
        None if complete.holds => format!("the {} never formed", case.plan.noun()),
        None => format!("{} before the {} had formed", complete.detail, case.plan.noun()),
    })
}

/// The one assumption of a run without a cluster.
pub(super) fn never_formed() -> Assumption {
    assume(HEALTHY, false, "it never formed")
}

const HEALTHY: &str = "every node was healthy when the load began";

fn healthy_at_start(case: &Case<'_>) -> Assumption {
    // Loads may begin under way, after a fault.
    let fault = fault_moments(case.evidence).first().map(|(_, began)| *began);
    let at = fault.map_or(case.windows.whole.start, |fault| fault.min(case.windows.whole.start));
    let formed =
        case.evidence.events.iter().find(|event| matches!(event.kind, EventKind::Formed)).map(|event| event.at);
    match formed {
        None => never_formed(),
        // Without a load nothing waits for the formation, and the whole begins before it.
        Some(formed) if formed > at && !case.plan.loads.is_empty() => {
            assume(HEALTHY, false, format!("it formed at {formed}, the load began at {at}"))
        }
        Some(formed) if !healthy_about(case, at.max(formed)) => {
            assume(HEALTHY, false, "it was not settled and serving everything")
        }
        Some(formed) => assume(HEALTHY, true, format!("formed at {formed}")),
    }
}

/// Healthy at that moment, or as soon as the observer has looked again after it.
fn healthy_about(case: &Case<'_>, at: Instant) -> bool {
    case.healthy.from(at).is_some_and(|healthy| healthy.nanos_since(at) <= OBSERVER_NANOS_MAX)
}

fn load_ran(case: &Case<'_>, index: usize, load: &RecordedLoad) -> Assumption {
    let Assumption { assumed, holds, detail } = load_worked(case, index, load);
    if load.preloaded == 0 {
        return assume(assumed, holds, detail);
    }
    match preload::of(case.evidence, &load.name).filter(|preload| preload.keys == load.preloaded) {
        None => assume(assumed, false, "its keys were not preloaded"),
        Some(Preload { keys, took_nanos, .. }) => {
            let preloaded =
                format!("{} preloaded in {}", finding::count(keys.into(), "key"), finding::time(took_nanos));
            assume(assumed, holds, finding::note([detail, preloaded]))
        }
    }
}

fn load_worked(case: &Case<'_>, index: usize, load: &RecordedLoad) -> Assumption {
    let assumed = format!("load {} did its work", load.name);
    let done = case.census.of_load(index);
    let began = has(case, |what| matches!(what, EventKind::LoadStarted { load: name } if *name == load.name));
    let failed = has(case, |what| matches!(what, EventKind::StepFailed { .. } | EventKind::UntilMissed { .. }));
    if done == 0 && !began && failed {
        return assume(assumed, true, "a step failed before the one that begins it");
    }
    if done == 0 && load.idle == 0 {
        return assume(assumed, false, "it did no operation");
    }
    let totals = case.evidence.events.iter().find_map(|event| match &event.kind {
        EventKind::LoadEnded { load: name, totals } if *name == load.name => Some(totals),
        _ => None,
    });
    let operations = finding::count(done, "operation");
    let Some(totals) = totals else {
        return assume(assumed, false, format!("{operations}, and it never ended"));
    };
    if let (0, Some(idle)) = (done, &totals.idle) {
        let open = format!("{} of {} idle connections were open at its end", idle.open, idle.wanted);
        return assume(assumed, totals.connections.opened > 0, open);
    }
    let counted = totals.demanded();
    if counted != done {
        return assume(assumed, false, format!("it counted {counted} operations and the history holds {done}"));
    }
    match &load.arrivals {
        None => assume(assumed, true, operations),
        Some(arrivals) => driver::offered(case, (index, load), arrivals, totals, assumed),
    }
}

fn steps_proved(case: &Case<'_>) -> Assumption {
    let mut proofs = BTreeMap::<usize, Vec<Option<String>>>::new();
    for event in &case.evidence.events {
        if let EventKind::ActedOnNode { step: Some(step), action, node, proof, .. } = &event.kind {
            proofs.entry(*step).or_default().push(proof.is_none().then(|| format!("nothing proves {action} {node}")));
        }
        if let EventKind::Network(change @ NetworkChange { step: Some(step), .. }) = &event.kind {
            let is_proved = change.proof.is_some() && !change.links.is_empty();
            let wrong = || format!("nothing proves {}{}", network_in_words(change), why(change));
            proofs.entry(*step).or_default().push((!is_proved).then(wrong));
        }
    }
    let reached = |index: usize| {
        has(case, |what| matches!(what, EventKind::StepStarted { step, .. } if *step == index))
            || implicit::ended(case, index)
    };
    let failed = implicit::failed_step(case);
    let wrong = case.plan.steps.iter().enumerate().filter(|(index, _)| reached(*index)).find_map(|(index, step)| {
        if !step.acts || failed == Some(index) {
            return None;
        }
        match proofs.get(&index) {
            None => Some(format!("line {}: {} acted on nothing", step.location.line, step.text)),
            Some(wrong) => wrong.iter().flatten().next().cloned(),
        }
    });
    let proved: usize = proofs.values().map(Vec::len).sum();
    let detail = wrong.clone().unwrap_or_else(|| format!("{proved} proved"));
    assume("every step left its proof", wrong.is_none(), detail)
}

/// `the cut of 6 links (partition-1)`.
fn network_in_words(change: &NetworkChange) -> String {
    let done = match change.change {
        LinkChange::Cut(_) => "cut".to_owned(),
        LinkChange::CutPort(port) => format!("cut of the {port}"),
        LinkChange::Shape(_) => "shaping".to_owned(),
        LinkChange::HealCut | LinkChange::HealShape => "healing".to_owned(),
    };
    format!("the {done} of {} ({})", finding::count(change.links.len() as u64, "link"), change.name)
}

/// `: a probe passed on A -> B`; nothing if nobody knows.
fn why(change: &NetworkChange) -> String {
    change.doubt.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
}

fn timeline_done(case: &Case<'_>) -> Assumption {
    let failed = implicit::failed_step(case);
    let planned = failed.unwrap_or(case.plan.steps.len());
    let open = (0..planned).find(|index| !implicit::ended(case, *index));
    let detail = match (open, failed) {
        (Some(index), _) => {
            let step = &case.plan.steps[index];
            format!("line {}: {} was not done", step.location.line, step.text)
        }
        (None, Some(index)) => match &case.plan.steps[index] {
            step if step.waits => "up to the Until that was missed".to_owned(),
            step => format!("up to {}, which a server failed to do", step.text),
        },
        (None, None) => finding::count(planned as u64, "step"),
    };
    assume("every step of the timeline was done", open.is_none(), detail)
}

/// A run that ends unsettled did not get over its faults, whatever its figures say; and what is read from a cluster in
/// motion proves no loss. Settled means little where a fault may still last: the nodes need a node timeout to notice a cut.
fn settled_for_final_read(case: &Case<'_>) -> Assumption {
    let assumed = SETTLED_AT_END;
    let events = &case.evidence.events;
    let position = |wanted: fn(&EventKind) -> bool| events.iter().position(|event| wanted(&event.kind));
    let Some(read) = position(|what| matches!(what, EventKind::FinalRead { .. })) else {
        return assume(assumed, false, "there was no final read");
    };
    // Evidence that does not say when the read began is judged by its end alone.
    let began =
        position(|what| matches!(what, EventKind::FinalReadStarted)).filter(|began| *began < read).unwrap_or(read);
    let unrest = |what: &EventKind| match what {
        EventKind::Formed | EventKind::Settled { .. } => Some(None),
        EventKind::Unsettled { reason } => Some(Some(reason.clone())),
        _ => None,
    };
    let before = events[..began].iter().rev().find_map(|event| unrest(&event.kind));
    let meanwhile = events[began..read].iter().find_map(|event| unrest(&event.kind).flatten());
    let settlement = events[..began].iter().rev().find_map(|event| match &event.kind {
        EventKind::Settled { agreement, .. } => Some(agreement),
        _ => None,
    });
    let unhealed = events[..read].iter().find_map(|event| unproved_healing(&event.kind));
    match (before, meanwhile) {
        _ if unhealed.is_some() => assume(assumed, false, format!("nothing proves {}", unhealed.unwrap_or_default())),
        (None, _) => assume(assumed, false, "it never settled"),
        (Some(Some(reason)), _) => assume(assumed, false, reason),
        (Some(None), Some(reason)) => assume(assumed, false, format!("while it was read: {reason}")),
        (Some(None), None) if let Some(owners) = settlement.and_then(owners_of_the_same) => {
            assume(assumed, false, owners)
        }
        (Some(None), None) => assume(assumed, true, format!("read at {}", events[read].at)),
    }
}

/// Two masters of the same keys, where nobody decides between them: what is read from one says nothing of the other.
fn owners_of_the_same(agreement: &Agreement) -> Option<String> {
    let owners: Vec<_> = agreement.places().filter(|(_, place)| !place.owns.is_empty()).collect();
    let twin = |index: usize| owners[index + 1..].iter().find(|other| overlap(&owners[index].1.owns, &other.1.owns));
    let (one, other) = (0..owners.len()).find_map(|index| Some((owners[index].0, twin(index)?.0)))?;
    Some(format!("{one} and {other} are both masters of the same keys"))
}

/// What the harness itself healed at the end, if nothing proves it. Steps are judged by [`steps_proved`].
fn unproved_healing(what: &EventKind) -> Option<String> {
    match what {
        EventKind::ActedOnNode { step: None, action, node, proof: None, .. } => {
            Some(format!("{action} {node} at the end"))
        }
        EventKind::Network(change @ NetworkChange { step: None, proof: None, .. }) => {
            Some(format!("{} at the end{}", network_in_words(change), why(change)))
        }
        _ => None,
    }
}

/// A starved machine can only make times worse: it spoils a limit that was missed, never one that was kept. `explained` are
/// the checks that were missed and are not blamed on the servers.
pub(super) fn machine_kept_up(case: &Case<'_>, explained: &[String]) -> Assumption {
    let why = if explained.is_empty() {
        String::new()
    } else {
        format!("it may be why this was missed: {}", explained.join(", "))
    };
    let figures = case.machine.figures(case.windows.whole);
    assume(
        MACHINE_KEPT_UP,
        explained.is_empty(),
        finding::note([figures, why, case.machine.wall_clock().unwrap_or_default()]),
    )
}
