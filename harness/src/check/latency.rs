//! How long operations take.

use std::fmt;

use serde::Deserialize;

use super::During;
use crate::vocab::{Duration, Percent};

/// A quantile of the time from an operation's intended start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// The quantile in percent, such as 50, 99 or 99.9; 100 is the maximum.
    pub quantile: Percent,
    /// The longest it may be.
    pub max: Duration,
    /// The part of the run it is about: operations that were meant to start in it.
    #[serde(default)]
    pub during: During,
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{} {} <= {}", self.quantile.value(), self.during, self.max)
    }
}
