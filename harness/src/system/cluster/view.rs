//! Reads what a node says of the cluster: the replies to `CLUSTER NODES`, `CLUSTER INFO` and `INFO replication`.
//!
//! Pure text in, values out. The formats of Redis 6.2 to 8.0 and Valkey 8.0 to 9.1 are recorded in `fixtures/views`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::members::members;
use crate::evidence::{ClusterState, Member, NodeView};
use crate::system::report::{field, number};
use crate::system::{Names, NodeReport, ReportError, ReportReader, read_replication};
use crate::vocab::{NodeId, NodeName};

/// Reads the replies of one node. `CLUSTER NODES` is the long one and nearly always says what it said before: then only the other
/// two are read.
pub(super) struct ClusterReader {
    node: NodeName,
    /// What the last replies said.
    last: Option<LastReport>,
    /// The text of `CLUSTER NODES` without what changes all the time; kept for its allocation.
    digest: String,
}

struct LastReport {
    digest: String,
    names_version: u64,
    report: NodeReport,
}

impl ClusterReader {
    /// Reads the replies of `node`.
    pub(super) fn new(node: NodeName) -> Self {
        Self { node, last: None, digest: String::new() }
    }
}

impl ReportReader for ClusterReader {
    fn read(&mut self, answers: &[Cow<'_, str>], names: &Names) -> Result<&NodeReport, ReportError> {
        let answer = |index: usize| answers.get(index).map_or("", Cow::as_ref);
        let (nodes, info, replication) = (answer(0), answer(1), answer(2));
        digest(nodes, &mut self.digest);
        let names_version = names.version();
        let same = |last: &LastReport| last.names_version == names_version && last.digest == self.digest;
        let (digest, (id, members)) = if let Some(last) = self.last.take().filter(same) {
            (last.digest, (last.report.id, last.report.view.members))
        } else {
            (self.digest.clone(), members(&self.node, nodes, names)?)
        };
        let report = combine(id, members, info, replication)?;
        Ok(&self.last.insert(LastReport { digest, names_version, report }).report)
    }
}

/// A report from members that are already known and the two replies that are cheap to read.
fn combine(
    id: NodeId,
    members: BTreeMap<NodeName, Member>,
    info: &str,
    replication: &str,
) -> Result<NodeReport, ReportError> {
    let replication = read_replication(replication)?;
    let view = NodeView {
        state: read_state(info)?,
        current_version: number(info, "CLUSTER INFO", "cluster_current_epoch")?,
        master_link_up: replication.link_up,
        data_too_old: false,
        members,
    };
    Ok(NodeReport { id, view, replication: Some(replication) })
}

fn read_state(info: &str) -> Result<ClusterState, ReportError> {
    match field(info, "cluster_state") {
        Some("ok") => Ok(ClusterState::Ok),
        Some("fail") => Ok(ClusterState::Fail),
        _ => Err(ReportError::Field { command: "CLUSTER INFO", field: "cluster_state" }),
    }
}

/// `CLUSTER NODES` without the columns ping-sent and pong-received, which change with every heartbeat.
fn digest(nodes: &str, digest: &mut String) {
    const PING_SENT: usize = 4;
    const PONG_RECEIVED: usize = 5;
    digest.clear();
    for line in nodes.lines() {
        let fields = line.split(' ').enumerate();
        for (_, field) in fields.filter(|(index, _)| !(PING_SENT..=PONG_RECEIVED).contains(index)) {
            digest.push_str(field);
            digest.push(' ');
        }
        digest.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::evidence::Health;
    use crate::system::cluster::settle::place;
    use crate::system::cluster::testing::{recorded_ids, recorded_names};
    use crate::system::testing::fixture;
    use crate::vocab::Role;

    fn recorded(server: &str, moment: &str, viewer: &str, names: &Names) -> NodeReport {
        let text = std::fs::read_to_string(fixture(&format!("views/{server}/{moment}-{viewer}.txt"))).unwrap();
        let part = |command: &str| {
            let (_, rest) = text.split_once(&format!("=== {command}\n")).unwrap();
            rest.split("=== ").next().unwrap().to_owned()
        };
        let answers = ["CLUSTER NODES", "CLUSTER INFO", "INFO replication"].map(|command| Cow::Owned(part(command)));
        ClusterReader::new(NodeName::new(viewer)).read(&answers, names).unwrap().clone()
    }

    /// The members without their epochs, which depend on how many elections it took.
    fn places(view: &NodeView) -> Vec<String> {
        let place = |(node, member): (&NodeName, &Member)| format!("{node}: {} {:?}", place(member), member.health);
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
        assert_eq!(steady.replication.as_ref().unwrap().role, Role::Replica);
        let master = recorded(server, "steady", "A", &names);
        assert_eq!(master.replication.as_ref().unwrap().history, steady.replication.as_ref().unwrap().history);
        assert_eq!((master.view.master_link_up, master.replication.as_ref().unwrap().role), (None, Role::Master));
        assert!(master.replication.as_ref().unwrap().offset > 0);

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
                "it was not told which node to replicate yet"
            );
            let stale = NodeName::new(format!("?{}", &former.0[..8]));
            assert_eq!(others.members[&stale].master, Some(NodeName::new("C")));
            let own = recorded(server, "wiped", "C1", &names);
            assert_eq!(&own.id, present);
        }
    }

    #[test]
    fn heartbeats_do_not_change_the_digest() {
        let (mut one, mut two) = (String::new(), String::new());
        digest("id 10.128.0.2:6379@16379 master - 0 1795176791661 2 connected 0-5\nx y", &mut one);
        digest("id 10.128.0.2:6379@16379 master - 17 1795176791999 2 connected 0-5\nx y", &mut two);
        assert_eq!(one, two);
        digest("id 10.128.0.2:6379@16379 master,fail? - 17 1795176791999 2 connected 0-5\nx y", &mut two);
        assert_ne!(one, two);
    }

    #[test]
    fn an_id_that_was_learned_meanwhile_is_read_anew() {
        let id = "8d7a65ceb0fc30c5c75da9cc84a1c8c919119003";
        let nodes = format!(
            "{} :0@0 myself,master - 0 0 1 connected\n{id} :0@0 master,noaddr - 0 0 1 connected",
            "0".repeat(40)
        );
        let replication = "role:master\r\nmaster_replid:one\r\nmaster_repl_offset:7\r\n";
        let answers = [&nodes, "cluster_state:ok\r\ncluster_current_epoch:1\r\n", replication].map(Cow::from);
        let mut names = Names::default();
        let mut reader = ClusterReader::new(NodeName::new("A"));
        let mut known = |names: &Names| {
            let members = reader.read(&answers, names).unwrap().view.members.clone();
            members.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(known(&names), "?8d7a65ce A");
        assert_eq!(known(&names), "?8d7a65ce A");
        names.learn(&NodeName::new("B"), &NodeId(id.to_owned()));
        assert_eq!(known(&names), "A B");
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
