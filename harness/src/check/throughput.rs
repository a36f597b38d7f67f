//! How many operations are done.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::During;
use super::case::Case;
use super::finding::{self, Finding, Status};
use super::sample_size;
use super::slo_kind::{ClaimedRate, SloKind, WrongNumber, of_load};
use super::window::load_window;
use crate::evidence::{Operation, Outcome};

/// operations that ended ok, a second; of all loads together, or with `load: "app"` of that one while it ran
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Throughput {
    /// The lowest rate, in operations a second.
    pub min: f64,
    /// The part of the run it is about.
    #[serde(default)]
    pub during: During,
    /// The load that it is about; every load together if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl Throughput {
    pub(super) const EXAMPLE: &str = "Throughput(min: 1_000)";
}

impl fmt::Display for Throughput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "throughput {}{} >= {}/s", self.during, of_load(self.load()), self.min)
    }
}

impl SloKind for Throughput {
    /// An operation counts where it ended, unlike in the other checks: a rate is of what was done in a time, whenever that
    /// was asked for, so a backlog counts where it is worked off. An operation that was waiting for its end makes the part one with a load on it.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = format!("{}/s", finding::decimals(self.min));
        let (mut ok, mut samples) = (0_u64, 0);
        for operation in case.operations_of_loads(self.load()) {
            let ended_here = case.windows.contains(self.during, operation.ended);
            ok += u64::from(ended_here && operation.outcome == Outcome::Ok);
            samples += u64::from(ended_here || case.windows.contains(self.during, operation.intended));
        }
        let seconds = self.seconds(case);
        if samples == 0 || seconds <= 0.0 {
            return Finding::nothing(self, limit, format!("no operation was done in the {} part", self.during));
        }
        let rate = ok as f64 / seconds;
        let is_met = rate >= self.min;
        let too_few = ok < sample_size::FOR_RATE && (is_met || !sample_size::refutes_rate(ok, self.min * seconds));
        let doubt = format!("{} operations are needed for a rate", sample_size::FOR_RATE);
        Finding {
            status: if too_few { Status::Inconclusive } else { finding::met(is_met) },
            measured: format!("{rate:.1}/s"),
            samples,
            note: finding::note([
                if too_few { doubt } else { String::new() },
                format!("{} ended ok in {} s", finding::count(ok, "operation"), finding::decimals(seconds)),
            ]),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A miss is explained if the machine may have taken, in that part, as much time as the operations that are missing would have
    /// had at the lowest rate.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let ended_here = |operation: &Operation| case.windows.contains(self.during, operation.ended);
        let ended_here = case.operations_of_loads(self.load()).filter(ended_here);
        let ok = ended_here.filter(|operation| operation.outcome == Outcome::Ok).count();
        let missing_s = self.seconds(case) - ok as f64 / self.min;
        let lost = case.machine.lost_in_any(case.windows.stretches(self.during));
        (lost > 0 && lost as f64 / 1e9 >= missing_s).then(|| {
            let (lost, missing) = (finding::time(lost), finding::decimals(missing_s));
            let figures = case.machine.figures(case.windows.whole);
            format!("the machine may have taken {lost} in all, and {missing} s of operations are missing: {figures}")
        })
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn needs_idle_machine(&self) -> bool {
        true
    }

    fn during(&self) -> Option<During> {
        Some(self.during)
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        let help = "write the lowest rate in operations a second, such as `min: 1000`";
        let wrong = || WrongNumber::new("min", format!("`{}` is not a rate", self.min), help);
        (!self.min.is_finite() || self.min < 0.0).then(wrong).into_iter().collect()
    }

    fn claimed_rate(&self) -> Option<ClaimedRate> {
        self.min.is_finite().then_some(ClaimedRate::Together(self.min))
    }
}

impl Throughput {
    /// How much of the part there is: of a load, what lies between its start and its end.
    fn seconds(&self, case: &Case<'_>) -> f64 {
        let whole = case.windows.whole;
        let frame = self.load().map_or(whole, |load| load_window(case.evidence, load, whole));
        case.windows.seconds_within(self.during, frame)
    }
}
