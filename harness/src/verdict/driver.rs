//! Whether an open load's driver offered its schedule.

use super::types::{Assumption, assume};
use crate::check::samples::quantile;
use crate::check::schedule::{began, bound_reached, pace_changes, scheduled};
use crate::check::window::Window;
use crate::check::{Case, During, Slo, finding};
use crate::evidence::{LoadTotals, Operation, RecordedLoad, RecordedSlo};
use crate::vocab::{Arrivals, Instant};

/// The share of its schedule that an open load must account for: begun, or known to have never been.
const ACCOUNTED_MIN: f64 = 0.99;

/// Whether every start of the schedule is accounted for. That servers were too slow for the schedule is for the checks to judge,
/// which count what was never begun. A driver that was late itself spoils only what was missed by no more (`check::machine`).
pub(super) fn offered(
    case: &Case<'_>,
    (index, load): (usize, &RecordedLoad),
    arrivals: &Arrivals,
    totals: &LoadTotals,
    assumed: String,
) -> Assumption {
    let starts = starts(case, index);
    let paces = paces(case, load, arrivals, &starts);
    if let Some(hole) = hole(load, &starts, &paces, totals) {
        return assume(assumed, false, hole);
    }
    let begun = || starts.iter().filter(|start| !start.never_begun());
    let (part, late_nanos) = lateness(case, begun().copied().collect());
    let span = span(&starts);
    let late_max = late_max(case);
    let waits = begun().map(|start| Window { start: start.ready, end: start.started });
    let stood_still = covered(waits, late_max) as f64 / (span.nanos() as f64).max(1.0);
    let detail = format!(
        "{} demanded for {} s: {} of {} due starts begun; 99 % of its own starts ({part}) at most {} late",
        paces.iter().map(|pace| pace.arrivals.to_string()).collect::<Vec<_>>().join(", later "),
        finding::decimals(span.nanos() as f64 / 1e9),
        begun().count(),
        starts.len(),
        finding::time(late_nanos),
    );
    let stall = match stood_still {
        share if share > 0.0 => format!("it stood still for {} of the time", percent(share)),
        _ => String::new(),
    };
    let details = [detail, stall, reached_in_words(case, index, load), never_begun_in_words(&starts)];
    assume(assumed, true, finding::note(details))
}

/// How many nanoseconds a driver may be late before it is said to have stood still: little where times are judged. Where none
/// is, scenarios share the machine, and what they claim does not depend on when exactly an operation started.
fn late_max(case: &Case<'_>) -> u64 {
    let is_timed = |slo: &RecordedSlo| Slo::recorded(slo).is_ok_and(|slo| slo.is_timed());
    if case.plan.slos.iter().any(is_timed) { 5_000_000 } else { 100_000_000 }
}

/// How late the driver was at most with 99 % of the starts that it made: in the steady part, else in the whole.
fn lateness(case: &Case<'_>, begun: Vec<&Operation>) -> (During, u64) {
    let steady: Vec<_> = begun.iter().copied().filter(|start| case.windows.has(During::Steady, start)).collect();
    let (part, judged) = if steady.is_empty() { (During::Whole, begun) } else { (During::Steady, steady) };
    let mut late: Vec<_> = judged.iter().map(|start| start.started.nanos_since(start.ready)).collect();
    (part, quantile(&mut late, 0.99).unwrap_or(0))
}

/// The operations that the load's schedule called for.
fn starts<'a>(case: &'a Case<'a>, index: usize) -> Vec<&'a Operation> {
    case.workers_of(index).flat_map(|operations| scheduled(operations)).collect()
}

/// Which starts of the schedule are not in the history, if some are not.
fn hole(load: &RecordedLoad, starts: &[&Operation], paces: &[PaceUsed<'_>], totals: &LoadTotals) -> Option<String> {
    if totals.dropped > 0 {
        return Some(format!(
            "it forgot {}: more than {} waited",
            finding::count(totals.dropped, "due start"),
            load.waiting_max
        ));
    }
    let due = paces.iter().map(PaceUsed::due).fold(0, u64::saturating_add);
    let due = due.min(load.operations.unwrap_or(u64::MAX)) as f64;
    let share = starts.len() as f64 / due.max(1.0);
    // One more or less for each pace is the rounding's doing.
    (share < ACCOUNTED_MIN && due - starts.len() as f64 > paces.len() as f64)
        .then(|| format!("it accounts for {} of the starts that its schedule called for", percent(share)))
}

/// A pace, and the time that the load kept to it.
struct PaceUsed<'a> {
    arrivals: &'a Arrivals,
    /// From what the arrivals count from to the last start that was due at it, or to the next pace.
    during: Window,
}

impl PaceUsed<'_> {
    /// How many starts were due meanwhile.
    fn due(&self) -> u64 {
        self.arrivals.due_by(self.during.nanos())
    }
}

/// The paces of a load, one after the other.
fn paces<'a>(case: &'a Case<'_>, load: &RecordedLoad, first: &'a Arrivals, starts: &[&Operation]) -> Vec<PaceUsed<'a>> {
    let Window { start, end } = span(starts);
    let mut paces = vec![PaceUsed { arrivals: first, during: Window { start: began(first, start), end } }];
    for (from, arrivals) in pace_changes(case, &load.name).filter(|(from, _)| *from <= end) {
        if let Some(before) = paces.last_mut() {
            // What is due at the moment of a change is due at the new pace.
            before.during.end = Instant(from.0.saturating_sub(1)).max(before.during.start);
        }
        paces.push(PaceUsed { arrivals, during: Window { start: from, end } });
    }
    paces
}

/// How much time the stretches that are longer than `least` cover together.
fn covered(stretches: impl Iterator<Item = Window>, least: u64) -> u64 {
    let mut long: Vec<_> = stretches.filter(|stretch| stretch.nanos() > least).collect();
    long.sort_by_key(|stretch| stretch.start);
    let (mut covered, mut until) = (0, Instant::default());
    for stretch in long {
        covered += stretch.end.nanos_since(stretch.start.max(until));
        until = until.max(stretch.end);
    }
    covered
}

/// `98.7 %`.
fn percent(share: f64) -> String {
    format!("{} %", finding::decimals((share * 1_000.0).round() / 10.0))
}

/// From the moment that the first start was due at to that of the last.
fn span(starts: &[&Operation]) -> Window {
    let intended = || starts.iter().map(|start| start.intended);
    Window { start: intended().min().unwrap_or_default(), end: intended().max().unwrap_or_default() }
}

fn reached_in_words(case: &Case<'_>, index: usize, load: &RecordedLoad) -> String {
    let reached: Vec<_> = bound_reached(case, index, load)
        .into_iter()
        .filter_map(|(shard, window)| {
            let master = &case.plan.shards().nth(shard)?.name;
            Some(format!("{master}'s shard from {} to {}", window.start, window.end))
        })
        .collect();
    if reached.is_empty() {
        return String::new();
    }
    format!(
        "the bound of {} was reached on {}",
        finding::count(load.workers.into(), "worker") + " a shard",
        reached.join(", ")
    )
}

fn never_begun_in_words(starts: &[&Operation]) -> String {
    match starts.iter().filter(|start| start.never_begun()).count() as u64 {
        0 => String::new(),
        1 => "1 start was never begun".to_owned(),
        number => format!("{number} starts were never begun"),
    }
}
