//! Whether an open load's driver offered its schedule.

use super::types::{Assumption, assume};
use crate::check::samples::quantile;
use crate::check::schedule::{began, bound_reached, pace_changes};
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
    let starts = Starts::of(case, index);
    let paces = paces(case, load, arrivals, starts.span);
    if let Some(hole) = hole(load, starts.due, &paces, totals) {
        return assume(assumed, false, hole);
    }
    let (part, late_nanos) = lateness(case, index);
    let stood_still = starts.stood_still_nanos as f64 / (starts.span.nanos() as f64).max(1.0);
    let detail = format!(
        "{} demanded for {} s: {} of {} due starts begun; 99 % of its own starts ({part}) at most {} late",
        paces.iter().map(|pace| pace.arrivals.to_string()).collect::<Vec<_>>().join(", later "),
        finding::decimals(starts.span.nanos() as f64 / 1e9),
        starts.due - starts.never_begun,
        starts.due,
        finding::time(late_nanos),
    );
    let stall = match stood_still {
        share if share > 0.0 => format!("it stood still for {} of the time", percent(share)),
        _ => String::new(),
    };
    let details = [detail, stall, reached_in_words(case, index, load), never_begun_in_words(starts.never_begun)];
    assume(assumed, true, finding::note(details))
}

/// How many nanoseconds a driver may be late before it is said to have stood still: little where times are judged. Where none
/// is, scenarios share the machine, and what they claim does not depend on when exactly an operation started.
fn late_max(case: &Case<'_>) -> u64 {
    let is_timed = |slo: &RecordedSlo| Slo::recorded(slo).is_ok_and(|slo| slo.is_timed());
    if case.plan.slos.iter().any(is_timed) { 5_000_000 } else { 100_000_000 }
}

/// How late the driver was at most with 99 % of the starts that it made: in the steady part, else in the whole.
fn lateness(case: &Case<'_>, index: usize) -> (During, u64) {
    let late_in = |part: During| {
        let begun = scheduled(case, index).filter(|start| !start.never_begun());
        let judged = begun.filter(|start| part == During::Whole || case.windows.has(part, start));
        let mut late: Vec<_> = judged.map(|start| start.started.nanos_since(start.ready)).collect();
        Some((part, quantile(&mut late, 0.99)?))
    };
    late_in(During::Steady).or_else(|| late_in(During::Whole)).unwrap_or((During::Whole, 0))
}

/// The operations that a load's schedule called for. The next command of an entry follows the one before at once, or was left with
/// it.
fn scheduled<'a>(case: &Case<'a>, index: usize) -> impl Iterator<Item = Operation> + use<'a> {
    case.operations_of(index).filter(Operation::starts_entry)
}

/// What became of the starts that a load's schedule called for.
struct Starts {
    due: u64,
    never_begun: u64,
    /// From the moment that the first start was due at to that of the last.
    span: Window,
    /// How long the driver stood still, with a start to make and a worker for it.
    stood_still_nanos: u64,
}

impl Starts {
    fn of(case: &Case<'_>, index: usize) -> Self {
        let late_max = late_max(case);
        let (mut due, mut never_begun, mut span, mut long_waits) = (0, 0, None::<Window>, Vec::new());
        for start in scheduled(case, index) {
            due += 1;
            let own = Window { start: start.intended, end: start.intended };
            span = Some(span.map_or(own, |span| span.hull(own)));
            if start.never_begun() {
                never_begun += 1;
            } else if start.started.nanos_since(start.ready) > late_max {
                long_waits.push(Window { start: start.ready, end: start.started });
            }
        }
        let nothing = Window { start: Instant::default(), end: Instant::default() };
        Self { due, never_begun, span: span.unwrap_or(nothing), stood_still_nanos: covered(long_waits) }
    }
}

/// Which starts of the schedule are not in the history, if some are not.
fn hole(load: &RecordedLoad, starts: u64, paces: &[PaceUsed<'_>], totals: &LoadTotals) -> Option<String> {
    if totals.dropped > 0 {
        return Some(format!(
            "it forgot {}: more than {} waited",
            finding::count(totals.dropped, "due start"),
            load.waiting_max
        ));
    }
    let due = paces.iter().map(PaceUsed::due).fold(0, u64::saturating_add);
    let due = due.min(load.operations.unwrap_or(u64::MAX)) as f64;
    let share = starts as f64 / due.max(1.0);
    // One more or less for each pace is the rounding's doing.
    (share < ACCOUNTED_MIN && due - starts as f64 > paces.len() as f64)
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
fn paces<'a>(case: &'a Case<'_>, load: &RecordedLoad, first: &'a Arrivals, span: Window) -> Vec<PaceUsed<'a>> {
    let Window { start, end } = span;
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

/// How much time stretches cover together.
fn covered(mut stretches: Vec<Window>) -> u64 {
    stretches.sort_by_key(|stretch| stretch.start);
    let (mut covered, mut until) = (0, Instant::default());
    for stretch in stretches {
        covered += stretch.end.nanos_since(stretch.start.max(until));
        until = until.max(stretch.end);
    }
    covered
}

/// `98.7 %`.
fn percent(share: f64) -> String {
    format!("{} %", finding::decimals((share * 1_000.0).round() / 10.0))
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

fn never_begun_in_words(never_begun: u64) -> String {
    match never_begun {
        0 => String::new(),
        1 => "1 start was never begun".to_owned(),
        number => format!("{number} starts were never begun"),
    }
}
