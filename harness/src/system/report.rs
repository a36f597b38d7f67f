//! What a node reports of itself and of the others, in the terms that every system shares.

use crate::evidence::NodeView;
use crate::vocab::{NodeId, Role};

/// Everything that a node's answers to one round of questions say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// The id by which the node calls itself.
    pub id: NodeId,
    /// The part that is evidence.
    pub view: NodeView,
    /// The part that changes with every write; none of a node that holds no data.
    pub replication: Option<ReplicationProgress>,
}

/// How far a node is in its replication history (`INFO replication`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationProgress {
    /// The node's role.
    pub role: Role,
    /// The history that the offset counts in: `master_replid`. Offsets of different histories do not compare.
    pub history: String,
    /// Bytes of that history: written by a master (`master_repl_offset`), applied by a replica (`slave_repl_offset`).
    pub offset: i64,
    /// A replica's `master_link_status` is up; none on a master.
    pub link_up: Option<bool>,
}

/// Why an answer could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// A line is not of the documented form.
    #[error("{command} has the line `{line}`")]
    Line {
        /// The command that was answered.
        command: &'static str,
        /// The line, or as much of it as one wants to see.
        line: String,
    },
    /// The node does not say which of the nodes it is itself.
    #[error("{command} has no line about the node itself")]
    NotItself {
        /// The command that was answered.
        command: &'static str,
    },
    /// A field is missing or is not what it should be.
    #[error("{command} has no usable `{field}`")]
    Field {
        /// The command that was answered.
        command: &'static str,
        /// The field.
        field: &'static str,
    },
}

/// Reads the answer to `INFO replication`.
pub fn read_replication(text: &str) -> Result<ReplicationProgress, ReportError> {
    const COMMAND: &str = "INFO replication";
    let missing = |field| ReportError::Field { command: COMMAND, field };
    let history = field(text, "master_replid").ok_or(missing("master_replid"))?.to_owned();
    match field(text, "role") {
        Some("master") => Ok(ReplicationProgress {
            role: Role::Master,
            history,
            offset: number(text, COMMAND, "master_repl_offset")?,
            link_up: None,
        }),
        Some("slave") => Ok(ReplicationProgress {
            role: Role::Replica,
            history,
            offset: number(text, COMMAND, "slave_repl_offset")?,
            link_up: Some(field(text, "master_link_status") == Some("up")),
        }),
        _ => Err(missing("role")),
    }
}

/// The value of `name:value` in an answer of such lines.
pub(super) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_end)
}

/// The value of `name:value` as a number; `command` is what was answered.
pub(super) fn number<T: std::str::FromStr>(
    text: &str,
    command: &'static str,
    name: &'static str,
) -> Result<T, ReportError> {
    field(text, name).and_then(|value| value.parse().ok()).ok_or(ReportError::Field { command, field: name })
}
