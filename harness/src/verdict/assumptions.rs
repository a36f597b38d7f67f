//! What must be true for findings to mean anything.

use std::collections::BTreeMap;

use super::implicit;
use super::types::Assumption;
use crate::check::schedule::scheduled;
use crate::check::takedown::Takedown;
use crate::check::window::{Window, load_window};
use crate::check::{Case, During, Slo, finding};
use crate::evidence::{Operation, Outcome, What};
use crate::load::{Load, Op, Pace};
use crate::scenario::Step;
use crate::vocab::Instant;

/// The share of its schedule that an open load must have kept in the steady part.
const RATE_KEPT_MIN: f64 = 0.95;

/// The observer looks at every node each 10 ms (20 ms above 12 nodes); what it has to say may come this much later.
const OBSERVER_NANOS_MAX: u64 = 100_000_000;

/// A write acknowledged so shortly before a fault may not have reached a replica yet.
const DANGEROUS_NANOS: u64 = 1_000_000_000;

/// Every assumption but the machine's, in the order in which a reader would ask.
pub(super) fn all(case: &Case<'_>) -> Vec<Assumption> {
    let mut assumptions = vec![complete(case), healthy_at_start(case)];
    assumptions.extend(case.plan.loads.iter().enumerate().map(|(index, load)| load_ran(case, index, load)));
    assumptions.extend([faults_happened(case), timeline_done(case)]);
    let asked = |wanted: fn(&Slo) -> bool| case.plan.slos.iter().any(|planned| wanted(&planned.slo));
    let loses = asked(|slo| matches!(slo, Slo::LostWrites(_)));
    if (loses || asked(|slo| matches!(slo, Slo::Failover(_)))) && !case.takedowns.is_empty() {
        assumptions.push(writes_in_flight(case));
    }
    if loses {
        assumptions.push(settled_for_final_read(case));
    }
    assumptions
}

fn assume(assumed: impl Into<String>, holds: bool, detail: impl Into<String>) -> Assumption {
    Assumption { assumed: assumed.into(), holds, detail: detail.into() }
}

fn has(case: &Case<'_>, wanted: impl Fn(&What) -> bool) -> bool {
    case.evidence.events.iter().any(|event| wanted(&event.what))
}

fn complete(case: &Case<'_>) -> Assumption {
    let aborted = case.evidence.events.iter().find_map(|event| match &event.what {
        What::Aborted { reason } => Some(reason.clone()),
        _ => None,
    });
    let wrong = match aborted {
        Some(reason) => Some(format!("the run was aborted: {reason}")),
        None if has(case, |what| matches!(what, What::Interrupted)) => Some("interrupted".to_owned()),
        None if !has(case, |what| matches!(what, What::Ended)) => Some("the evidence breaks off".to_owned()),
        None => None,
    };
    assume("the run was carried through", wrong.is_none(), wrong.unwrap_or_else(|| "to its end".to_owned()))
}

fn healthy_at_start(case: &Case<'_>) -> Assumption {
    let at = case.windows.whole.start;
    let formed = case.evidence.events.iter().find(|event| matches!(event.what, What::Formed)).map(|event| event.at);
    let assumed = "the cluster was formed and healthy when the load began";
    match formed {
        None => assume(assumed, false, "it never formed"),
        // Without a load nothing waits for the formation, and the whole begins before it.
        Some(formed) if formed > at && !case.plan.loads.is_empty() => {
            assume(assumed, false, format!("it formed at {formed}, the load began at {at}"))
        }
        Some(formed) if !calm_about(case, at.max(formed)) => {
            assume(assumed, false, "it was not settled and serving every slot")
        }
        Some(formed) => assume(assumed, true, format!("formed at {formed}")),
    }
}

/// Calm at that moment, or as soon as the observer has looked again after it.
fn calm_about(case: &Case<'_>, at: Instant) -> bool {
    case.calm.from(at).is_some_and(|calm| calm.nanos_since(at) <= OBSERVER_NANOS_MAX)
}

