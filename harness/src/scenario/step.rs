//! The steps of a timeline and the conditions it can wait for.

use std::fmt;

use serde::Deserialize;

use crate::vocab::{Duration, NodeName, Target};

/// One step of the timeline. Steps follow each other; none begins before the one before it is done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Step {
    /// Let the load run.
    Run {
        /// For how long.
        r#for: Duration,
    },
    /// SIGKILL: the process is gone, its host answers with resets.
    Kill(Target),
    /// SIGTERM, as `systemctl stop` sends: the server may save and say goodbye.
    Stop(Target),
    /// SIGSTOP: the process is silent and its connections stay open.
    Pause(Target),
    /// SIGCONT: a paused process goes on.
    Resume(Target),
    /// A stopped server is started again on the data it left.
    Start(Target),
    /// A stopped server's data directory is emptied, its `nodes.conf` too.
    Wipe(Target),
    /// A running server that nobody knows (after `Wipe` and `Start`) is introduced to the cluster as a replica.
    Join {
        /// The newcomer.
        node: NodeName,
        /// Whom it shall replicate.
        replica_of: NodeName,
    },
    /// Wait for a condition, at most so long. The run fails when it is not met.
    Until {
        /// What to wait for.
        condition: Condition,
        /// The bound.
        within: Duration,
    },
}

/// What `Until` can wait for. A condition on the topology holds when the cluster has settled: every running node agrees,
/// every dead one is flagged, every link is up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Condition {
    /// The cluster has settled with this node as a master that owns slots.
    Promoted(NodeName),
    /// The cluster has settled with `node` as a linked replica.
    Replicates {
        /// The replica.
        node: NodeName,
        /// Its master.
        of: NodeName,
    },
    /// The cluster has settled with this node flagged as failed.
    Failed(NodeName),
    /// The cluster has settled and every slot is served.
    Healthy,
    /// The cluster has settled and refuses to serve (`cluster_state:fail` everywhere).
    Down,
    /// Every running replica has applied all that its master had written when it was asked. Under load this is never true
    /// for long.
    Synced,
    /// A load with a limited number of operations has done them all.
    Finished(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { r#for } => write!(f, "Run for {for}"),
            Self::Kill(target) => write!(f, "Kill {target} (SIGKILL)"),
            Self::Stop(target) => write!(f, "Stop {target} (SIGTERM)"),
            Self::Pause(target) => write!(f, "Pause {target} (SIGSTOP)"),
            Self::Resume(target) => write!(f, "Resume {target} (SIGCONT)"),
            Self::Start(target) => write!(f, "Start {target}"),
            Self::Wipe(target) => write!(f, "Wipe {target}"),
            Self::Join { node, replica_of } => write!(f, "Join {node} as a replica of {replica_of}"),
            Self::Until { condition, within } => write!(f, "Until {condition}, within {within}"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promoted(node) => write!(f, "{node} is a master with slots"),
            Self::Replicates { node, of } => write!(f, "{node} replicates {of}"),
            Self::Failed(node) => write!(f, "{node} is flagged failed"),
            Self::Healthy => f.write_str("every slot is served"),
            Self::Down => f.write_str("the cluster is down"),
            Self::Synced => f.write_str("every replica has all writes"),
            Self::Finished(load) => write!(f, "load `{load}` is done"),
        }
    }
}
