//! Times of which a quantile is asked.

use super::schedule::Waits;

/// Times in nanoseconds: one by one, and runs of evenly spaced ones, of which there may be far more than fit in memory.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// One by one.
    pub(crate) nanos: Vec<u64>,
    /// Evenly spaced.
    pub(crate) waits: Vec<Waits>,
}

impl Samples {
    /// How many times there are.
    pub(crate) fn count(&self) -> u64 {
        self.waits.iter().fold(self.nanos.len() as u64, |count, waits| count.saturating_add(waits.count()))
    }

    /// How many of them lie above `limit`.
    pub(crate) fn above(&self, limit: u64) -> u64 {
        let at_most = self.nanos.iter().filter(|nanos| **nanos <= limit).count() as u64;
        self.count() - at_most - self.waits.iter().map(|waits| waits.at_most(limit)).sum::<u64>()
    }

    /// The nearest-rank quantile: the smallest time that at least that share of the times does not exceed.
    pub(crate) fn quantile(&mut self, fraction: f64) -> Option<u64> {
        if self.waits.is_empty() {
            return quantile(&mut self.nanos, fraction);
        }
        self.nanos.sort_unstable();
        let rank = rank(self.count(), fraction)?;
        let at_most = |limit: u64| {
            let single = self.nanos.partition_point(|nanos| *nanos <= limit) as u64;
            self.waits.iter().fold(single, |count, waits| count.saturating_add(waits.at_most(limit)))
        };
        let (mut low, mut high) = (0, u64::MAX);
        while low < high {
            let middle = low + (high - low) / 2;
            if at_most(middle) >= rank { high = middle } else { low = middle + 1 }
        }
        Some(low)
    }
}

/// The nearest-rank quantile of times that are in memory.
pub(crate) fn quantile(nanos: &mut [u64], fraction: f64) -> Option<u64> {
    let rank = rank(nanos.len() as u64, fraction)?;
    Some(*nanos.select_nth_unstable(usize::try_from(rank - 1).ok()?).1)
}

/// Which of `count` sorted samples is the quantile, from 1; none without samples.
pub(crate) fn rank(count: u64, fraction: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of samples")]
    // 99.9 % of 1000 is 999.0000000000001 in binary fractions.
    let rank = (fraction * count as f64 - 1e-6).ceil().max(1.0) as u64;
    (count > 0).then_some(rank.min(count))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn waits() -> impl Strategy<Value = Waits> {
        (1_u64..50, 1_u64..100, 1_u64..40, 0_u64..=1).prop_map(|(interval, first, count, less)| Waits {
            interval,
            first,
            last: first + count - 1,
            less: less * interval / 2,
        })
    }

    proptest! {
        #[test]
        fn evenly_spaced_times_count_like_single_ones(
            nanos in proptest::collection::vec(0_u64..6_000, 0..50),
            waits in proptest::collection::vec(waits(), 0..4),
            fraction in 0.0..=1.0,
            limit in 0_u64..6_000,
        ) {
            let spelt_out = waits.iter().flat_map(|run| (run.first..=run.last).map(|nth| run.interval * nth - run.less));
            let mut all: Vec<_> = nanos.iter().copied().chain(spelt_out).collect();
            let mut samples = Samples { nanos, waits };
            prop_assert_eq!(samples.count(), all.len() as u64);
            prop_assert_eq!(samples.above(limit), all.iter().filter(|nanos| **nanos > limit).count() as u64);
            prop_assert_eq!(samples.quantile(fraction), quantile(&mut all, fraction));
        }
    }
}
