//! When the starts of an open loop are due.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ArrivalTrace, Duration};

/// When the starts of an open loop are due, counted from its first moment. All but a trace go on for as long as anyone asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrivals {
    /// Stages one after the other. The rate that the last one ends at goes on; if that is 0, nothing more is due.
    Rates(Vec<RateStage>),
    /// So many starts at once, again and again.
    Bursts {
        /// How many.
        starts: u32,
        /// How long from one burst to the next.
        every: Duration,
    },
    /// At recorded times, and never after the last.
    Trace(ArrivalTrace),
}

/// A rate that changes evenly, or stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateStage {
    /// Starts a second when it begins.
    pub from: u32,
    /// Starts a second when it ends.
    pub to: u32,
    /// How long it lasts.
    pub lasts: Duration,
}

/// Starts are counted in parts of this size: a rate of 1 a second makes 2 of them in a nanosecond. So the starts of a whole stage
/// are a whole number of parts, and no error adds up.
const PARTS: u128 = 2_000_000_000;

impl RateStage {
    /// How much of it, in parts of a start, is due by its end.
    fn parts(&self) -> u128 {
        (u128::from(self.from) + u128::from(self.to)) * u128::from(self.lasts.as_nanos())
    }

    /// How much of it is due after so many nanoseconds of it.
    fn parts_by(&self, nanos: u64) -> u128 {
        let (nanos, lasts) = (u128::from(nanos), u128::from(self.lasts.as_nanos().max(1)));
        let (from, to) = (u128::from(self.from), u128::from(self.to));
        // From the mean of both ends' rates, each weighted by how near it is: nothing is below zero.
        2 * from * nanos + to * nanos * nanos / lasts - from * nanos * nanos / lasts
    }

    /// After how many nanoseconds of it so much is due. It must be less than [`Self::parts`].
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and its length")]
    fn nanos_until(&self, parts: u128) -> u64 {
        let (from, parts) = (f64::from(self.from), parts as f64);
        let slope = (f64::from(self.to) - from) / (self.lasts.as_nanos().max(1) as f64);
        // The root of a square equation, in the form that loses no digits when the slope is small.
        let rate = (from * from + slope * parts).max(0.0).sqrt();
        if parts == 0.0 { 0 } else { (parts / (from + rate)) as u64 }
    }
}

impl Arrivals {
    /// The same rate for ever.
    pub fn constant(per_second: u32) -> Self {
        Self::Rates(vec![RateStage { from: per_second, to: per_second, lasts: Duration::default() }])
    }

    /// When the `nth` start (from 0) is due, in nanoseconds; none if never.
    pub fn due_nanos(&self, nth: u64) -> Option<u64> {
        match self {
            Self::Bursts { starts, every } => {
                (nth / u64::from((*starts).max(1))).checked_mul(every.as_nanos()).or(Some(u64::MAX))
            }
            Self::Rates(stages) => due_at_rates(stages, u128::from(nth) * PARTS),
            Self::Trace(trace) => trace.nanos.get(usize::try_from(nth).ok()?).copied(),
        }
    }

    /// How many starts are due by that time, the one at that moment included.
    pub fn due_by(&self, nanos: u64) -> u64 {
        match self {
            Self::Bursts { starts, every } => (nanos / every.as_nanos().max(1) + 1).saturating_mul(u64::from(*starts)),
            Self::Trace(trace) => trace.due_by(nanos),
            Self::Rates(_) if self.due_nanos(0).is_none_or(|first| first > nanos) => 0,
            Self::Rates(stages) => {
                let (mut parts, mut left) = (0, nanos);
                for stage in stages {
                    let within = left.min(stage.lasts.as_nanos());
                    parts += stage.parts_by(within);
                    left -= within;
                }
                parts += 2 * u128::from(last_rate(stages)) * u128::from(left);
                u64::try_from(parts / PARTS + 1).unwrap_or(u64::MAX)
            }
        }
    }

