//! The checks, one a file: each a pure function from evidence and a specification to a finding.

mod calm;
pub(crate) mod case;
mod error_rate;
mod failover;
mod fall;
pub(crate) mod finding;
mod latency;
mod lost_writes;
pub(crate) mod machine;
#[cfg(test)]
mod machine_tests;
mod minority_writes;
#[cfg(test)]
mod partition_tests;
mod promotions;
pub(crate) mod reach;
mod risk;
mod sample_size;
#[cfg(test)]
mod sample_size_tests;
pub(crate) mod samples;
pub(crate) mod schedule;
pub(crate) mod takedown;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod throughput;
mod unavailability;
pub(crate) mod window;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocab::Duration;

pub(crate) use case::Case;
pub use error_rate::ErrorRate;
pub use failover::Failover;
pub use finding::{Finding, Outcome, Status};
pub use latency::Latency;
pub use lost_writes::LostWrites;
pub use minority_writes::MinorityWrites;
pub use promotions::Promotions;
pub use throughput::Throughput;
pub use unavailability::Unavailability;
pub use window::{During, Window, Windows};

/// Company on the machine costs a run some milliseconds here and there, never as much as this.
const IDLE_MACHINE_BELOW: Duration = Duration::from_millis(1_000);

/// What must hold. The accepted vocabulary is this list.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
    /// How long a master that was cut off from the majority went on acknowledging writes.
    MinorityWrites(MinorityWrites),
    /// How often a replica took over.
    Promotions(Promotions),
    /// How long any key at all was not served.
    Unavailability(Unavailability),
}

impl Slo {
    /// Whether it is about time: another run on the same machine would disturb it, and a machine that stalls can make a
    /// good server miss it. An error rate is not: an operation is given up only after a whole deadline of retries.
    pub fn is_timed(&self) -> bool {
        matches!(
            self,
            Self::Failover(_)
                | Self::Latency(_)
                | Self::MinorityWrites(_)
                | Self::Throughput(_)
                | Self::Unavailability(_)
        )
    }

    /// Whether another run on the same machine could decide it: what it measures is a throughput or a short time.
    pub fn needs_idle_machine(&self) -> bool {
        match self {
            Self::Throughput(_) => true,
            Self::Latency(slo) => slo.max < IDLE_MACHINE_BELOW,
            Self::Failover(slo) => slo.max < IDLE_MACHINE_BELOW,
            Self::MinorityWrites(slo) => slo.max < IDLE_MACHINE_BELOW,
            Self::Unavailability(slo) => slo.max < IDLE_MACHINE_BELOW,
            Self::ErrorRate(_) | Self::LostWrites(_) | Self::Promotions(_) => false,
        }
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failover(slo) => slo.fmt(f),
            Self::Latency(slo) => slo.fmt(f),
            Self::Throughput(slo) => slo.fmt(f),
            Self::ErrorRate(slo) => slo.fmt(f),
            Self::LostWrites(slo) => slo.fmt(f),
            Self::MinorityWrites(slo) => slo.fmt(f),
            Self::Promotions(slo) => slo.fmt(f),
            Self::Unavailability(slo) => slo.fmt(f),
        }
    }
}

impl Slo {
    /// Judges the run by this SLO.
    pub(crate) fn judge(&self, case: &Case<'_>) -> Finding {
        match self {
            Self::Failover(slo) => slo.judge(case),
            Self::Latency(slo) => slo.judge(case),
            Self::Throughput(slo) => slo.judge(case),
            Self::ErrorRate(slo) => slo.judge(case),
            Self::LostWrites(slo) => slo.judge(case),
            Self::MinorityWrites(slo) => slo.judge(case),
            Self::Promotions(slo) => slo.judge(case),
            Self::Unavailability(slo) => slo.judge(case),
        }
    }

    /// Why a miss is not blamed on the servers: the machine may have taken as much time as it takes to explain the miss, where
    /// it was missed.
    /// None if it stands.
    pub(crate) fn excuse(&self, case: &Case<'_>) -> Option<String> {
        match self {
            Self::Failover(slo) => slo.excuse(case),
            Self::Latency(slo) => slo.excuse(case),
            Self::Throughput(slo) => slo.excuse(case),
            Self::Unavailability(slo) => slo.excuse(case),
            Self::MinorityWrites(slo) => slo.excuse(case),
            Self::Promotions(slo) => slo.excuse(case),
            Self::ErrorRate(slo) => slo.excuse(case),
            Self::LostWrites(_) => None,
        }
    }
}
