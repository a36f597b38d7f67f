//! A few keys that get most of the operations.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{KeyChooser, KeysKind, key_below, nearest};
use crate::text::{Cursor, Problem};
use crate::vocab::Percent;

/// the first `hot` keys get that percentage of the operations, all others the rest
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct HotSpot {
    /// How many keys there are.
    pub keys: u32,
    /// How many of them are hot.
    pub hot: u32,
    /// The part of the operations that the hot ones get.
    pub percent: Percent,
}

impl HotSpot {
    pub(super) const EXAMPLE: &str = "HotSpot(keys: 10_000, hot: 10, percent: 90)";
}

impl fmt::Display for HotSpot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", {} % of the operations on the first {}", self.percent.value(), self.hot)
    }
}

impl KeysKind for HotSpot {
    fn count(&self) -> u32 {
        self.keys
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        if (1..self.keys).contains(&self.hot) {
            return Vec::new();
        }
        let problem = Problem::new(at.field("hot").head(), format!("{} hot keys among {}", self.hot, self.keys));
        vec![problem.help("write at least 1, and fewer than there are; `Uniform` has no hot ones")]
    }

    fn chooser(&self, among: u32) -> Box<dyn KeyChooser> {
        let part = f64::from(self.hot) / f64::from(self.keys.max(1));
        // Of few keys at least one is hot, but not all of them, unless there is only one.
        let hot = nearest(part, among).clamp(1, among.saturating_sub(1).max(1));
        Box::new(HotAndCold { hot, among, fraction: self.percent.fraction() })
    }
}

struct HotAndCold {
    hot: u32,
    among: u32,
    /// Of the operations, that the hot ones get.
    fraction: f64,
}

impl KeyChooser for HotAndCold {
    fn choose(&mut self, random: &mut ChaCha8Rng) -> Option<u32> {
        let is_hot = f64::from(key_below(u32::MAX, random)) < self.fraction * f64::from(u32::MAX);
        Some(if is_hot || self.hot == self.among {
            key_below(self.hot, random)
        } else {
            self.hot + key_below(self.among - self.hot, random)
        })
    }
}
