//! Quantiles of times.

/// The nearest-rank quantile: the smallest time that at least that share of the times does not exceed.
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
