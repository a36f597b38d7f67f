//! How many samples a claim needs before it can pass.
//!
//! Samples are counts: how many of them lie beyond a limit, or how many came at all, scatters like a Poisson number. (The exact
//! law of a share is binomial; Poisson scatters a little more, so that it asks for slightly more samples.) Everything is at 95 %
//! confidence:
//!
//! - **A quantile** has an upper confidence bound that assumes nothing about how times are distributed: the sample with k others
//!   beyond it is such a bound if k or fewer samples beyond the quantile are too few to be likely (order statistics; G. Hahn and W.
//!   Meeker, "Statistical Intervals", 1991, chapter 5). With five others beyond it, it is no figure of a single
//!   outlier. That takes 10.51 expected samples beyond the quantile: 22 in all for p50, 1,052 for p99, 10,514 for p99.9.
//! - **"At most p percent"**, which nothing in n operations contradicted, holds if 3/n is at most p (the rule of three: J. Hanley and
//!   A. Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983).
//! - **"Never"** (`max: 0`, or a maximum) cannot be shown by samples; it is taken as "at most 1 percent", and so is any smaller
//!   share, for who is within a stricter limit is within a looser one: 300 operations.
//! - **A rate** is known to a fifth from 100 operations (two standard deviations of a count of 100 are 20).
//!
//! With fewer nothing passes. What contradicts a claim fails it however few they are, if chance is an unlikely reason.
//! `LostWrites` needs no such number: it accounts for every single write, and what makes it a test is that writes were at risk.

use crate::vocab::Percent;

/// What is likely enough to be chance.
const CHANCE: f64 = 0.05;

/// What is no single outlier, nor a handful of operations that one stall made.
const HANDFUL: u64 = 5;

/// With this mean, a [`HANDFUL`] or fewer comes about by chance.
const BEYOND_QUANTILE: f64 = 10.5131;

/// With this mean, none at all comes about by chance.
const NONE_BY_CHANCE: f64 = 3.0;

/// Shares below this are claims of "never".
const NEVER: f64 = 0.01;

/// A rate needs this many operations.
pub(super) const FOR_RATE: u64 = 100;

/// How many times a quantile needs.
pub(super) fn for_quantile(quantile: Percent) -> u64 {
    if quantile.value() >= 100.0 {
        return for_share(Percent::default());
    }
    at_least(BEYOND_QUANTILE / (1.0 - quantile.fraction()))
}

/// Whether this many times over the limit of a quantile are too many, though there are too few in all to pass it. One over a maximum
/// is; of another quantile it takes more than a [`HANDFUL`].
pub(super) fn refutes_quantile(quantile: Percent, over: u64, samples: u64) -> bool {
    let beyond = 1.0 - quantile.fraction();
    over > 0 && (beyond <= 0.0 || over > HANDFUL && at_most(over - 1, beyond * samples as f64) >= 1.0 - CHANCE)
}

/// How many operations it takes to claim that no greater share of them fails.
pub(super) fn for_share(max: Percent) -> u64 {
    at_least(NONE_BY_CHANCE / max.fraction().max(NEVER))
}

/// Whether more than `max` of all fail, though only `failed` of `samples` did: otherwise that many would be unlikely.
pub(super) fn refutes_share(max: Percent, failed: u64, samples: u64) -> bool {
    failed > 0 && at_most(failed - 1, max.fraction() * samples as f64) >= 1.0 - CHANCE
}

/// Whether so few operations are too few for a rate at which `expected` should have come.
pub(super) fn refutes_rate(ok: u64, expected: f64) -> bool {
    at_most(ok, expected) <= CHANCE
}

