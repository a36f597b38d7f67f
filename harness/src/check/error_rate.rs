//! How many operations do not end ok.

use std::fmt;

use serde::Deserialize;

use super::During;
use crate::vocab::Percent;

/// The share of operations that ended fail or unknown, after all their retries.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRate {
    /// The highest share, in percent.
    pub max: Percent,
    /// The part of the run it is about: operations that were meant to start in it.
    #[serde(default)]
    pub during: During,
}

impl fmt::Display for ErrorRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error rate {} <= {}", self.during, self.max)
    }
}
