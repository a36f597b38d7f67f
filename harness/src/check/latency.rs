//! How long operations take.

use std::fmt;

use serde::Deserialize;

use super::During;
use super::case::Case;
use super::finding::{self, Finding, Status};
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

/// A quantile needs so many samples beyond it: 1000 in all for p99. With fewer it is the figure of a single outlier.
const SAMPLES_BEYOND_MIN: f64 = 10.0;

/// A maximum is a claim about every operation; with fewer than this it says little about any other run.
const SAMPLES_OF_MAX_MIN: u64 = 100;

/// A machine whose timers were never this late in a second had a processor for whoever needed one.
const LAG_NANOS_MIN: u64 = 20_000_000;

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
        let needed = samples_needed(self.quantile);
        let exceeded = measured > self.max.as_nanos();
        // One operation over a maximum refutes it, however few there were.
        let refuted = exceeded && self.quantile.value() >= 100.0;
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

    /// An operation over the limit is excused if the machine was late in a second that it touches: by at least half of what
    /// the operation took too long, for a client and a server may have waited one after the other, and by no less than
    /// [`LAG_NANOS_MIN`]. The miss is excused if the limit would have been kept had the excused ones been within it.
    pub(crate) fn excuse(&self, case: &Case<'_>) -> Option<String> {
        let max = self.max.as_nanos();
        let nanos = self.operations(case).map(|(_, nanos)| nanos).collect();
        let times = Samples { nanos, waits: self.left_waiting(case) };
        let samples = times.count();
        let allowed = samples - samples::rank(samples, self.quantile.fraction())?;
        let over = times.above(max);
        let late: Vec<_> = self
            .operations(case)
            .filter_map(|(operation, nanos)| {
                let excess = nanos.checked_sub(max).filter(|excess| *excess > 0)?;
                let window = Window { start: operation.intended, end: operation.intended.plus_nanos(nanos) };
                case.lags.worst_in(window).filter(|lag| *lag >= (excess / 2).max(LAG_NANOS_MIN))
            })
            .collect();
        let worst = *late.iter().max()?;
        (over - late.len() as u64 <= allowed).then(|| {
            let (late, worst) = (late.len(), finding::time(worst));
            format!(
                "the harness' own timers were up to {worst} late around {late} of the {over} operations over the limit"
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

fn samples_needed(quantile: Percent) -> u64 {
    if quantile.value() >= 100.0 {
        return SAMPLES_OF_MAX_MIN;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 10; saturates")]
    let needed = (SAMPLES_BEYOND_MIN / (1.0 - quantile.fraction()) - 1e-6).ceil() as u64;
    needed
}
