//! Reads what a sentinel says: the replies to `SENTINEL MASTERS`, and of each master to `SENTINEL REPLICAS` and `SENTINEL SENTINELS`.
//!
//! Pure text in, values out: each instance is a block of lines, a field's name and its value by turns (which may be empty), and the record
//! separator of ASCII is between two.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::evidence::{ClusterState, Health, Member, NodeView};
use crate::system::replication::view::member;
use crate::system::spec::id_of;
use crate::system::{Names, NodeReport, ReportError, ReportReader};
use crate::vocab::{NodeName, Ownership, Role};

const COMMAND: &str = "SENTINEL MASTERS";

/// The version of a master that sentinels did not make one: those count up from their first `config-epoch`, which is 0.
pub(super) const FIRST_VERSION: u64 = 1;

/// Reads the replies of one sentinel.
pub(super) struct SentinelReader {
    node: NodeName,
    /// What each monitored master owns, by the name under which it is monitored.
    shares: BTreeMap<NodeName, Ownership>,
    last: Option<NodeReport>,
}

impl SentinelReader {
    pub(super) fn new(node: NodeName, shares: BTreeMap<NodeName, Ownership>) -> Self {
        Self { node, shares, last: None }
    }

    fn report(&self, answers: &[Cow<'_, str>], names: &Names) -> Result<NodeReport, ReportError> {
        let mut members = BTreeMap::from([(self.node.clone(), member(Role::Sentinel, None))]);
        let (masters, others) =
            answers.split_first().map_or(("", &[][..]), |(masters, others)| (masters.as_ref(), others));
        let mut current_version = 0;
        let mut monitored = BTreeMap::new();
        for block in blocks(masters) {
            let name = NodeName::new(value(&block, "name")?);
            let node = node_of(&block, names)?;
            let version = FIRST_VERSION.saturating_add(number(&block, "config-epoch")?);
            current_version = current_version.max(version);
            let owns = self.shares.get(&name).cloned().unwrap_or_default();
            let seen = Member { owns, version, ..seen(&block, Role::Master, None)? };
            members.insert(node.clone(), seen);
            monitored.insert(name, node);
        }
        // The questions about each master are in the order of the masters' names.
        for (name, answers) in self.shares.keys().zip(others.chunks(2)) {
            let Some(master) = monitored.get(name) else { continue };
            for block in answers.first().into_iter().flat_map(|answer| blocks(answer)) {
                let replica = seen(&block, Role::Replica, Some(master.clone()))?;
                members.insert(node_of(&block, names)?, replica);
            }
            for block in answers.get(1).into_iter().flat_map(|answer| blocks(answer)) {
                members.insert(node_of(&block, names)?, seen(&block, Role::Sentinel, None)?);
            }
        }
        let (state, master_link_up, data_too_old) = (ClusterState::Ok, None, false);
        let view = NodeView { state, current_version, master_link_up, data_too_old, members };
        Ok(NodeReport { id: id_of(&self.node), view, replication: None })
    }
}

impl ReportReader for SentinelReader {
    fn read(&mut self, answers: &[Cow<'_, str>], names: &Names) -> Result<&NodeReport, ReportError> {
        let report = self.report(answers, names)?;
        Ok(self.last.insert(report))
    }
}

type Block<'a> = BTreeMap<&'a str, &'a str>;

/// The instances of an answer.
fn blocks(text: &str) -> Vec<Block<'_>> {
    text.split('\u{1e}').map(block).filter(|block| !block.is_empty()).collect()
}

fn block(text: &str) -> Block<'_> {
    let lines: Vec<_> = text.split('\n').collect();
    lines.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

fn value<'a>(block: &Block<'a>, field: &'static str) -> Result<&'a str, ReportError> {
    block.get(field).copied().ok_or(ReportError::Field { command: COMMAND, field })
}

fn number<T: std::str::FromStr>(block: &Block<'_>, field: &'static str) -> Result<T, ReportError> {
    value(block, field)?.parse().map_err(|_| ReportError::Field { command: COMMAND, field })
}

fn node_of(block: &Block<'_>, names: &Names) -> Result<NodeName, ReportError> {
    Ok(names.of_host(value(block, "ip")?, number(block, "port")?))
}

/// An instance with its flags: `o_down` once a quorum agrees, which only masters can be.
fn seen(block: &Block<'_>, role: Role, master: Option<NodeName>) -> Result<Member, ReportError> {
    let flags: Vec<_> = value(block, "flags")?.split(',').collect();
    let health = match () {
        () if flags.contains(&"o_down") => Health::Fail,
        () if flags.contains(&"s_down") => Health::Pfail,
        () => Health::Ok,
    };
    // What is down has not answered: nothing is known of its handshake.
    let handshake = flags.contains(&"disconnected") && health == Health::Ok;
    let no_failover = block.get("slave-priority") == Some(&"0");
    Ok(Member { health, handshake, no_failover, ..member(role, master) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vocab::{Address, NodeId, OwnedRange};

    fn names() -> Names {
        let node = |(name, address): (&str, &str)| {
            (NodeName::new(name), NodeId(name.repeat(20)), Address(address.parse().unwrap()))
        };
        let nodes = [
            ("A", "10.128.0.2:6379"),
            ("A1", "10.128.0.3:6379"),
            ("S1", "10.128.0.4:26379"),
            ("S2", "10.128.0.5:26379"),
        ];
        Names::new(nodes.map(node))
    }

    fn reader() -> SentinelReader {
        let all = [OwnedRange { first: 0, last: 0 }].into_iter().collect();
        SentinelReader::new(NodeName::new("S1"), BTreeMap::from([(NodeName::new("A"), all)]))
    }

    const MASTERS: &str =
        "name\nA\nip\n10.128.0.2\nport\n6379\nrunid\n\nflags\ns_down,o_down,master\nconfig-epoch\n4\nquorum\n2";
    const REPLICAS: &str = "name\n10.128.0.3:6379\nip\n10.128.0.3\nport\n6379\nflags\nslave\nslave-priority\n0";
    const SENTINELS: &str = "name\n00\nip\n10.128.0.5\nport\n26379\nflags\ns_down,sentinel,disconnected";

    #[test]
    fn a_sentinel_tells_of_all_that_it_watches() {
        let mut reader = reader();
        let view = &reader.read(&[MASTERS, REPLICAS, SENTINELS].map(Cow::from), &names()).unwrap().view;
        let of = |name: &str| &view.members[&NodeName::new(name)];
        assert_eq!(
            (of("A").role, of("A").health, of("A").version, of("A").owns.len()),
            (Role::Master, Health::Fail, 5, 1)
        );
        assert_eq!((of("A1").master.clone(), of("A1").no_failover), (Some(NodeName::new("A")), true));
        assert_eq!((of("S2").role, of("S2").health, of("S2").handshake), (Role::Sentinel, Health::Pfail, false));
        assert_eq!((of("S1").role, view.current_version), (Role::Sentinel, 5));
    }

    #[test]
    fn an_instance_without_flags_is_no_answer() {
        assert!(reader().read(&["name\nA\nip\n10.128.0.2\nport\n6379".into()], &names()).is_err());
    }

    proptest! {
        #[test]
        fn hostile_answers_never_panic(text in "(name\n|ip\n|port\n|flags\n|[0-9.]{1,9}\n|\\PC|\n)*") {
            let _ = reader().read(&[Cow::from(&text), Cow::from(&text)], &names());
        }
    }
}
