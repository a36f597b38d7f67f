//! The snapshot that a run's topology is compared with.

use serde::{Deserialize, Serialize};

/// `snapshot.json`: the recorded snapshot as it was when the run began, so that the directory alone says what the
/// comparison was with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSnapshot {
    /// Its file, from the project's directory: `snapshots/failover__master_kill.snap`.
    pub file: String,
    /// What it says; none if nothing is recorded yet.
    pub text: Option<String>,
    /// The line of the file on which the text begins, from 1.
    pub first_line: usize,
    /// What the user wants done with a topology that it does not say.
    pub news: News,
}

/// What is done with a topology that no recorded snapshot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// Nothing is written.
    Dropped,
    /// It waits in `<file>.new` for a review.
    Reviewed,
    /// It is recorded.
    Recorded,
}