fn load_ran(case: &Case<'_>, index: usize, load: &Load) -> Assumption {
    let assumed = format!("load {} did its work", load.name);
    let own = || case.client_operations().filter(|operation| usize::from(operation.load) == index);
    let done = own().count() as u64;
    if done == 0 {
        return assume(assumed, false, "it did no operation");
    }
    let counted = case.evidence.events.iter().find_map(|event| match &event.what {
        What::LoadEnded { load: name, totals } if *name == load.name => Some(totals.ok + totals.fail + totals.unknown),
        _ => None,
    });
    let operations = finding::count(done, "operation");
    match counted {
        None => assume(assumed, false, format!("{operations}, and it never ended")),
        Some(counted) if counted != done => {
            assume(assumed, false, format!("it counted {counted} operations and the history holds {done}"))
        }
        Some(_) => match load.pace {
            Pace::Closed => assume(assumed, true, operations),
            Pace::Open { .. } => kept_rate(case, index, load, assumed),
        },
    }
}

fn kept_rate(case: &Case<'_>, index: usize, load: &Load, assumed: String) -> Assumption {
    let Some(schedule) = case.schedule(index) else { return assume(assumed, false, "it did no operation") };
    let per_second = schedule.per_second;
    // Not from the load's first event: before its first start it asks who owns what. And not to where the schedule got:
    // a load that stalls would then always have kept up with itself.
    let end = load_window(case.evidence, &load.name, case.windows.whole).end;
    let seconds = case.windows.seconds_within(During::Steady, Window { start: schedule.origin, end });
    let meant = f64::from(per_second) * seconds;
    let in_steady = |operation: &&Operation| case.windows.contains(During::Steady, operation.started);
    let starts = case.workers_of(index).flat_map(|(_, operations)| scheduled(load, operations));
    let started = starts.filter(in_steady).count() as f64;
    // At each end of the steady part every worker may be in the middle of an operation.
    let holds = started >= meant * RATE_KEPT_MIN || meant - started <= f64::from(load.workers);
    let detail = if meant < 1.0 {
        "there was no steady part to see its rate in".to_owned()
    } else {
        let share = finding::decimals((started / meant * 1000.0).round() / 10.0);
        format!("{share} % of {per_second}/s in {} s of steady operation", finding::decimals(seconds))
    };
    assume(assumed, holds, detail)
}

fn faults_happened(case: &Case<'_>) -> Assumption {
    let mut proofs = BTreeMap::<usize, Vec<(String, bool)>>::new();
    for event in &case.evidence.events {
        if let What::Fault { step: Some(step), fault, node, proof, .. } = &event.what {
            proofs.entry(*step).or_default().push((format!("{fault} {node}"), proof.is_some()));
        }
    }
    let reached = |index: usize| {
        has(case, |what| matches!(what, What::StepStarted { step, .. } if *step == index))
            || implicit::ended(case, index)
    };
    let wrong = case.plan.steps.iter().enumerate().filter(|(index, _)| reached(*index)).find_map(|(index, planned)| {
        if matches!(planned.step, Step::Run { .. } | Step::Until { .. }) {
            return None;
        }
        match proofs.get(&index) {
            None => Some(format!("line {}: {} acted on no node", planned.location.line, planned.step)),
            Some(nodes) => nodes.iter().find(|(_, proved)| !proved).map(|(fault, _)| format!("nothing proves {fault}")),
        }
    });
    let happened: usize = proofs.values().map(Vec::len).sum();
    let detail = wrong.clone().unwrap_or_else(|| format!("{happened} proved"));
    assume("every fault really happened", wrong.is_none(), detail)
}

