//! What the outside tells the lab process to run.

use serde::{Deserialize, Serialize};

/// What the outside asks of the lab process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The scenario file's path as the user gave it.
    pub(crate) path: String,
    /// The run directory, absolute, with the scenario in it.
    pub(crate) directory: std::path::PathBuf,
    /// Whether the run has the machine to itself.
    pub(crate) alone: bool,
}
