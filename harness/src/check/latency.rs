//! How long operations take.

use std::fmt;

use serde::Deserialize;

use super::During;
use super::case::Case;
use super::finding::{self, Finding, Status};
use super::samples;
use super::window::Window;
use crate::evidence::{Operation, Outcome};
use crate::vocab::{Duration, Percent};

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
    /// given up, or never begun, would make an outage look fast.
    pub(crate) fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = finding::limit(self.max);
        let (mut times, mut not_ok, mut never_begun) = (Vec::new(), 0, 0);
        for (operation, nanos) in self.operations(case) {
            times.push(nanos);
            not_ok += u64::from(operation.outcome != Outcome::Ok);
            never_begun += u64::from(operation.never_begun());
        }
        let samples = times.len() as u64;
        let Some(measured) = samples::quantile(&mut times, self.quantile.fraction()) else {
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
            if never_begun > 0 {
                format!("{never_begun} of them were never begun and count until the load gave them up")
            } else {
                String::new()
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
        let samples = self.operations(case).count() as u64;
        let allowed = samples - samples::rank(samples, self.quantile.fraction())?;
        let over = self.operations(case).filter(|(_, nanos)| *nanos > max).count() as u64;
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
