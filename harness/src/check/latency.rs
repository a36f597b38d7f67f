//! How long operations take.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::During;
use super::case::Case;
use super::excess::explain_excess;
use super::finding::{self, Finding, Status};
use super::slo_kind::{IDLE_MACHINE_BELOW, SloKind, WrongNumber, of_load};
use super::{sample_size, samples};
use crate::evidence::{Operation, Outcome};
use crate::vocab::{Duration, Percent};

/// from the moment an operation was due to its end, whatever its outcome; for each load by itself, or with `load: "app"` for that one
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Documented)]
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
    /// The load that it is about; every load by itself if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl Latency {
    pub(super) const EXAMPLE: &str = r#"Latency(quantile: 99, max: "10ms", during: Steady)"#;
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{} {}{} <= {}", self.quantile.value(), self.during, of_load(self.load()), self.max)
    }
}

impl SloKind for Latency {
    /// It holds for each load by itself.
    fn judge(&self, case: &Case<'_>) -> Finding {
        case.each_load(self.load(), |load| self.judge_load(case, load))
    }

    /// A miss is explained if the machine may have made it, by this rule:
    ///
    /// 1. An operation over the limit can be explained if the machine may have taken as much as its excess, in the tenths of a
    ///    second that it touches (`check::machine`).
    /// 2. The limit would have been kept had the explained ones been within it.
    /// 3. For as many of them as that takes, those with the least excess, the machine must have taken enough for them all:
    ///    operations that overlap, or are of one backlog, may have waited for the same thing, but those that came one after the
    ///    other waited each for itself. So the small waits of every machine explain a few operations and never a slow server.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let missed =
            case.loads(self.load()).into_iter().filter(|load| self.judge_load(case, *load).0.status == Status::Fail);
        finding::all_explained(missed.map(|load| self.explained_for_load(case, load)))
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn needs_idle_machine(&self) -> bool {
        self.max < IDLE_MACHINE_BELOW
    }

    fn during(&self) -> Option<During> {
        Some(self.during)
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        let max = (self.max == Duration::default()).then(|| {
            let help = "write the longest it may take, such as `max: \"10ms\"`";
            WrongNumber::new("max", "no operation takes no time at all", help)
        });
        max.into_iter().chain(WrongNumber::of_quantile(self.quantile, "slowest operation")).collect()
    }

    fn variant(&self) -> u64 {
        self.quantile.value().to_bits()
    }
}

impl Latency {
    /// Every operation of the part counts with its full duration, whatever its outcome: to leave out those that were
    /// given up, or never begun, would make an outage look fast.
    fn judge_load(&self, case: &Case<'_>, load: usize) -> (Finding, f64) {
        let limit = finding::limit(self.max);
        let (mut times, mut not_ok, mut never_begun) = (Vec::new(), 0, 0);
        for (operation, nanos) in self.operations(case, load) {
            times.push(nanos);
            not_ok += u64::from(operation.outcome != Outcome::Ok);
            never_begun += u64::from(operation.never_begun());
        }
        let samples = times.len() as u64;
        let Some(measured) = samples::quantile(&mut times, self.quantile.fraction()) else {
            let nothing = format!("no operation was meant to start in the {} part", self.during);
            return (Finding::nothing(self, limit, nothing), 0.0);
        };
        let needed = sample_size::for_quantile(self.quantile);
        let exceeded = measured > self.max.as_nanos();
        let over = times.iter().filter(|nanos| **nanos > self.max.as_nanos()).count() as u64;
        let refuted = exceeded && sample_size::refutes_quantile(self.quantile, over, samples);
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
        let finding = Finding {
            status: if too_few { Status::Inconclusive } else { finding::met(!exceeded) },
            measured: finding::time(measured),
            samples,
            note: finding::note(notes),
            ..Finding::nothing(self, limit, "")
        };
        (finding, measured as f64)
    }

    fn explained_for_load(&self, case: &Case<'_>, load: usize) -> Option<String> {
        let operations: Vec<_> = self.operations(case, load).map(|(due, nanos)| (due.intended, nanos)).collect();
        explain_excess(case, self.quantile, self.max, &operations)
    }

    /// Every operation of a load that adds to the latencies of the part, and what it adds.
    fn operations(&self, case: &Case<'_>, load: usize) -> impl Iterator<Item = (Operation, u64)> {
        let adds = |operation| Some((operation, case.windows.latency_nanos(self.during, &operation)?));
        case.operations_of(load).filter_map(adds)
    }

    /// What a closed loop hides from a high quantile (coordinated omission).
    fn omission(&self, case: &Case<'_>) -> String {
        if self.quantile.value() < 99.0 || !case.all_closed(self.load()) {
            return String::new();
        }
        "closed loop: latency counts from when a worker sent it, and an outage counts once for each command under way"
            .to_owned()
    }
}
