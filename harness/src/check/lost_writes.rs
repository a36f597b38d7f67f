//! How many acknowledged writes are gone at the end.

use std::fmt;

use serde::Deserialize;

/// Acknowledged writes that neither the final read nor a later write of the same key accounts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostWrites {
    /// How many may be lost.
    pub max: u64,
}

impl fmt::Display for LostWrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost writes <= {}", self.max)
    }
}
