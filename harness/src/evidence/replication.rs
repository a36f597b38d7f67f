//! How far each node was in its replication history.

use serde::{Deserialize, Serialize};

use crate::vocab::{Instant, NodeName};

/// How far a node was when it answered: a line of `replication.jsonl`, one for each change that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationRecord {
    /// When it was asked. The offset is of a moment between then and `at`.
    pub asked: Instant,
    /// When its answer was taken.
    pub at: Instant,
    /// When it was asked the time before, and still was where the line before says; none if it had not answered since it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Instant>,
    /// The node.
    pub node: NodeName,
    /// Bytes of its history: written by a master (`master_repl_offset`), applied by a replica (`slave_repl_offset`).
    pub offset: i64,
}