    /// How many starts there are in all; none if there is no end of them.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Trace(trace) => Some(trace.nanos.len() as u64),
            Self::Rates(_) | Self::Bursts { .. } => None,
        }
    }

    /// Whether the rate goes from one stage to another.
    pub fn has_stages(&self) -> bool {
        matches!(self, Self::Rates(stages) if stages.len() > 1)
    }

    /// The most starts that are due in any second.
    pub fn per_second_max(&self) -> u64 {
        match self {
            Self::Bursts { starts, every } => {
                let bursts = 1_000_000_000_u64.div_ceil(every.as_nanos().max(1));
                bursts.saturating_mul(u64::from(*starts))
            }
            Self::Rates(stages) => stages.iter().map(|stage| stage.from.max(stage.to)).max().unwrap_or(0).into(),
            Self::Trace(trace) => trace.per_second_max(),
        }
    }
}

fn due_at_rates(stages: &[RateStage], mut parts: u128) -> Option<u64> {
    let mut began = 0_u64;
    for stage in stages {
        if parts < stage.parts() {
            return Some(began.saturating_add(stage.nanos_until(parts)));
        }
        parts -= stage.parts();
        began = began.saturating_add(stage.lasts.as_nanos());
    }
    let rate = last_rate(stages);
    // Exact: no error adds up however long it goes on.
    (rate > 0).then(|| began.saturating_add(u64::try_from(parts / (2 * u128::from(rate))).unwrap_or(u64::MAX)))
}

fn last_rate(stages: &[RateStage]) -> u32 {
    stages.last().map_or(0, |stage| stage.to)
}

