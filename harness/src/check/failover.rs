//! How long a failed master's slots take no writes.

use std::fmt;

use serde::Deserialize;

use crate::vocab::Duration;

/// From each fault that takes a slot-owning master down to the first write that its successor acknowledged to the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failover {
    /// The longest that every failover of the run may take.
    pub max: Duration,
}

impl fmt::Display for Failover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failover <= {}", self.max)
    }
}
