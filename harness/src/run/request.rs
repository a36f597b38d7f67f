//! What the outside tells the lab process to run.

use serde::{Deserialize, Serialize};

use crate::provider::ProviderChoice;

/// What the outside asks of the lab process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The scenario file's path as the user gave it.
    pub(crate) path: String,
    /// The run directory, absolute, with the scenario in it.
    pub(crate) directory: std::path::PathBuf,
    /// Who makes the hosts and starts the servers.
    pub(crate) provider: ProviderChoice,
    /// Whether the run has the machine to itself.
    pub(crate) alone: bool,
}
