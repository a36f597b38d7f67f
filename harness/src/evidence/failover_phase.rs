//! The phases of a failover.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The phases of a failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailoverPhase {
    /// The fault began.
    Fault,
    /// The first node suspects the master.
    Pfail,
    /// A majority agreed that it failed.
    Fail,
    /// The successor has scheduled its election.
    ElectionDelayed,
    /// The successor asks for votes.
    ElectionStarted,
    /// The successor has won and owns the shard.
    Promoted,
    /// The successor acknowledged a write of the load.
    FirstAcceptedWrite,
    /// All running nodes agree.
    AllAgree,
}

impl fmt::Display for FailoverPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fault => "fault",
            Self::Pfail => "PFAIL",
            Self::Fail => "FAIL",
            Self::ElectionDelayed => "election scheduled",
            Self::ElectionStarted => "election started",
            Self::Promoted => "promoted",
            Self::FirstAcceptedWrite => "first accepted write",
            Self::AllAgree => "all nodes agree",
        })
    }
}
