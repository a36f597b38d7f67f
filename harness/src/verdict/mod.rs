//! The verdict: assumptions first, then checks, then SLOs; a pure function of the evidence.

mod assumptions;
mod driver;
mod failovers;
mod implicit;
mod judge;
mod latency_log;
#[cfg(test)]
mod partition_tests;
mod replicas;
mod servers;
mod sound;
mod summary;
#[cfg(test)]
mod tests;
mod time_series;
mod topology;
#[cfg(test)]
mod topology_tests;
mod triggers;
mod types;

pub use crate::check::{Finding, RunOutcome, Status};
pub use judge::{distrust, judge};
pub use latency_log::latency_log;
pub use replicas::{LagSeries, lag_series};
pub use sound::{Unsound, sound};
pub use time_series::{Bin, TimeSeries, series};
pub use topology::{TopologyComparison, TopologyState};
pub use types::{
    Assumption, FailoverReport, LatencySummary, LoadSummary, OperationsSummary, PhaseTime, ReplicaSummary,
    ServerSummary, Verdict,
};
