//! A few keys that are used very often, and many that are hardly used.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Zipf};
use serde::Deserialize;

use super::{KeyChooser, KeysKind};
use crate::text::{Cursor, Problem};

/// the key number k as often as 1 / k to the power of the exponent (0.99 if not said, as YCSB has it): a few keys get most of the operations
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Zipfian {
    /// How many keys there are.
    pub keys: u32,
    /// How uneven it is: 0 is uniform.
    #[serde(default = "usual")]
    pub exponent: f64,
}

/// The constant of YCSB (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", section 5.1).
fn usual() -> f64 {
    0.99
}

/// From here on the first key gets all but a thousandth.
const EXPONENT_MAX: f64 = 10.0;

impl Zipfian {
    pub(super) const EXAMPLE: &str = "Zipfian(keys: 10_000)";
}

impl fmt::Display for Zipfian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", the number k as often as 1/k^{}", self.exponent)
    }
}

impl KeysKind for Zipfian {
    fn count(&self) -> u32 {
        self.keys
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        if (0.0..=EXPONENT_MAX).contains(&self.exponent) {
            return Vec::new();
        }
        let problem = Problem::new(at.field("exponent").head(), format!("`{}` is not an exponent", self.exponent));
        vec![problem.help(format!("write a number from 0 (all keys alike) to {EXPONENT_MAX}; 0.99 is usual"))]
    }

    fn chooser(&self, among: u32) -> Box<dyn KeyChooser> {
        Box::new(Ranks { zipf: Zipf::new(f64::from(among.max(1)), self.exponent).ok(), last: among.saturating_sub(1) })
    }
}

struct Ranks {
    /// None for an exponent that the checks refuse.
    zipf: Option<Zipf<f64>>,
    last: u32,
}

impl KeyChooser for Ranks {
    fn choose(&mut self, random: &mut ChaCha8Rng) -> Option<u32> {
        let rank = self.zipf.map_or(1.0, |zipf| zipf.sample(random));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the number of keys")]
        let rank = rank as u32;
        Some(rank.saturating_sub(1).min(self.last))
    }
}
