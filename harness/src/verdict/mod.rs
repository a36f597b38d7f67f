//! The verdict: assumptions first, then checks, then SLOs; a pure function of plan and evidence.

mod types;

pub use types::{
    Assumption, FailoverReport, Finding, LatencySummary, LoadSummary, Outcome, Phase, PhaseTime, Status, Verdict,
};
