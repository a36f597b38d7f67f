//! How long operations take.

use std::fmt;

use serde::Deserialize;

use super::During;
use super::case::Case;
use super::finding::{self, Finding, Status};
use super::sample_size;
use super::samples::{self, Samples};
use super::schedule::Waits;
use super::window::Window;
use crate::evidence::{Operation, Outcome};
use crate::vocab::{Duration, Instant, Percent};

/// A quantile of the time from an operation's intended start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// The quantile in percent, such as 50, 99 or 99.9; 100 is the maximum.
    pub quantile: Percent,
    /// The longest it may be.
    pub max: Duration,
    /// The part of the run it is about. An operation that a fault window has any time of belongs to `Fault`; if it was due
    /// before the fault, the time until then counts in `Steady`.
    #[serde(default)]
    pub during: During,
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{} {} <= {}", self.quantile.value(), self.during, self.max)
    }
}

impl Latency {
    /// Every operation of the part counts with its full duration, whatever its outcome: to leave out those that were
    /// given up would make an outage look fast.
    pub(crate) fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = finding::limit(self.max);
        let (mut times, mut not_ok) = (Samples { nanos: Vec::new(), waits: self.left_waiting(case) }, 0);
        let not_started = times.count();
        for (operation, nanos) in self.operations(case) {
            times.nanos.push(nanos);
            not_ok += u64::from(operation.outcome != Outcome::Ok);
        }
        let samples = times.count();
        let Some(measured) = times.quantile(self.quantile.fraction()) else {
            return Finding::nothing(
                self,
                limit,
                format!("no operation was meant to start in the {} part", self.during),
            );
        };
        let needed = sample_size::for_quantile(self.quantile);
        let exceeded = measured > self.max.as_nanos();
        let over = times.above(self.max.as_nanos());
        let refuted = exceeded && sample_size::refutes_quantile(self.quantile, over, samples);
        let too_few = samples < needed && !refuted;
        let notes = [
            if too_few { format!("{needed} operations are needed for this quantile") } else { String::new() },
            if not_ok > 0 {
                format!("{not_ok} of them did not end ok and count with their full time")
            } else {
                String::new()
            },
            if not_started == 0 {
                String::new()
            } else {
                let left = finding::count(not_started, "start");
                format!("{left} due that no worker was free for, counted with the time waited until the load ended")
            },
            self.omission(case),
        ];
        Finding {
            status: if too_few { Status::Inconclusive } else { finding::met(!exceeded) },
            measured: finding::time(measured),
            samples,
            note: finding::note(notes),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A miss is excused if the machine may have made it, by this rule:
    ///
    /// 1. An operation over the limit is excusable if the machine may have taken as much as its excess, in the tenths of a
    ///    second that it touches (`check::machine`).
    /// 2. The limit would have been kept had the excusable ones been within it.
    /// 3. For as many of them as that takes, those with the least excess, the machine must have taken enough for them all:
    ///    operations that overlap may have waited for the same thing, but those that came one after the other waited each for
    ///    itself. So the small waits of every machine explain a few operations and never a slow server.
    pub(crate) fn excuse(&self, case: &Case<'_>) -> Option<String> {
        let max = self.max.as_nanos();
        let nanos = self.operations(case).map(|(_, nanos)| nanos).collect();
        let times = Samples { nanos, waits: self.left_waiting(case) };
        let samples = times.count();
        let allowed = samples - samples::rank(samples, self.quantile.fraction())?;
        let over = times.above(max);
        let mut excusable: Vec<_> = self
            .operations(case)
            .filter_map(|(operation, nanos)| {
                let excess = nanos.checked_sub(max).filter(|excess| *excess > 0)?;
                let window = Window { start: operation.intended, end: operation.intended.plus_nanos(nanos) };
                (case.machine.lost_in(window) >= excess).then_some((excess, window))
            })
            .collect();
        let (found, wanted) = (excusable.len(), usize::try_from(over.saturating_sub(allowed)).ok()?);
        if wanted == 0 || found < wanted {
            return None;
        }
        excusable.sort_unstable_by_key(|(excess, _)| *excess);
        excusable.truncate(wanted);
        let lost = case.machine.lost_in_any(excusable.iter().map(|(_, window)| *window));
        let around = excusable.iter().map(|(_, window)| *window).reduce(Window::hull)?;
        (lost >= one_after_the_other(&mut excusable)).then(|| {
            let (lost, figures) = (finding::time(lost), case.machine.figures(around));
            format!(
                "the machine may have taken {lost} around {found} of the {over} operations over the limit: {figures}"
            )
        })
    }

    /// Every operation that adds to the latencies of the part, and what it adds.
    fn operations<'a>(&self, case: &Case<'a>) -> impl Iterator<Item = (&'a Operation, u64)> {
        let adds = |operation| Some((operation, case.windows.latency_nanos(self.during, operation)?));
        case.client_operations().filter_map(adds)
    }

    /// How long each start of an open loop had been due that nobody got to before the load ended. To leave them out
    /// would make an outage at the end look short. They are shared among the parts as operations are: what a fault cut
    /// has all its wait in Fault and its wait until the fault in Steady.
    fn left_waiting(&self, case: &Case<'_>) -> Vec<Waits> {
        let schedules = (0..case.plan.loads.len()).filter_map(|index| case.schedule(index));
        let stretches = self.stretches_of_starts(case);
        schedules
            .flat_map(|schedule| {
                stretches.iter().filter_map(move |(stretch, until)| schedule.left_waiting(*stretch, *until))
            })
            .collect()
    }

    /// The stretches in which a start that nobody got to must have been due to count, and until when its wait counts.
    fn stretches_of_starts(&self, case: &Case<'_>) -> Vec<(Window, Instant)> {
        let (whole, faults) = (case.windows.whole, &case.windows.faults);
        match self.during {
            During::Whole => vec![(whole, whole.end)],
            // Who was left waiting before or in the last fault has waited in it.
            During::Fault => {
                let until_last = faults.last().map(|last| Window { start: whole.start, end: last.end });
                until_last.into_iter().map(|stretch| (stretch, whole.end)).collect()
            }
            During::Steady => {
                case.windows.stretches(During::Steady).into_iter().map(|stretch| (stretch, stretch.end)).collect()
            }
        }
    }

    /// What a closed loop hides from a high quantile (coordinated omission).
    fn omission(&self, case: &Case<'_>) -> String {
        if self.quantile.value() < 99.0 || !case.all_closed() {
            return String::new();
        }
        "closed loop: latency counts from the first attempt's start and an outage counts once for each worker"
            .to_owned()
    }
}

/// The least that operations can have been delayed by in all, each by its excess: the sum over operations that do not overlap.
fn one_after_the_other(delayed: &mut [(u64, Window)]) -> u64 {
    delayed.sort_unstable_by_key(|(_, window)| window.end);
    let (mut least, mut free_from) = (0_u64, Instant::default());
    for (excess, window) in delayed {
        if window.start >= free_from {
            least = least.saturating_add(*excess);
            free_from = window.end;
        }
    }
    least
}
