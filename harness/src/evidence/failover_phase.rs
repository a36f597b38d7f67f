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
    /// The first sentinel holds the master for down.
    SubjectivelyDown,
    /// A quorum of sentinels does.
    ObjectivelyDown,
    /// A sentinel asks the others to let it replace the master.
    FailoverTried,
    /// A majority of the sentinels let it.
    LeaderElected,
    /// It has chosen the replica that will take over.
    ReplicaSelected,
    /// The successor has won and owns the shard.
    Promoted,
    /// The first sentinel tells clients of the successor.
    MasterSwitched,
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
            Self::SubjectivelyDown => "+sdown",
            Self::ObjectivelyDown => "+odown",
            Self::FailoverTried => "failover tried",
            Self::LeaderElected => "leader elected",
            Self::ReplicaSelected => "replica selected",
            Self::MasterSwitched => "+switch-master",
            Self::Promoted => "promoted",
            Self::FirstAcceptedWrite => "first accepted write",
            Self::AllAgree => "all nodes agree",
        })
    }
}