impl fmt::Display for Arrivals {
    /// `2000/s`, `100/s to 2000/s in 5s, then 2000/s` or `200 at once every 1s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bursts { starts, every } => write!(f, "{starts} at once every {every}"),
            Self::Trace(trace) => trace.fmt(f),
            Self::Rates(stages) => {
                for (index, RateStage { from, to, lasts }) in stages.iter().enumerate() {
                    match (from == to, index + 1 == stages.len()) {
                        (true, true) => {}
                        (true, false) => write!(f, "{from}/s for {lasts}, then ")?,
                        (false, _) => write!(f, "{from}/s to {to}/s in {lasts}, then ")?,
                    }
                }
                write!(f, "{}/s", last_rate(stages))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn stages(stages: &[(u32, u32, u64)]) -> Arrivals {
        let stage = |&(from, to, millis)| RateStage { from, to, lasts: Duration::from_millis(millis) };
        Arrivals::Rates(stages.iter().map(stage).collect())
    }

    fn bursts(starts: u32, millis: u64) -> Arrivals {
        Arrivals::Bursts { starts, every: Duration::from_millis(millis) }
    }

    fn trace(millis: &[u64]) -> Arrivals {
        let nanos = millis.iter().map(|ms| ms * 1_000_000).collect();
        Arrivals::Trace(ArrivalTrace { file: "arrivals.csv".to_owned(), nanos })
    }

    #[rstest]
    #[case::at_once(Arrivals::constant(1_000), 0, Some(0))]
    #[case::evenly_spaced(Arrivals::constant(1_000), 1_003, Some(1_003_000_000))]
    #[case::a_third_does_not_drift(Arrivals::constant(3), 3_000_000_000, Some(1_000_000_000_000_000_000))]
    #[case::never_overflows(Arrivals::constant(1), u64::MAX, Some(u64::MAX))]
    #[case::never(Arrivals::constant(0), 0, None)]
    // From 0 to 200 a second in 2 s: 100 t squared / 2 ... the n-th is due at the root of n / 50 seconds.
    #[case::ramp_from_nothing(stages(&[(0, 200, 2_000)]), 0, Some(0))]
    #[case::ramp_half_way(stages(&[(0, 200, 2_000)]), 50, Some(1_000_000_000))]
    #[case::ramp_over(stages(&[(0, 200, 2_000)]), 200, Some(2_000_000_000))]
    #[case::after_the_ramp(stages(&[(0, 200, 2_000)]), 220, Some(2_100_000_000))]
    #[case::downwards(stages(&[(200, 0, 2_000)]), 150, Some(1_000_000_000))]
    #[case::down_to_nothing(stages(&[(200, 0, 2_000)]), 200, None)]
    #[case::second_stage(stages(&[(10, 10, 1_000), (100, 100, 1_000)]), 15, Some(1_050_000_000))]
    #[case::a_pause(stages(&[(10, 10, 1_000), (0, 0, 500), (10, 10, 0)]), 10, Some(1_500_000_000))]
    #[case::a_pause_first(stages(&[(0, 0, 500), (10, 10, 0)]), 0, Some(500_000_000))]
    #[case::first_burst(bursts(20, 500), 19, Some(0))]
    #[case::third_burst(bursts(20, 500), 40, Some(1_000_000_000))]
    #[case::recorded(trace(&[100, 250, 250]), 2, Some(250_000_000))]
    #[case::after_the_last(trace(&[100, 250, 250]), 3, None)]
    fn starts_are_due(#[case] arrivals: Arrivals, #[case] nth: u64, #[case] nanos: Option<u64>) {
        assert_eq!(arrivals.due_nanos(nth), nanos);
    }

    #[rstest]
    #[case(Arrivals::constant(1_000), 0, 1)]
    #[case(Arrivals::constant(1_000), 999_999_999, 1_000)]
    #[case(Arrivals::constant(0), 999_999_999, 0)]
    #[case(stages(&[(0, 200, 2_000)]), 1_000_000_000, 51)]
    #[case(stages(&[(0, 200, 2_000)]), 3_000_000_000, 401)]
    #[case(stages(&[(0, 0, 500), (10, 10, 0)]), 499_999_999, 0)]
    #[case(bursts(20, 500), 1_499_999_999, 60)]
    #[case(trace(&[100, 250, 250]), 99_999_999, 0)]
    #[case(trace(&[100, 250, 250]), 250_000_000, 3)]
    #[case(trace(&[100, 250, 250]), u64::MAX, 3)]
    fn starts_are_counted(#[case] arrivals: Arrivals, #[case] nanos: u64, #[case] due: u64) {
        assert_eq!(arrivals.due_by(nanos), due);
    }

    #[rstest]
    #[case(Arrivals::constant(2_000), "2000/s", 2_000)]
    #[case(stages(&[(100, 2_000, 5_000)]), "100/s to 2000/s in 5s, then 2000/s", 2_000)]
    #[case(stages(&[(500, 500, 2_000), (10, 10, 0)]), "500/s for 2s, then 10/s", 500)]
    #[case(bursts(200, 400), "200 at once every 400ms", 600)]
    #[case(trace(&[100, 250, 1_250]), "3 starts of arrivals.csv in 1.250 s", 2)]
    fn arrivals_in_words(#[case] arrivals: Arrivals, #[case] words: &str, #[case] per_second_max: u64) {
        assert_eq!((arrivals.to_string().as_str(), arrivals.per_second_max()), (words, per_second_max));
    }

    proptest! {
        /// The driver asks when starts are due and the verdict how many were: both must mean the same.
        #[test]
        fn both_questions_have_one_answer(
            rates in prop::collection::vec((0_u32..2_000, 0_u32..2_000, 0_u64..3_000), 1..5),
            nth in 0_u64..5_000,
        ) {
            let arrivals = stages(&rates);
            if let Some(due) = arrivals.due_nanos(nth) {
                let counted = arrivals.due_by(due);
                // Rounding may put the start at the moment itself on either side.
                prop_assert!(counted.abs_diff(nth + 1) <= 1, "{counted} by {due}, the moment of start {nth}");
                let next = arrivals.due_nanos(nth + 1);
                prop_assert!(next.is_none_or(|next| next >= due), "{next:?} after {due}");
            }
        }

        /// Of a trace there is no rounding.
        #[test]
        fn a_trace_is_counted_as_it_is_started(mut millis in prop::collection::vec(0_u64..500, 1..200)) {
            millis.sort_unstable();
            let arrivals = trace(&millis);
            let due: Vec<_> = (0..).map_while(|nth| arrivals.due_nanos(nth)).collect();
            prop_assert_eq!(due.len(), millis.len());
            for (nth, at) in due.iter().enumerate() {
                prop_assert_eq!(arrivals.due_by(*at), due.iter().filter(|due| *due <= at).count() as u64, "start {}", nth);
            }
        }
    }
}
