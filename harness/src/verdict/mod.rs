//! The verdict: assumptions first, then checks, then SLOs; a pure function of plan and evidence.

mod types;

pub use crate::check::{Finding, Outcome, Status};
pub use types::{Assumption, FailoverReport, LatencySummary, LoadSummary, Phase, PhaseTime, Verdict};
