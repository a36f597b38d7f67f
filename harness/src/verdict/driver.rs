//! Whether an open load's driver offered its schedule.

use super::assumptions::assume;
use super::types::Assumption;
use crate::check::samples::quantile;
use crate::check::schedule::{bound_reached, scheduled};
use crate::check::window::Window;
use crate::check::{Case, During, Slo, finding};
use crate::evidence::{LoadTotals, Operation};
use crate::load::{Load, Pace, WAITING_MAX};
use crate::vocab::Instant;

/// The share of its schedule that an open load must account for: begun, or known to have never been.
const ACCOUNTED_MIN: f64 = 0.99;

/// The share of the time that the driver may stand still: a start that had a worker was not begun for longer than it may be
/// late. Those behind it had none until then, so the quantile alone would not tell.
const STOOD_STILL_MAX: f64 = 0.05;

/// A driver that stood still for this share of the time may be why operations failed, which takes a whole deadline of retries.
const NO_DRIVER: f64 = 0.5;

/// Whether every start of the schedule is accounted for. That servers were too slow for the schedule is for the checks to judge,
/// which count what was never begun; that the driver itself was late spoils only what was missed: see [`excuse`].
pub(super) fn offered(
    case: &Case<'_>,
    index: usize,
    load: &Load,
    per_second: u32,
    totals: &LoadTotals,
    assumed: String,
) -> Assumption {
    let starts = starts(case, index, load);
    if let Some(hole) = hole(&starts, per_second, totals) {
        return assume(assumed, false, hole);
    }
    let lateness = Lateness::of(case, &starts, per_second);
    let detail = format!(
        "{per_second}/s demanded for {} s ({}): {} of {} due starts begun; {}",
        finding::decimals(lateness.seconds),
        lateness.part,
        lateness.begun,
        lateness.due,
        lateness.in_words(),
    );
    assume(assumed, true, finding::note([detail, reached_in_words(case, index, load), never_begun_in_words(&starts)]))
}

/// Why a miss is not blamed on the servers: a driver was late itself. It can only have made times worse and, where it hardly
/// ran, kept operations from ending ok; what was kept all the same stands.
pub(super) fn excuse(case: &Case<'_>, slo: &Slo) -> Option<String> {
    let late_max = case.plan.driver_late_max().as_nanos();
    case.plan.loads.iter().enumerate().find_map(|(index, load)| {
        let Pace::Open { per_second } = load.pace else { return None };
        let lateness = Lateness::of(case, &starts(case, index, load), per_second);
        let spoils = match slo {
            Slo::ErrorRate(_) => lateness.stood_still > NO_DRIVER,
            _ => slo.is_timed() && (lateness.stood_still > STOOD_STILL_MAX || lateness.mostly_nanos > late_max),
        };
        spoils.then(|| format!("the driver of load {} was late itself: {}", load.name, lateness.in_words()))
    })
}

/// The operations that the load's schedule called for.
fn starts<'a>(case: &'a Case<'a>, index: usize, load: &Load) -> Vec<&'a Operation> {
    case.workers_of(index).flat_map(|operations| scheduled(load, operations)).collect()
}

/// How late a driver was with starts that had a free worker: in the steady part, else in the whole.
struct Lateness {
    part: During,
    seconds: f64,
    due: usize,
    begun: usize,
    /// Of 99 % of its starts.
    mostly_nanos: u64,
    /// The share of the time in which a start that had a worker was not begun for longer than is late.
    stood_still: f64,
}

impl Lateness {
    fn of(case: &Case<'_>, starts: &[&Operation], per_second: u32) -> Self {
        let steady: Vec<_> = starts.iter().copied().filter(|start| case.windows.has(During::Steady, start)).collect();
        let (part, judged) =
            if steady.is_empty() { (During::Whole, starts) } else { (During::Steady, steady.as_slice()) };
        let begun = || judged.iter().filter(|start| !start.never_begun());
        let mut late: Vec<_> = begun().map(|start| start.started.nanos_since(start.ready)).collect();
        let seconds = case.windows.seconds_within(part, span(starts, per_second));
        let waits = begun().map(|start| Window { start: start.ready, end: start.started });
        let stood_still = covered(waits, case.plan.driver_late_max().as_nanos());
        Self {
            part,
            seconds,
            due: judged.len(),
            begun: begun().count(),
            mostly_nanos: quantile(&mut late, 0.99).unwrap_or(0),
            stood_still: stood_still as f64 / 1e9 / seconds.max(1e-9),
        }
    }

    fn in_words(&self) -> String {
        let mostly = format!("99 % of its own starts at most {} late", finding::time(self.mostly_nanos));
        let stall = match self.stood_still {
            share if share > 0.0 => format!("it stood still for {} of the time", percent(share)),
            _ => String::new(),
        };
        finding::note([mostly, stall])
    }
}

/// Which starts of the schedule are not in the history, if some are not.
fn hole(starts: &[&Operation], per_second: u32, totals: &LoadTotals) -> Option<String> {
    if totals.dropped > 0 {
        return Some(format!(
            "it forgot {}: more than {WAITING_MAX} waited",
            finding::count(totals.dropped, "due start")
        ));
    }
    let due = (span(starts, per_second).nanos() as f64 / 1e9 * f64::from(per_second)).round();
    let share = starts.len() as f64 / due.max(1.0);
    // One more or less is the rounding's doing.
    (share < ACCOUNTED_MIN && due - starts.len() as f64 > 1.0)
        .then(|| format!("it accounts for {} of the starts that its schedule called for", percent(share)))
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

/// From the first start to where the one after the last would be.
fn span(starts: &[&Operation], per_second: u32) -> Window {
    let intended = || starts.iter().map(|start| start.intended);
    let last = intended().max().unwrap_or_default();
    Window {
        start: intended().min().unwrap_or_default(),
        end: last.plus_nanos(1_000_000_000 / u64::from(per_second.max(1))),
    }
}

fn reached_in_words(case: &Case<'_>, index: usize, load: &Load) -> String {
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
        finding::count(load.workers().into(), "worker") + " a shard",
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
