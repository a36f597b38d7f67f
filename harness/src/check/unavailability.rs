//! How long any part of the key space was not served.

use std::fmt;

use serde::Deserialize;

use crate::vocab::Duration;

/// The longest time in which a shard's slots had operations waiting and none of them ended ok.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unavailability {
    /// The longest that any shard may be unavailable.
    pub max: Duration,
}

impl fmt::Display for Unavailability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unavailability <= {}", self.max)
    }
}
