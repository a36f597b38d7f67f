//! What a run was: the scenario, the servers, the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::FailoverPhase;
use crate::vocab::NodeName;

/// `run.json`: written when the lab is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The version of this harness.
    pub harness_version: String,
    /// The scenario's name, `family/name`.
    pub scenario: String,
    /// The path of the scenario file as given by the user, for messages.
    pub scenario_path: String,
    /// The seed of every random choice.
    pub seed: u64,
    /// The wall clock when the run's clock started, in microseconds since 1970 UTC.
    pub started_unix_us: i64,
    /// Kernel release, such as `6.1.0-18-amd64`.
    pub kernel: String,
    /// Processors that the run may use.
    pub processors: usize,
    /// Whether the run had the machine to itself: no other run of this harness was let in beside it.
    pub alone: bool,
    /// The server of each node, in the order of the plan.
    pub servers: Vec<ServerInfo>,
}

/// A node's server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// The node.
    pub node: NodeName,
    /// The binary's path.
    pub binary: String,
    /// Its product and version, such as `Redis 7.0.15` or `Valkey 8.0.1`.
    pub version: String,
    /// What bounds the phases of a failover in which this server takes over: the settings, in words. A phase that is left out has no
    /// bound of the system's own.
    pub failover_bounds: BTreeMap<FailoverPhase, String>,
}
