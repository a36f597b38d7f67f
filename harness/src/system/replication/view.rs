//! Reads what a node says of itself, of whom it follows and of who follows it: the reply to `INFO replication`.
//!
//! Pure text in, values out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::evidence::{ClusterState, Health, Member, NodeView};
use crate::system::report::{field, number};
use crate::system::spec::id_of;
use crate::system::{Names, NodeReport, ReportError, ReportReader, read_replication};
use crate::vocab::{NodeName, Ownership, Role};

const COMMAND: &str = "INFO replication";

/// The version of a master that never was a replica. That of one that was promoted is the offset at which it was: a promotion of
/// its own replica lies behind it in the same history, so of two masters the one with the higher version is the later one.
/// (`second_repl_offset`, Redis `replication.c`: `shiftReplicationId`.)
pub(in crate::system) const FIRST_VERSION: u64 = 1;

/// Reads the replies of one node.
pub(in crate::system) struct ReplicationReader {
    node: NodeName,
    /// What it owns while it is a master.
    owns: Ownership,
    last: Option<NodeReport>,
}

impl ReplicationReader {
    /// Reads the replies of `node`.
    pub(in crate::system) fn new(node: NodeName, owns: Ownership) -> Self {
        Self { node, owns, last: None }
    }
}

impl ReportReader for ReplicationReader {
    fn read(&mut self, answers: &[Cow<'_, str>], names: &Names) -> Result<&NodeReport, ReportError> {
        let text = answers.first().map_or("", Cow::as_ref);
        Ok(self.last.insert(report(&self.node, &self.owns, text, names)?))
    }
}

fn report(node: &NodeName, owns: &Ownership, text: &str, names: &Names) -> Result<NodeReport, ReportError> {
    let replication = read_replication(text)?;
    let mut members: BTreeMap<_, _> = followers(node, text, names).collect();
    let version = version(text)?;
    let own = match replication.role {
        Role::Master => Member { owns: owns.clone(), version, ..member(Role::Master, None) },
        Role::Replica | Role::Sentinel => {
            let master = master(text, names)?;
            // What a master owns it says itself.
            members.insert(master.clone(), member(Role::Master, None));
            member(Role::Replica, Some(master))
        }
    };
    members.insert(node.clone(), own);
    let view = NodeView {
        state: ClusterState::Ok,
        current_version: version,
        master_link_up: replication.link_up,
        data_too_old: false,
        members,
    };
    Ok(NodeReport { id: id_of(node), view, replication: Some(replication) })
}

/// A member of which no more is said.
pub(in crate::system) fn member(role: Role, master: Option<NodeName>) -> Member {
    let owns = Ownership::default();
    Member { role, master, owns, version: 0, health: Health::Ok, handshake: false, no_failover: false }
}

/// See [`FIRST_VERSION`]. The offset is -1 where there was no promotion.
fn version(text: &str) -> Result<u64, ReportError> {
    let promoted_at: i64 = number(text, COMMAND, "second_repl_offset")?;
    Ok(FIRST_VERSION.saturating_add(u64::try_from(promoted_at).unwrap_or(0)))
}

fn master(text: &str, names: &Names) -> Result<NodeName, ReportError> {
    let host = field(text, "master_host").ok_or(ReportError::Field { command: COMMAND, field: "master_host" })?;
    let port = number(text, COMMAND, "master_port")?;
    Ok(names.of_host(host, port))
}

/// The replicas that a node lists: `slave0:ip=10.128.0.3,port=6379,state=online,offset=14,lag=0`. One that is not online yet is in
/// handshake.
fn followers<'a>(node: &'a NodeName, text: &'a str, names: &'a Names) -> impl Iterator<Item = (NodeName, Member)> + 'a {
    text.lines().filter_map(move |line| {
        let (title, fields) = line.trim_end().split_once(':')?;
        title.strip_prefix("slave")?.parse::<u32>().ok()?;
        let value = |name: &str| fields.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let follower = names.of_host(value("ip")?, value("port")?.parse().ok()?);
        let handshake = value("state")? != "online";
        Some((follower, Member { handshake, ..member(Role::Replica, Some(node.clone())) }))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use std::net::Ipv4Addr;

    use crate::vocab::{Address, NodeId, OwnedRange};

    fn names() -> Names {
        let node = |(index, name): (u8, &str)| {
            let address = Address::of_host(Ipv4Addr::new(10, 128, 0, 2 + index));
            (NodeName::new(name), NodeId(format!("{index:040}")), address)
        };
        Names::new([(0, "A"), (1, "A1"), (2, "A2")].map(node))
    }

    fn read(node: &str, text: &str) -> Result<NodeReport, ReportError> {
        let all = [OwnedRange { first: 0, last: 0 }].into_iter().collect();
        report(&NodeName::new(node), &all, text, &names())
    }

    fn members(view: &NodeView) -> String {
        let word = |(name, member): (&NodeName, &Member)| {
            let of = member.master.as_ref().map_or(String::new(), |master| format!(" of {master}"));
            let owns = if member.owns.is_empty() { "" } else { " that owns all" };
            let handshake = if member.handshake { ", not online" } else { "" };
            format!("{name} {:?}{of}{owns}{handshake}", member.role)
        };
        view.members.iter().map(word).collect::<Vec<_>>().join("; ")
    }

    const MASTER: &str = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n\
        slave0:ip=10.128.0.3,port=6379,state=online,offset=14,lag=0\r\n\
        slave1:ip=10.128.0.4,port=6379,state=wait_bgsave,offset=0,lag=0\r\nmaster_failover_state:no-failover\r\n\
        master_replid:79c4\r\nmaster_replid2:0000\r\nmaster_repl_offset:14\r\nsecond_repl_offset:-1\r\n";
    const REPLICA: &str = "role:slave\r\nmaster_host:10.128.0.2\r\nmaster_port:6379\r\nmaster_link_status:down\r\n\
        slave_repl_offset:14\r\nconnected_slaves:0\r\nmaster_replid:79c4\r\nsecond_repl_offset:-1\r\n";
    const PROMOTED: &str = "role:master\r\nconnected_slaves:0\r\nmaster_replid:aa\r\nmaster_repl_offset:20\r\n\
        second_repl_offset:15\r\n";

    #[rstest]
    #[case::master("A", MASTER, "A Master that owns all; A1 Replica of A; A2 Replica of A, not online", 1, None)]
    #[case::replica("A1", REPLICA, "A Master; A1 Replica of A", 1, Some(false))]
    #[case::promoted("A1", PROMOTED, "A1 Master that owns all", 16, None)]
    #[case::of_a_stranger(
        "A2",
        "role:slave\nmaster_host:redis.example\nmaster_port:1\nmaster_link_status:up\nslave_repl_offset:1\nmaster_replid:a\nsecond_repl_offset:-1",
        "?redis.ex Master; A2 Replica of ?redis.ex",
        1,
        Some(true)
    )]
    fn a_node_tells_of_itself_and_its_neighbours(
        #[case] node: &str,
        #[case] text: &str,
        #[case] expected: &str,
        #[case] version: u64,
        #[case] link_up: Option<bool>,
    ) {
        let report = read(node, text).unwrap();
        assert_eq!(members(&report.view), expected);
        assert_eq!((report.view.current_version, report.view.master_link_up), (version, link_up));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::no_master("role:slave\nmaster_link_status:up\nslave_repl_offset:1\nmaster_replid:a\nsecond_repl_offset:-1")]
    #[case::no_version("role:master\nmaster_replid:a\nmaster_repl_offset:1")]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(read("A", text).is_err());
    }

    proptest! {
        #[test]
        fn hostile_answers_never_panic(text in "(role:(master|slave)\n|slave[0-9]:|ip=|port=|,|state=|[0-9:.-]|\\PC|\n)*") {
            let _ = read("A", &text);
        }
    }
}
