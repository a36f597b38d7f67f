//! The checks, one a file: each a pure function from evidence and a specification to a finding.
//!
//! A kind of SLO is a file with its specification and its [`SloKind`], and its lines here.

pub(crate) mod case;
mod error_rate;
mod failover;
pub(crate) mod finding;
mod healthy;
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
mod slo_kind;
mod successor;
pub(crate) mod takedown;
mod takedown_tracker;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod throughput;
mod unavailability;
pub(crate) mod window;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evidence::RecordedSlo;

pub(crate) use case::Case;
pub use finding::{Finding, RunOutcome, Status};
pub(crate) use slo_kind::{FaultScope, NeededLoad, SloKind};
pub use window::{During, Window, Windows};

/// Declares the kinds of SLO: the vocabulary that scenarios may use and that evidence is judged by.
macro_rules! slos {
    ($($kind:ident = $file:ident),+ $(,)?) => {
        $(pub use $file::$kind;)+

        /// What must hold.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub enum Slo {
            $(#[doc = concat!("See [`", stringify!($kind), "`](struct@", stringify!($kind), ").")] $kind($kind)),+
        }

        impl Slo {
            /// What is known of its kind.
            pub(crate) fn kind(&self) -> &dyn SloKind {
                match self {
                    $(Self::$kind(slo) => slo),+
                }
            }
        }
    };
}

slos! {
    Failover = failover,
    Latency = latency,
    Throughput = throughput,
    ErrorRate = error_rate,
    LostWrites = lost_writes,
    MinorityWrites = minority_writes,
    Promotions = promotions,
    Unavailability = unavailability,
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)
    }
}

impl Slo {
    /// The SLO that a plan recorded.
    pub(crate) fn recorded(recorded: &RecordedSlo) -> Result<Self, serde_json::Error> {
        Self::deserialize(&recorded.specification)
    }

    /// Whether it is about time: another run on the same machine would disturb it, and a machine that stalls can make a
    /// good server miss it.
    pub fn is_timed(&self) -> bool {
        self.kind().is_timed()
    }
}
