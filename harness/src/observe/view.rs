//! Reads what a node says of the cluster: the replies of `CLUSTER NODES`, `CLUSTER INFO` and `INFO replication`.
//!
//! Pure text in, values out. The formats of Redis 6.2 to 8.0 and Valkey 8.0 to 9.1 are recorded in `fixtures/views`.

use std::collections::BTreeMap;

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
        current_version: number(info, "CLUSTER INFO", "cluster_current_epoch")?,
        master_link_up: replication.link_up,
        data_too_old: false,
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
    running: &[NodeName],
    views: &BTreeMap<NodeName, Option<NodeView>>,
    replication: &BTreeMap<NodeName, Replication>,
) -> Result<(), String> {
    for node in running {
        let (Some(Some(view)), Some(own)) = (views.get(node), replication.get(node)) else {
            return Err(format!("{node} does not answer"));
        };
        if own.role == Role::Replica {
            let master = view.members.get(node).and_then(|member| member.master.as_ref());
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::evidence::Health;
    use crate::observe::testing::{fixture, recorded_ids, recorded_names};

    fn recorded(server: &str, moment: &str, viewer: &str, names: &Names) -> Reading {
        let text = std::fs::read_to_string(fixture(&format!("views/{server}/{moment}-{viewer}.txt"))).unwrap();
        let part = |command: &str| {
            let (_, rest) = text.split_once(&format!("=== {command}\n")).unwrap();
            rest.split("=== ").next().unwrap().to_owned()
        };
        let (nodes, info, replication) = (part("CLUSTER NODES"), part("CLUSTER INFO"), part("INFO replication"));
        let replies = Replies { nodes: &nodes, info: &info, replication: &replication };
        read(&NodeName::new(viewer), replies, names).unwrap()
    }

    /// The members without their epochs, which depend on how many elections it took.
    fn places(view: &NodeView) -> Vec<String> {
        let place = |(node, member): (&NodeName, &Member)| {
            let text = member.to_string();
            format!("{node}: {} {:?}", text.split(" (").next().unwrap(), member.health)
        };
        view.members.iter().map(place).collect()
    }

    #[rstest]
    fn recorded_failovers_read_alike(
        #[values("redis-6.2", "redis-7.0", "redis-8.0", "valkey-8.0", "valkey-8.1", "valkey-9.1")] server: &str,
    ) {
        let names = recorded_names(server);
        let steady = recorded(server, "steady", "A1", &names);
        assert_eq!(
            places(&steady.view),
            [
                "A: master of 0-5460 Ok",
                "A1: replica of A Ok",
                "B: master of 5461-10922 Ok",
                "B1: replica of B Ok",
                "C: master of 10923-16383 Ok",
                "C1: replica of C Ok"
            ]
        );
        assert_eq!(steady.id, recorded_ids(server)[3].1);
        assert_eq!((steady.view.state, steady.view.master_link_up), (ClusterState::Ok, Some(true)));
        assert_eq!(steady.replication.role, Role::Replica);
        let master = recorded(server, "steady", "A", &names);
        assert_eq!(master.replication.history, steady.replication.history);
        assert_eq!((master.view.master_link_up, master.replication.role), (None, Role::Master));
        assert!(master.replication.offset > 0);

        let suspected = recorded(server, "suspected", "B", &names).view;
        assert_eq!(suspected.members[&NodeName::new("A")].health, Health::Pfail);

        let promoted = recorded(server, "promoted", "B", &names).view;
        assert_eq!(places(&promoted)[..2], ["A: master without slots, failed Fail", "A1: master of 0-5460 Ok"]);

        let resynced = recorded(server, "resynced", "A", &names).view;
        assert_eq!(places(&resynced)[..2], ["A: replica of A1 Ok", "A1: master of 0-5460 Ok"]);
        assert_eq!(resynced.master_link_up, Some(true));
    }

    #[rstest]
    fn a_wiped_node_is_the_one_that_is_there(
        #[values("redis-6.2", "redis-7.0", "redis-8.0", "valkey-8.0", "valkey-8.1", "valkey-9.1")] server: &str,
    ) {
        let mut names = recorded_names(server);
        let ids = recorded_ids(server);
        let (former, present) = (&ids[5].1, &ids[6].1);
        for learned in [false, true] {
            if learned {
                names.learn(&NodeName::new("C1"), present);
            }
            let others = recorded(server, "wiped", "B", &names).view;
            assert_eq!(
                others.members[&NodeName::new("C1")].role,
                Role::Master,
                "it was not told whom to replicate yet"
            );
            let stale = NodeName::new(format!("?{}", &former.0[..8]));
            assert_eq!(others.members[&stale].master, Some(NodeName::new("C")));
            let own = recorded(server, "wiped", "C1", &names);
            assert_eq!(&own.id, present);
        }
    }

    fn replica(offset: i64, history: &str, link_up: bool) -> Replication {
        Replication { role: Role::Replica, history: history.to_owned(), offset, link_up: Some(link_up) }
    }

    #[rstest]
    #[case::level(replica(70, "one", true), None)]
    #[case::ahead_of_a_master_that_was_asked_before(replica(71, "one", true), None)]
    #[case::behind(replica(60, "one", true), Some("A1 is 10 bytes behind its master A"))]
    #[case::unlinked(replica(70, "one", false), Some("A1 is not linked to its master A"))]
    #[case::of_another_history(replica(90, "two", true), Some("A1 does not have the history of its master A yet"))]
    fn replicas_in_sync(#[case] own: Replication, #[case] reason: Option<&str>) {
        let view = recorded("redis-7.0", "steady", "A1", &recorded_names("redis-7.0")).view;
        let (a, a1) = (NodeName::new("A"), NodeName::new("A1"));
        let views = [(a.clone(), Some(view.clone())), (a1.clone(), Some(view))].into();
        let master = Replication { role: Role::Master, history: "one".to_owned(), offset: 70, link_up: None };
        let replication = [(a.clone(), master), (a1.clone(), own)].into();
        assert_eq!(synced(&[a, a1], &views, &replication).err().as_deref(), reason);
    }

    proptest! {
        #[test]
        fn hostile_replies_do_no_harm(info in "(cluster_state:|ok|fail|\\PC|\r?\n)*", replication in "(role:|slave|[0-9:-]|\\PC|\n)*") {
            let _ = read_replication(&replication);
            let members = BTreeMap::new();
            let _ = combine(NodeId(String::new()), members, &info, &replication);
        }
    }
}
