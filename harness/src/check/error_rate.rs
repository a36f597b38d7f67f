//! How many operations do not end ok.

use std::fmt;

use serde::Deserialize;

use super::During;
use super::case::Case;
use super::finding::{self, Finding, Status};
use super::sample_size;
use crate::evidence::Outcome;
use crate::vocab::Percent;

/// The share of operations that ended fail or unknown, after all their retries.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRate {
    /// The highest share, in percent.
    pub max: Percent,
    /// The part of the run it is about. An operation that a fault window has any time of belongs to `Fault`.
    #[serde(default)]
    pub during: During,
}

impl fmt::Display for ErrorRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error rate {} <= {}", self.during, self.max)
    }
}

impl ErrorRate {
    /// Of all operations that were meant to start in the part, the share that the client gave up.
    pub(crate) fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = format!("{} %", finding::decimals(self.max.value()));
        let (mut samples, mut failed, mut unknown) = (0_u64, 0_u64, 0_u64);
        for operation in case.operations_during(self.during) {
            samples += 1;
            failed += u64::from(operation.outcome == Outcome::Fail);
            unknown += u64::from(operation.outcome == Outcome::Unknown);
        }
        if samples == 0 {
            return Finding::nothing(
                self,
                limit,
                format!("no operation was meant to start in the {} part", self.during),
            );
        }
        let share = (failed + unknown) as f64 / samples as f64 * 100.0;
        let (is_met, needed) = (share <= self.max.value(), sample_size::for_share(self.max));
        let too_few = samples < needed && (is_met || !sample_size::refutes_share(self.max, failed + unknown, samples));
        let doubt = format!("{needed} operations are needed for this share");
        Finding {
            status: if too_few { Status::Inconclusive } else { finding::met(is_met) },
            measured: format!("{} %", finding::decimals(share)),
            samples,
            note: finding::note([
                if too_few { doubt } else { String::new() },
                format!("{failed} surely not executed, {unknown} unknown"),
            ]),
            ..Finding::nothing(self, limit, "")
        }
    }
}
