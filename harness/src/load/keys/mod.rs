//! Key spaces: how many keys there are and which of them are used how often, one a file. The list below is the only one that
//! names them.

use std::fmt;

use rand::rand_core::Rng;
use rand_chacha::ChaCha8Rng;

use crate::text::{Cursor, Problem, kinds};

kinds! {
    /// A key space.
    pub enum Keys: KeysKind {
        uniform::Uniform,
        zipfian::Zipfian,
        gaussian::Gaussian,
        hot_spot::HotSpot,
        sequential::Sequential,
        write_once::WriteOnce,
    }
}

/// What a key space says. It is displayed as what follows "on the keys app:1 to app:100": `, all equally likely`.
pub trait KeysKind: fmt::Display {
    /// How many keys there are.
    fn count(&self) -> u32;

    /// What is wrong with it beyond the number of its keys, at the place where it is written.
    fn problems(&self, _: Cursor<'_>) -> Vec<Problem> {
        Vec::new()
    }

    /// Whether no key is written twice. Its reads take keys that were chosen before for a write.
    fn writes_once(&self) -> bool {
        false
    }

    /// What chooses among `among` keys, at least 1: all of them, or those that one worker writes.
    fn chooser(&self, among: u32) -> Box<dyn KeyChooser>;
}

/// Chooses keys, one after the other.
pub trait KeyChooser {
    /// The next key, counted from 0 and below what it was made for; none if none is left. The same random numbers give the same
    /// keys.
    fn choose(&mut self, random: &mut ChaCha8Rng) -> Option<u32>;
}

impl Keys {
    /// How many keys there are.
    pub fn count(&self) -> u32 {
        self.kind().count()
    }

    /// Whether no key is written twice.
    pub fn writes_once(&self) -> bool {
        self.kind().writes_once()
    }
}

/// A number below `bound`, or 0.
pub(crate) fn below(bound: u64, random: &mut ChaCha8Rng) -> u64 {
    scaled(random.next_u64(), bound)
}

/// A random number of 64 bits as one below `bound`, or 0. The bias of the multiplication is below `bound` in 2^64.
pub(super) fn scaled(random: u64, bound: u64) -> u64 {
    u64::try_from((u128::from(random) * u128::from(bound)) >> 64).unwrap_or(0)
}

/// A key below `bound`, or 0.
pub(super) fn key_below(bound: u32, random: &mut ChaCha8Rng) -> u32 {
    u32::try_from(below(bound.into(), random)).unwrap_or(0)
}

/// The key that a number between 0 and 1 stands for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of keys")]
fn nearest(fraction: f64, among: u32) -> u32 {
    ((fraction * f64::from(among)) as u32).min(among.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rstest::rstest;

    use super::*;
    use crate::load::testing::load;

    fn keys(written: &str) -> Keys {
        load("app", &format!("mix: [Get()], keys: {written}")).keys
    }

    /// How often each of 100 keys is chosen of 100,000.
    fn counts(written: &str, seed: u64) -> Vec<u32> {
        let mut chooser = keys(written).kind().chooser(100);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut counts = vec![0; 100];
        (0..100_000).for_each(|_| counts[chooser.choose(&mut random).unwrap() as usize] += 1);
        counts
    }

    #[rstest]
    #[case::uniform("Uniform(100)", 0..10, 9_700..10_300)]
    // Of 1 / k, normalised: the sum of the first ten of a hundred is 2.93 of 5.19.
    #[case::zipfian("Zipfian(keys: 100, exponent: 1)", 0..10, 55_400..57_500)]
    #[case::steeper("Zipfian(keys: 100, exponent: 2)", 0..1, 60_600..61_800)]
    // Within one standard deviation of the middle lie 68.3 %.
    #[case::gaussian("Gaussian(keys: 100, deviation: 10)", 40..60, 67_500..69_000)]
    #[case::hot_spot("HotSpot(keys: 100, hot: 5, percent: 80)", 0..5, 79_400..80_600)]
    #[case::cold_keys("HotSpot(keys: 100, hot: 5, percent: 80)", 5..100, 19_400..20_600)]
    #[case::sequential("Sequential(100)", 0..10, 10_000..10_001)]
    fn keys_are_chosen_as_often_as_said(
        #[case] written: &str,
        #[case] of: std::ops::Range<usize>,
        #[case] expected: std::ops::Range<u32>,
    ) {
        let chosen: u32 = counts(written, 1)[of].iter().sum();
        assert!(expected.contains(&chosen), "{chosen}");
        assert_eq!(counts(written, 7), counts(written, 7));
    }

    #[rstest]
    fn every_kind_chooses_among_what_it_is_given(#[values(1, 2, 7)] among: u32) {
        for word in Keys::WORDS {
            let mut chooser = keys(word.example).kind().chooser(among);
            let mut random = ChaCha8Rng::seed_from_u64(1);
            assert!((0..1_000).all(|_| chooser.choose(&mut random).is_none_or(|key| key < among)), "{}", word.name);
        }
    }

    #[test]
    fn a_key_that_is_written_once_is_chosen_once() {
        let mut chooser = keys("WriteOnce(3)").kind().chooser(3);
        let mut random = ChaCha8Rng::seed_from_u64(1);
        assert_eq!([(); 5].map(|()| chooser.choose(&mut random)), [Some(0), Some(1), Some(2), None, None]);
    }
}