/// The probability that at most `count` come where `mean` are expected (Poisson).
fn at_most(count: u64, mean: f64) -> f64 {
    // Far from the mean there is no doubt, and no need to add up millions of terms; e^-mean would be 0 for most of them.
    let far = 10.0 * mean.sqrt() + 10.0;
    match count as f64 - mean {
        above if above > far => 1.0,
        above if above < -far => 0.0,
        _ => {
            let log_terms = (1..=count).scan(-mean, |log, n| {
                *log += mean.ln() - (n as f64).ln();
                Some(*log)
            });
            std::iter::once(-mean).chain(log_terms).map(f64::exp).sum()
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; saturates")]
fn at_least(number: f64) -> u64 {
    // 3 / 0.01 is 300.00000000000006 in binary fractions.
    (number - 1e-6).ceil() as u64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn percent(value: f64) -> Percent {
        Percent::try_from(value).unwrap()
    }

    #[test]
    fn the_constants_are_what_they_are_said_to_be() {
        let by_chance = at_most(HANDFUL, BEYOND_QUANTILE);
        assert!((0.0499..=CHANCE).contains(&by_chance), "{by_chance}");
        assert!((0.0497..=CHANCE).contains(&at_most(0, NONE_BY_CHANCE)));
    }

    #[rstest]
    #[case::min(0.0, 11)]
    #[case::p50(50.0, 22)]
    #[case::p99(99.0, 1_052)]
    #[case::p999(99.9, 10_514)]
    #[case::max(100.0, 300)]
    fn a_quantile_needs_its_confidence_interval(#[case] quantile: f64, #[case] samples: u64) {
        assert_eq!(for_quantile(percent(quantile)), samples);
    }

    #[rstest]
    #[case::never(0.0, 300)]
    #[case::hardly(0.1, 300)]
    #[case::one_percent(1.0, 300)]
    #[case::ten_percent(10.0, 30)]
    #[case::anything(100.0, 3)]
    fn a_share_needs_the_rule_of_three(#[case] max: f64, #[case] samples: u64) {
        assert_eq!(for_share(percent(max)), samples);
    }

    #[rstest]
    #[case::never_and_one(0.0, 1, 5, true)]
    #[case::never_and_none(0.0, 0, 5, false)]
    #[case::one_in_a_hundred(1.0, 1, 100, false)]
    #[case::one_in_five(1.0, 1, 5, true)]
    #[case::three_in_a_hundred(1.0, 3, 100, false)]
    #[case::four_in_a_hundred(1.0, 4, 100, true)]
    #[case::fifteen_in_a_thousand(1.0, 15, 1_000, false)]
    #[case::sixteen_in_a_thousand(1.0, 16, 1_000, true)]
    #[case::two_of_five_where_half_may(50.0, 2, 5, false)]
    #[case::all_of_five_where_half_may(50.0, 5, 5, false)]
    #[case::all_of_twenty_where_half_may(50.0, 20, 20, true)]
    fn few_can_refute_a_share(#[case] max: f64, #[case] failed: u64, #[case] samples: u64, #[case] refuted: bool) {
        assert_eq!(refutes_share(percent(max), failed, samples), refuted);
    }

    #[rstest]
    #[case::one_over_a_maximum(100.0, 1, 5, true)]
    #[case::none_over_a_maximum(100.0, 0, 5, false)]
    #[case::a_handful(99.0, 5, 5, false)]
    #[case::a_few_more(99.0, 6, 20, true)]
    #[case::twice_as_many_as_allowed(99.0, 20, 1_020, true)]
    #[case::hardly_more_than_allowed(99.0, 15, 1_000, false)]
    #[case::one_more(99.0, 16, 1_000, true)]
    fn few_can_refute_a_quantile(
        #[case] quantile: f64,
        #[case] over: u64,
        #[case] samples: u64,
        #[case] refuted: bool,
    ) {
        assert_eq!(refutes_quantile(percent(quantile), over, samples), refuted);
    }

    #[rstest]
    #[case::nothing_of_three(0, 3.0, true)]
    #[case::nothing_of_two(0, 2.0, false)]
    #[case::a_little_slow(95, 100.0, false)]
    #[case::slow(80, 100.0, true)]
    #[case::nearly_all_of_many(999_000, 1e6, false)]
    #[case::one_and_a_half_standard_deviations(998_500, 1e6, false)]
    #[case::two_standard_deviations(998_000, 1e6, true)]
    #[case::half_of_many(500_000, 1e6, true)]
    fn few_can_refute_a_rate(#[case] ok: u64, #[case] expected: f64, #[case] refuted: bool) {
        assert_eq!(refutes_rate(ok, expected), refuted);
    }
}
