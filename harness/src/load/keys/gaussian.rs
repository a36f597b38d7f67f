//! Keys around a middle one.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;

use super::{KeyChooser, KeysKind, nearest};
use crate::text::{Cursor, Problem};

/// keys around the middle one, normally distributed with that standard deviation in keys
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Gaussian {
    /// How many keys there are.
    pub keys: u32,
    /// The standard deviation, in keys.
    pub deviation: u32,
}

impl Gaussian {
    pub(super) const EXAMPLE: &str = "Gaussian(keys: 10_000, deviation: 500)";
}

impl fmt::Display for Gaussian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", normally distributed around the middle with a deviation of {} keys", self.deviation)
    }
}

impl KeysKind for Gaussian {
    fn count(&self) -> u32 {
        self.keys
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        if (1..=self.keys.max(1)).contains(&self.deviation) {
            return Vec::new();
        }
        let message = format!("a deviation of {} among {} keys", self.deviation, self.keys);
        let problem = Problem::new(at.field("deviation").head(), message);
        vec![problem.help("write a number of keys from 1 to all of them; within one deviation of the middle lie 68 %")]
    }

    fn chooser(&self, among: u32) -> Box<dyn KeyChooser> {
        let deviation = f64::from(self.deviation) / f64::from(self.keys.max(1));
        Box::new(AroundTheMiddle { deviation, among })
    }
}

struct AroundTheMiddle {
    /// As a part of all keys.
    deviation: f64,
    among: u32,
}

impl KeyChooser for AroundTheMiddle {
    fn choose(&mut self, random: &mut ChaCha8Rng) -> Option<u32> {
        // What lies outside is drawn again. At the largest deviation, which is all keys, four in ten lie inside.
        loop {
            let normal: f64 = StandardNormal.sample(random);
            let fraction = 0.5 + normal * self.deviation;
            if (0.0..1.0).contains(&fraction) {
                return Some(nearest(fraction, self.among));
            }
        }
    }
}
