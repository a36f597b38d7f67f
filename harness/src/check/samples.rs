//! Quantiles of times.

use crate::vocab::rank;

/// The nearest-rank quantile: the smallest time that at least that share of the times does not exceed.
pub(crate) fn quantile(nanos: &mut [u64], fraction: f64) -> Option<u64> {
    let rank = rank(nanos.len() as u64, fraction)?;
    Some(*nanos.select_nth_unstable(usize::try_from(rank - 1).ok()?).1)
}
