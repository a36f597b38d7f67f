//! How many operations are done.

use std::fmt;

use serde::Deserialize;

use super::During;

/// Operations that ended ok in each second, on average over the part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throughput {
    /// The lowest rate, in operations a second.
    pub min: f64,
    /// The part of the run it is about.
    #[serde(default)]
    pub during: During,
}

impl fmt::Display for Throughput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "throughput {} >= {}/s", self.during, self.min)
    }
}
