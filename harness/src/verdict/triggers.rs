//! Whether what was timed to an event came in time.

use super::types::{Assumption, assume};
use crate::check::{Case, finding};
use crate::evidence::{EventKind, NetworkChange};
use crate::vocab::Instant;

/// A triggered step begins so soon after its trigger was seen, or it is not what the scenario asks for.
const DELAY_NANOS_MAX: u64 = 20_000_000;

/// Whether every triggered step began in time; none if nothing was triggered.
pub(super) fn in_time(case: &Case<'_>) -> Option<Assumption> {
    let delays = case.evidence.events.iter().filter_map(|event| match event.kind {
        EventKind::Triggered { step, seen } => Some((step, began(case, step + 1)?.nanos_since(seen))),
        _ => None,
    });
    let delays: Vec<_> = delays.collect();
    let (step, worst) = delays.iter().copied().max_by_key(|(_, nanos)| *nanos)?;
    let line = case.plan.steps.get(step).map_or(0, |planned| planned.location.line);
    let steps = finding::count(delays.len() as u64, "step");
    let detail =
        format!("{steps}, the latest {:.1} ms after what it waited for was seen (line {line})", worst as f64 / 1e6);
    let assumed = format!("triggered steps began within {} ms", DELAY_NANOS_MAX / 1_000_000);
    Some(assume(&assumed, worst <= DELAY_NANOS_MAX, detail))
}

/// When a step began to act; when it began at all if it acts on nothing.
fn began(case: &Case<'_>, wanted: usize) -> Option<Instant> {
    let events = &case.evidence.events;
    let acted = events.iter().filter_map(|event| match &event.kind {
        EventKind::ActedOnNode { step: Some(step), began, .. } if *step == wanted => Some(*began),
        EventKind::Network(NetworkChange { step: Some(step), began, .. }) if *step == wanted => Some(*began),
        _ => None,
    });
    let started = || {
        let started = |what: &EventKind| matches!(what, EventKind::StepStarted { step, .. } if *step == wanted);
        events.iter().find(|event| started(&event.kind)).map(|event| event.at)
    };
    acted.min().or_else(started)
}
