//! The checks, one a file: each a pure function from evidence and a specification to a finding.
//!
//! A kind of SLO is a file with its specification and its `SloKind`, and its line here.

mod autopsy;
pub(crate) mod case;
mod census;
mod counts;
mod deliveries;
mod element_tally;
mod elements;
mod excess;
mod fate;
pub(crate) mod finding;
pub(crate) mod followers;
mod healthy;
mod key_history;
pub(crate) mod key_question;
mod keys;
pub(crate) mod machine;
#[cfg(test)]
mod machine_tests;
pub(crate) mod parallel;
#[cfg(test)]
mod partition_tests;
pub(crate) mod possible_reads;
pub(crate) mod preload;
pub(crate) mod reach;
mod read_tally;
mod reads;
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
pub(crate) mod window;

use serde::{Deserialize, Serialize};

use crate::evidence::RecordedSlo;
use crate::text::kinds;

pub(crate) use case::Case;
pub use finding::{Finding, RunOutcome, Status};
pub(crate) use promotions::promotion_before_any_step;
pub(crate) use slo_kind::{ClaimedRate, FaultScope, NeededLoad, SloKind};
pub use window::{During, Window, Windows};

kinds! {
    /// What must hold.
    #[derive(Serialize)]
    pub enum Slo: pub(crate) SloKind {
        failover::Failover,
        latency::Latency,
        throughput::Throughput,
        capacity::Capacity,
        error_rate::ErrorRate,
        lost_writes::LostWrites,
        loss_window::LossWindow,
        stale_reads::StaleReads,
        read_your_writes::ReadYourWrites,
        monotonic_reads::MonotonicReads,
        replication_lag::ReplicationLag,
        linearizable::Linearizable,
        lost_elements::LostElements,
        stale_elements::StaleElements,
        lost_messages::LostMessages,
        delivery_delay::DeliveryDelay,
        minority_writes::MinorityWrites,
        resyncs::Resyncs,
        split_brain::SplitBrain,
        keys_held_twice::KeysHeldTwice,
        promotions::Promotions,
        torn_reads::TornReads,
        total_holds::TotalHolds,
        unscanned_keys::UnscannedKeys,
        unavailability::Unavailability,
        mutual_exclusion::MutualExclusion,
        acquisitions::Acquisitions,
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

    /// Whether it is about which keys each master holds at the end.
    pub fn needs_key_lists(&self) -> bool {
        self.kind().needs_key_lists()
    }

    /// Whether another run on the same machine could decide it: what it measures is a throughput or a short time.
    pub fn needs_idle_machine(&self) -> bool {
        self.kind().needs_idle_machine()
    }
}
