//! Reads what a node says of the cluster: the replies of `CLUSTER NODES`, `CLUSTER INFO` and `INFO replication`.
//!
//! Pure text in, values out. The formats of Redis 6.2 to 8.0 and Valkey 8.0 to 9.1 are recorded in `fixtures/views`.

use std::collections::{BTreeMap, BTreeSet};

use super::members::members;
use super::names::Names;
use crate::evidence::{ClusterState, Member, NodeView};
use crate::vocab::{NodeId, NodeName, Role};

/// A node's replies to the three commands, as it sent them.
#[derive(Clone, Copy, Debug)]
pub struct Replies<'a> {
    /// `CLUSTER NODES`.
    pub nodes: &'a str,
    /// `CLUSTER INFO`.
    pub info: &'a str,
    /// `INFO replication`.
    pub replication: &'a str,
}

/// Everything that one round of replies says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The id by which the node calls itself (the `myself` line).
    pub id: NodeId,
    /// The part that is evidence.
    pub view: NodeView,
    /// The part that changes with every write.
    pub replication: Replication,
}

/// How far a node is in its replication history (`INFO replication`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// The node's role.
    pub role: Role,
    /// The history that the offset counts in: `master_replid`. Offsets of different histories do not compare.
    pub history: String,
    /// Bytes of that history: written by a master (`master_repl_offset`), applied by a replica (`slave_repl_offset`).
    pub offset: i64,
    /// A replica's `master_link_status` is up; none on a master.
    pub link_up: Option<bool>,
}

/// Why a reply could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// A line of `CLUSTER NODES` is not of the documented form.
    #[error("CLUSTER NODES has the line `{0}`")]
    Line(String),
    /// No line of `CLUSTER NODES` has the flag `myself`.
    #[error("CLUSTER NODES has no line about the node itself")]
    NoMyself,
    /// A field is missing or is not what it should be.
    #[error("{command} has no usable `{field}`")]
    Field {
        /// The command that was answered.
        command: &'static str,
        /// The field.
        field: &'static str,
    },
}

/// Reads the replies of `viewer`.
pub fn read(viewer: &NodeName, replies: Replies<'_>, names: &Names) -> Result<Reading, ViewError> {
    let (id, members) = members(viewer, replies.nodes, names)?;
    combine(id, members, replies.info, replies.replication)
}

/// A reading from members that are already known and the two replies that are cheap to read.
pub(super) fn combine(
    id: NodeId,
    members: BTreeMap<NodeName, Member>,
    info: &str,
    replication: &str,
) -> Result<Reading, ViewError> {
    let replication = read_replication(replication)?;
    let view = NodeView {
        state: read_state(info)?,
        current_epoch: number(info, "CLUSTER INFO", "cluster_current_epoch")?,
        master_link_up: replication.link_up,
        members,
    };
    Ok(Reading { id, view, replication })
}

fn read_state(info: &str) -> Result<ClusterState, ViewError> {
    match field(info, "cluster_state") {
        Some("ok") => Ok(ClusterState::Ok),
        Some("fail") => Ok(ClusterState::Fail),
        _ => Err(ViewError::Field { command: "CLUSTER INFO", field: "cluster_state" }),
    }
}

/// Reads `INFO replication`.
pub fn read_replication(text: &str) -> Result<Replication, ViewError> {
    const COMMAND: &str = "INFO replication";
    let missing = |field| ViewError::Field { command: COMMAND, field };
    let history = field(text, "master_replid").ok_or(missing("master_replid"))?.to_owned();
    match field(text, "role") {
        Some("master") => Ok(Replication {
            role: Role::Master,
            history,
            offset: number(text, COMMAND, "master_repl_offset")?,
            link_up: None,
        }),
        Some("slave") => Ok(Replication {
            role: Role::Replica,
            history,
            offset: number(text, COMMAND, "slave_repl_offset")?,
            link_up: Some(field(text, "master_link_status") == Some("up")),
        }),
        _ => Err(missing("role")),
    }
}

/// Why not every replica has all that its master had written when it was asked; `Ok` when each has.
///
/// A replica counts when it runs. It is compared with the master that it names itself, and only within one history:
/// before a full resynchronization its offset may be the larger one and mean nothing. Offsets are applied bytes, not
/// the acknowledgements that the master knows of: those arrive once a second (`replicationCron`, Redis
/// `replication.c`) and would show a lag that is over.
pub fn synced(
    running: &BTreeSet<&NodeName>,
    views: &BTreeMap<NodeName, Option<NodeView>>,
    replication: &BTreeMap<NodeName, Replication>,
) -> Result<(), String> {
    for node in running {
        let (Some(Some(view)), Some(own)) = (views.get(*node), replication.get(*node)) else {
            return Err(format!("{node} does not answer"));
        };
        if own.role == Role::Replica {
            let master = view.members.get(*node).and_then(|member| member.master.as_ref());
            replica_synced(node, own, master, replication)?;
        }
    }
    Ok(())
}

fn replica_synced(
    node: &NodeName,
    own: &Replication,
    master: Option<&NodeName>,
    replication: &BTreeMap<NodeName, Replication>,
) -> Result<(), String> {
    let Some(master) = master else { return Err(format!("{node} replicates nobody")) };
    if own.link_up != Some(true) {
        return Err(format!("{node} is not linked to its master {master}"));
    }
    let Some(theirs) = replication.get(master) else {
        return Err(format!("{master}, the master of {node}, does not answer"));
    };
    if own.history != theirs.history {
        return Err(format!("{node} does not have the history of its master {master} yet"));
    }
    if own.offset < theirs.offset {
        let behind = theirs.offset.saturating_sub(own.offset);
        return Err(format!("{node} is {behind} bytes behind its master {master}"));
    }
    Ok(())
}

/// The value of `name:value` in a reply of such lines.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_end)
}

fn number<T: std::str::FromStr>(text: &str, command: &'static str, name: &'static str) -> Result<T, ViewError> {
    field(text, name).and_then(|value| value.parse().ok()).ok_or(ViewError::Field { command, field: name })
}
