//! How many operations do not end ok.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::During;
use super::case::Case;
use super::finding::{self, Finding, Status};
use super::sample_size;
use super::slo_kind::{SloKind, of_load};
use crate::evidence::{Operation, Outcome};
use crate::vocab::Percent;

/// percent of the operations that were due and did not end ok, after their retries; those that never began are among them; for each load by itself, or with `load: "app"` for that one
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct ErrorRate {
    /// The highest share, in percent.
    pub max: Percent,
    /// The part of the run it is about. An operation that a fault window has any time of belongs to `Fault`.
    #[serde(default)]
    pub during: During,
    /// The load that it is about; every load by itself if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl ErrorRate {
    pub(super) const EXAMPLE: &str = "ErrorRate(max: 0.1)";
}

impl fmt::Display for ErrorRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error rate {}{} <= {}", self.during, of_load(self.load()), self.max)
    }
}

impl SloKind for ErrorRate {
    /// It holds for each load by itself.
    fn judge(&self, case: &Case<'_>) -> Finding {
        case.each_load(self.load(), |load| self.judge_load(case, load))
    }

    /// What was never begun is not blamed on the servers if so much time was left for those that were begun that in all of it enough of
    /// them could have been.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let whole = case.windows.whole;
        let left = whole.nanos().saturating_sub(case.machine.lost_in(whole)) as f64 / (whole.nanos() as f64).max(1.0);
        let explained = case.loads(self.load()).into_iter().all(|load| {
            let (mut due, mut begun, mut failed) = (0_u64, 0_u64, 0_u64);
            for operation in case.operations_of(load).filter(|operation| self.counts(case, operation)) {
                due += 1;
                begun += u64::from(!operation.never_begun());
                failed += u64::from(!operation.never_begun() && operation.outcome != Outcome::Ok);
            }
            let was_refused = failed as f64 > begun as f64 * self.max.fraction();
            !was_refused && begun as f64 >= due as f64 * (1.0 - self.max.fraction()) * left
        });
        explained.then(|| case.machine.figures(whole))
    }

    fn during(&self) -> Option<During> {
        Some(self.during)
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }
}

impl ErrorRate {
    /// Of all operations of a load that were meant to start in the part, the share that the client gave up or never came to.
    fn judge_load(&self, case: &Case<'_>, load: usize) -> (Finding, f64) {
        let limit = format!("{} %", finding::decimals(self.max.value()));
        let (mut samples, mut failed, mut unknown, mut never_begun) = (0_u64, 0_u64, 0_u64, 0_u64);
        for operation in case.operations_of(load).filter(|operation| self.counts(case, operation)) {
            samples += 1;
            failed += u64::from(operation.outcome == Outcome::Fail);
            never_begun += u64::from(operation.never_begun());
            unknown += u64::from(operation.outcome == Outcome::Unknown);
        }
        if samples == 0 {
            let nothing = format!("no operation was meant to start in the {} part", self.during);
            return (Finding::nothing(self, limit, nothing), 0.0);
        }
        let never_begun = match never_begun {
            0 => String::new(),
            _ => format!(" ({never_begun} of them due and never begun)"),
        };
        let share = (failed + unknown) as f64 / samples as f64 * 100.0;
        let (is_met, needed) = (share <= self.max.value(), sample_size::for_share(self.max));
        let too_few = samples < needed && (is_met || !sample_size::refutes_share(self.max, failed + unknown, samples));
        let doubt = format!("{needed} operations are needed for this share");
        let finding = Finding {
            status: if too_few { Status::Inconclusive } else { finding::met(is_met) },
            measured: format!("{} %", finding::decimals(share)),
            samples,
            note: finding::note([
                if too_few { doubt } else { String::new() },
                format!("{failed} surely not executed{never_begun}, {unknown} unknown"),
            ]),
            ..Finding::nothing(self, limit, "")
        };
        (finding, share)
    }

    /// Whether an operation belongs to the part. The steady part also has what had waited for a whole attempt's time when a fault
    /// began, and did not end ok: the fault is not why.
    fn counts(&self, case: &Case<'_>, operation: &Operation) -> bool {
        let attempt = case.plan.loads.get(usize::from(operation.load)).map_or(0, |load| load.timeout.as_nanos());
        case.windows.has(self.during, operation)
            || self.during == During::Steady
                && operation.outcome != Outcome::Ok
                && case.windows.was_overdue(operation, attempt)
    }
}
