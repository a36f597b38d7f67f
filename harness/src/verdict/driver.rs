//! Whether the load's driver kept its own part of the schedule.

use super::assumptions::assume;
use super::types::Assumption;
use crate::check::samples::quantile;
use crate::check::schedule::{self, Schedule, scheduled};
use crate::check::window::{Window, load_window};
use crate::check::{Case, During, finding};
use crate::load::Load;

/// How late the driver itself may be with 99 % of its starts where times are judged.
const DRIVER_LATE_NANOS_MAX: u64 = 5_000_000;

/// The same where none is: such scenarios share the machine, and what they claim does not depend on when exactly an
/// operation started.
const UNTIMED_DRIVER_LATE_NANOS_MAX: u64 = 100_000_000;

/// The share of its workers' time that the driver may stand still, in pauses longer than it may be late.
const DRIVER_STALLED_MAX: f64 = 0.05;

/// The share of its schedule that an open load must account for: begun, or left behind when it was stopped.
const ACCOUNTED_MIN: f64 = 0.95;

/// Whether the driver itself did all it could. That servers were too slow for the schedule is for the checks to judge: it
/// must not make the run one that cannot be judged.
pub(super) fn kept_up(case: &Case<'_>, index: usize, load: &Load, assumed: String) -> Assumption {
    let Some(schedule) = case.schedule(index) else { return assume(assumed, false, "it did no operation") };
    let (accounted, due) = accounted_for(case, index, load, &schedule);
    if accounted < due * ACCOUNTED_MIN && due - accounted > f64::from(load.workers) {
        let share = percent(accounted / due);
        return assume(
            assumed,
            false,
            format!("it began or left behind {share} of the starts that its schedule called for"),
        );
    }
    let lateness: Vec<_> =
        case.workers_of(index).flat_map(|(_, operations)| schedule::own_lateness(load, operations)).collect();
    let steady: Vec<_> =
        lateness.iter().filter(|(operation, _)| case.windows.has(During::Steady, operation)).copied().collect();
    let (part, judged) = if steady.is_empty() { (During::Whole, lateness) } else { (During::Steady, steady) };
    let mut late: Vec<_> = judged.iter().map(|(_, nanos)| *nanos).collect();
    let pauses = late.iter().copied().chain(pauses_at_end(case, index, load, &schedule));
    let is_timed = case.plan.slos.iter().any(|planned| planned.slo.is_timed());
    let late_max = if is_timed { DRIVER_LATE_NANOS_MAX } else { UNTIMED_DRIVER_LATE_NANOS_MAX };
    let stalled: u64 = pauses.filter(|nanos| *nanos > late_max).sum();
    let mostly = quantile(&mut late, 0.99).unwrap_or(0);
    // Not from the load's first event: before its first start it asks who owns what.
    let last_end = judged.iter().map(|(operation, _)| operation.ended).max().unwrap_or_default();
    let end = load_window(case.evidence, &load.name, case.windows.whole).end.min(last_end.max(schedule.stop));
    let seconds = case.windows.seconds_within(part, Window { start: schedule.origin, end });
    let stalled_share = stalled as f64 / 1e9 / (seconds * f64::from(load.workers)).max(1e-9);
    let meant = (f64::from(schedule.per_second) * seconds).max(1.0);
    let started = judged.iter().filter(|(operation, _)| case.windows.contains(part, operation.started)).count() as f64;
    let mut detail = format!(
        "{} of {}/s in {} s ({part}); 99 % of its own starts at most {} late",
        percent(started / meant),
        schedule.per_second,
        finding::decimals(seconds),
        finding::time(mostly)
    );
    if stalled > 0 {
        detail = format!("{detail}; its workers stood still for {} of their time", percent(stalled_share));
    }
    assume(assumed, mostly <= late_max && stalled_share <= DRIVER_STALLED_MAX, detail)
}

/// How long each worker had done nothing when the load was stopped, though a start was due that was then left behind.
fn pauses_at_end(case: &Case<'_>, index: usize, load: &Load, schedule: &Schedule) -> impl Iterator<Item = u64> {
    let turn = u64::from(load.workers) * 1_000_000_000 / u64::from(schedule.per_second.max(1));
    let last_ends = case.workers_of(index).filter_map(|(_, operations)| Some(operations.last()?.ended));
    last_ends.filter(|_| schedule.not_started > 0).map(move |ended| schedule.stop.nanos_since(ended.plus_nanos(turn)))
}

/// The starts that the load began or knows to have left behind, and those that were due until its last.
fn accounted_for(case: &Case<'_>, index: usize, load: &Load, schedule: &Schedule) -> (f64, f64) {
    let starts = case.workers_of(index).map(|(_, operations)| scheduled(load, operations).count() as u64).sum::<u64>();
    let intended =
        case.workers_of(index).flat_map(|(_, operations)| operations.iter()).map(|operation| operation.intended);
    // The second command of an entry is no start of the schedule, but no later than the start that follows it.
    let last = intended.max().unwrap_or(schedule.origin);
    let due = last.nanos_since(schedule.origin) as f64 / 1e9 * f64::from(schedule.per_second);
    (starts.saturating_add(schedule.not_started) as f64, due)
}

/// `98.7 %`.
fn percent(share: f64) -> String {
    format!("{} %", finding::decimals((share * 1_000.0).round() / 10.0))
}
