//! What a line of a server's log says, whatever server and version wrote it.

use serde::{Deserialize, Serialize};

use crate::vocab::{Instant, NodeName};

/// When a server's log says that something happened: its own clock at millisecond resolution, on the run's clock.
pub type LoggedInstant = Instant;

/// One understood line of one node's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// Whose log it is.
    pub node: NodeName,
    /// The time stamp of the line.
    pub logged: LoggedInstant,
    /// What it says.
    #[serde(flatten)]
    pub says: LogEvent,
}

/// The log lines that speak of a failover, of replication or of the cluster's state.
///
/// Node ids are replaced by names where the id is known; an unknown id keeps its 40 digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum LogEvent {
    /// `NODE <id> possibly failing`: this node has not heard `about` for longer than the node timeout.
    PossiblyFailing {
        /// The suspect.
        about: NodeName,
    },
    /// `Node <a> reported node <b> as not reachable.`
    ReportedFailing {
        /// Who reported.
        by: NodeName,
        /// The suspect.
        about: NodeName,
    },
    /// `Marking node <id> as failing (quorum reached).`
    MarkedFailing {
        /// The failed node.
        about: NodeName,
    },
    /// `FAIL message received from <a> about <b>`
    ToldFailing {
        /// Who told.
        by: NodeName,
        /// The failed node.
        about: NodeName,
    },
    /// `Start of election delayed for <n> milliseconds (rank #<r>, offset <o>).`
    ElectionDelayed {
        /// The delay in milliseconds.
        delay_ms: u64,
        /// The replica's rank among its master's replicas, 0 for the best.
        rank: u32,
    },
    /// `Starting a failover election for epoch <e>.`
    ElectionStarted {
        /// The election's epoch.
        version: u64,
    },
    /// `Failover auth granted to <id> for epoch <e>`
    VoteGranted {
        /// The candidate.
        to: NodeName,
        /// The election's epoch.
        version: u64,
    },
    /// `Failover election won: I'm the new master.` (Valkey: `primary`)
    ElectionWon,
    /// `Currently unable to failover: ...`
    FailoverBlocked {
        /// The server's reason.
        reason: String,
    },
    /// `Configuration change detected. Reconfiguring myself as a replica of <id>`, `REPLICAOF <ip>:<port> enabled`
    Demoted {
        /// The new master.
        master: NodeName,
    },
    /// `MASTER MODE enabled (user request from '...')`: it was told to follow nobody.
    MadeMaster,
    /// `+sdown`: this sentinel holds a node for down.
    SubjectivelyDown {
        /// The node.
        about: NodeName,
    },
    /// `+odown`: a quorum of sentinels holds a master for down.
    ObjectivelyDown {
        /// The master.
        about: NodeName,
    },
    /// `+try-failover`: this sentinel asks to be let replace a master.
    FailoverTried {
        /// The master.
        about: NodeName,
    },
    /// `+elected-leader`: a majority of the sentinels let this one replace a master.
    LeaderElected {
        /// The master.
        about: NodeName,
    },
    /// `+selected-slave`: this sentinel has chosen who will take over.
    ReplicaSelected {
        /// The replica.
        chosen: NodeName,
    },
    /// `+switch-master`: this sentinel tells clients of another master.
    MasterSwitched {
        /// The master before.
        from: NodeName,
        /// The new one.
        to: NodeName,
    },
    /// `Cluster state changed: ok` or `fail`
    StateChanged {
        /// Whether the new state is ok.
        ok: bool,
    },
    /// `Clear FAIL state for node <id>: ...`
    FailCleared {
        /// The node that is reachable again.
        about: NodeName,
    },
    /// `MASTER <-> REPLICA sync started`
    SyncStarted,
    /// `Full resync from master: <id>:<offset>`
    FullResync,
    /// `Successful partial resynchronization with master.`
    PartialResync,
    /// `MASTER <-> REPLICA sync: Finished with success`
    SyncFinished,
}

impl LogEvent {
    /// Whether the node says that it is a master from now on, and was none before.
    pub fn is_promotion(&self) -> bool {
        matches!(self, Self::ElectionWon | Self::MadeMaster)
    }
}