fn timeline_done(case: &Case<'_>) -> Assumption {
    let missed = case.evidence.events.iter().find_map(|event| match event.what {
        What::UntilMissed { step, .. } => Some(step),
        _ => None,
    });
    let planned = missed.unwrap_or(case.plan.steps.len());
    let open = (0..planned).find(|index| !implicit::ended(case, *index));
    let detail = match (open, missed) {
        (Some(index), _) => {
            let planned = &case.plan.steps[index];
            format!("line {}: {} was not done", planned.location.line, planned.step)
        }
        (None, Some(_)) => "up to the Until that was missed".to_owned(),
        (None, None) => finding::count(planned as u64, "step"),
    };
    assume("every step of the timeline was done", open.is_none(), detail)
}

/// Whether each fault hit a master while it acknowledged writes. A run in which nothing was at risk proves nothing.
fn writes_in_flight(case: &Case<'_>) -> Assumption {
    let judged: Vec<_> = case.takedowns.iter().map(|takedown| at_risk(case, takedown)).collect();
    let holds = judged.iter().all(|(holds, _)| *holds);
    let details = judged.into_iter().filter(|(at_risk, _)| holds || !at_risk).map(|(_, detail)| detail);
    assume("writes were at risk when a master was taken down", holds, finding::note(details))
}

fn at_risk(case: &Case<'_>, takedown: &Takedown) -> (bool, String) {
    let running = case.plan.loads.iter().any(|load| {
        let writes = load.mix.iter().any(Op::writes);
        writes && load_window(case.evidence, &load.name, case.windows.whole).contains(takedown.began)
    });
    let acknowledged = |wanted: &dyn Fn(&Operation) -> bool| {
        let before = case.client_operations().filter(|operation| operation.ended <= takedown.began);
        before.filter(|write| write.kind.writes() && write.outcome == Outcome::Ok && wanted(write)).count() as u64
    };
    let failed = &takedown.failed;
    if running {
        let writes = acknowledged(&|write| {
            takedown.began.nanos_since(write.ended) <= DANGEROUS_NANOS && case.node_name(write.node) == Some(failed)
        });
        (writes > 0, format!("{failed} acknowledged {} in the second before", finding::count(writes, "write")))
    } else {
        let writes =
            acknowledged(&|write| case.slots.of_operation(write).is_some_and(|slot| takedown.slots.contains(slot)));
        (
            writes > 0,
            format!("{} acknowledged on {failed}'s slots before the load ended", finding::count(writes, "write")),
        )
    }
}

fn settled_for_final_read(case: &Case<'_>) -> Assumption {
    let assumed = "the cluster was settled for the final read";
    let events = &case.evidence.events;
    let Some(read) = events.iter().position(|event| matches!(event.what, What::FinalRead { .. })) else {
        return assume(assumed, false, "there was no final read");
    };
    let last = events[..read].iter().rev().find_map(|event| match &event.what {
        What::Formed | What::Settled => Some(None),
        What::Unsettled { reason } => Some(Some(reason.clone())),
        _ => None,
    });
    match last {
        None => assume(assumed, false, "it never settled"),
        Some(Some(reason)) => assume(assumed, false, reason),
        Some(None) => assume(assumed, true, format!("read at {}", events[read].at)),
    }
}

/// A starved machine can only make times worse: it spoils a limit that was missed, never one that was kept. `excused` are
/// the checks that were missed and are not blamed on the servers.
pub(super) fn machine_kept_up(case: &Case<'_>, excused: &[String]) -> Assumption {
    let assumed = "the machine spoiled no timing";
    let late = |nanos| format!("the harness' own timers were up to {} late", finding::time(nanos));
    match case.lags.worst_in(case.windows.whole) {
        Some(nanos) if !excused.is_empty() => {
            assume(assumed, false, format!("{}, which may be why this was missed: {}", late(nanos), excused.join(", ")))
        }
        Some(nanos) => assume(assumed, true, late(nanos)),
        None => assume(assumed, true, "no lateness was noted"),
    }
}
