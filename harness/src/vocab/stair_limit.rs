//! When a rate is too much.

use serde::{Deserialize, Serialize};

use super::{Duration, Percent};

/// What the operations of a rate must keep to, for the rate to be one that servers carry: the quantile of their latency, in which
/// one that does not end ok takes for ever. Drivers stop by it, and `Capacity` judges by it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StairLimit {
    /// The quantile, in percent.
    pub quantile: Percent,
    /// The longest that it may be.
    pub max: Duration,
}

impl Eq for StairLimit {}

impl StairLimit {
    /// Whether an operation that ended like this, after so many nanoseconds, is within the limit.
    pub fn is_good(&self, is_ok: bool, nanos: u64) -> bool {
        is_ok && nanos <= self.max.as_nanos()
    }

    /// Whether so many good operations are enough of those that were due. Of none nothing is asked.
    pub fn holds(&self, due: u64, good: u64) -> bool {
        self.quantile.rank(due).is_none_or(|rank| good >= rank)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing_was_due(0, 0, true)]
    #[case::enough(200, 198, true)]
    #[case::one_too_few(200, 197, false)]
    #[case::of_few_all_are_needed(10, 9, false)]
    fn a_rate_holds_by_its_quantile(#[case] due: u64, #[case] good: u64, #[case] holds: bool) {
        let limit = StairLimit { quantile: Percent::try_from(99.0).unwrap(), max: Duration::from_millis(10) };
        assert_eq!(limit.holds(due, good), holds);
        assert!(limit.is_good(true, 10_000_000) && !limit.is_good(true, 10_000_001) && !limit.is_good(false, 1));
    }
}
