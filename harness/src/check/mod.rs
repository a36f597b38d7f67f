//! The checks, one a file: each a pure function from evidence and a specification to a finding.

mod error_rate;
mod failover;
mod latency;
mod lost_writes;
mod throughput;
mod unavailability;
mod window;

use std::fmt;

use serde::Deserialize;

pub use error_rate::ErrorRate;
pub use failover::Failover;
pub use latency::Latency;
pub use lost_writes::LostWrites;
pub use throughput::Throughput;
pub use unavailability::Unavailability;
pub use window::During;

/// What must hold. The accepted vocabulary is this list.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Slo {
    /// How long a failed master's slots take no writes.
    Failover(Failover),
    /// How long operations take.
    Latency(Latency),
    /// How many operations are done.
    Throughput(Throughput),
    /// How many operations do not end ok.
    ErrorRate(ErrorRate),
    /// How many acknowledged writes are gone at the end.
    LostWrites(LostWrites),
    /// How long any key at all was not served.
    Unavailability(Unavailability),
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failover(slo) => slo.fmt(f),
            Self::Latency(slo) => slo.fmt(f),
            Self::Throughput(slo) => slo.fmt(f),
            Self::ErrorRate(slo) => slo.fmt(f),
            Self::LostWrites(slo) => slo.fmt(f),
            Self::Unavailability(slo) => slo.fmt(f),
        }
    }
}
