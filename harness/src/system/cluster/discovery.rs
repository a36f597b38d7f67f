//! Which node owns a slot, as a client learns it: from `CLUSTER SLOTS`, and from the servers' redirections.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::slot::{SLOT_COUNT, slot};
use crate::system::discovery::ReadTurns;
use crate::system::resp::Reply;
use crate::system::{Discovery, KnownNodes, NodeIndex, Question, ReadsFrom, Redirect};
use crate::vocab::{Address, OwnedRange, Position};

const NOBODY: u16 = u16::MAX;

/// A range of slots and the replicas of whoever owns it.
type RangeReplicas = (OwnedRange, Vec<NodeIndex>);

/// The replicas of whoever owns a slot, as a server told.
fn replicas_of(known: &[RangeReplicas], position: Position) -> &[NodeIndex] {
    let holds = |range: &OwnedRange| (range.first..=range.last).contains(&position.0);
    known.iter().find(|(range, _)| holds(range)).map_or(&[], |(_, replicas)| &replicas[..])
}

/// The nodes that a client knows, and which of them owns which slot.
#[derive(Clone, Debug)]
pub(super) struct SlotMap {
    known: KnownNodes,
    owners: Vec<NodeIndex>,
    /// The ranges that a server told of, each with its replicas.
    replicas: Vec<RangeReplicas>,
    turns: ReadTurns,
}

impl SlotMap {
    /// Knows these nodes, by their index in the plan, but not who owns what.
    pub(super) fn new(seeds: &[(u16, Address)]) -> Self {
        let owners = vec![NOBODY; usize::from(SLOT_COUNT)];
        Self { known: KnownNodes::new(seeds), owners, replicas: Vec::new(), turns: ReadTurns::default() }
    }

    /// A server told who owns what: nothing else is owned.
    fn adopt(&mut self, owned: impl Iterator<Item = (OwnedRange, Address, Vec<Address>)>) {
        self.owners.fill(NOBODY);
        self.replicas.clear();
        for (range, address, replicas) in owned {
            let Some(node) = self.known.node_at(address) else { continue };
            let replicas = replicas.into_iter().filter_map(|address| self.known.node_at(address)).collect();
            self.replicas.push((range, replicas));
            if let Some(owners) = self.owners.get_mut(usize::from(range.first)..=usize::from(range.last)) {
                owners.fill(node);
            }
        }
    }
}

impl Discovery for SlotMap {
    fn known(&self) -> &KnownNodes {
        &self.known
    }

    fn known_mut(&mut self) -> &mut KnownNodes {
        &mut self.known
    }

    fn target(&mut self, position: Position) -> Option<NodeIndex> {
        match self.owners.get(usize::from(position.0)) {
            Some(&owner) if owner != NOBODY => Some(owner),
            _ => self.known.ask_order(None).first().copied(),
        }
    }

    fn reader(&mut self, position: Position, from: ReadsFrom) -> Option<NodeIndex> {
        let owner = self.target(position);
        self.turns.next(&self.known, owner, replicas_of(&self.replicas, position), from)
    }

    /// A server tells of a replica only once that has said how far it is (`isReplicaAvailable` in Redis' cluster.c): not at once
    /// after the cluster was formed.
    fn knows_replica(&self, position: Position) -> bool {
        !replicas_of(&self.replicas, position).is_empty()
    }

    fn question(&self) -> Question {
        Question::of(&[b"CLUSTER", b"SLOTS"])
    }

    /// `[first, last, [ip, port, ...], replicas...]` for each range. Ranges that mean nothing are left out; a node that does not
    /// know its own address is at the one where it was asked.
    fn learn(&mut self, asked: Address, _: usize, reply: &Reply<'_>) -> bool {
        let Reply::Array(ranges) = reply else { return false };
        self.adopt(ranges.iter().filter_map(|range| read_range(range, asked)));
        true
    }

    fn moved(&mut self, position: Position, address: Address) -> Option<NodeIndex> {
        let node = self.known.node_at(address)?;
        if let Some(owner) = self.owners.get_mut(usize::from(position.0)) {
            *owner = node;
        }
        Some(node)
    }
}

fn read_range(range: &Reply<'_>, asked: Address) -> Option<(OwnedRange, Address, Vec<Address>)> {
    let Reply::Array(range) = range else { return None };
    let [Reply::Integer(first), Reply::Integer(last), master, replicas @ ..] = &range[..] else { return None };
    let (first, last) = (slot(*first)?.0, slot(*last)?.0);
    let replicas = replicas.iter().filter_map(|replica| read_node(replica, asked)).collect();
    let read = (OwnedRange { first, last }, read_node(master, asked)?, replicas);
    (first <= last).then_some(read)
}

fn read_node(node: &Reply<'_>, asked: Address) -> Option<Address> {
    let Reply::Array(node) = node else { return None };
    let [ip, Reply::Integer(port), ..] = &node[..] else { return None };
    let ip: Ipv4Addr = match ip {
        Reply::Bulk(b"") | Reply::Nil => asked.ip(),
        Reply::Bulk(ip) => std::str::from_utf8(ip).ok()?.parse().ok()?,
        _ => return None,
    };
    Some(Address(SocketAddrV4::new(ip, u16::try_from(*port).ok()?)))
}

/// Reads `MOVED 3999 10.128.0.3:6379` or `ASK ...`; none for any other error reply.
pub fn read_redirect(text: &[u8]) -> Option<Redirect> {
    let mut words = std::str::from_utf8(text).ok()?.split(' ');
    if !matches!(words.next()?, "MOVED" | "ASK") {
        return None;
    }
    let position = slot(words.next()?.parse::<u16>().ok()?)?;
    let (ip, port) = words.next()?.rsplit_once(':')?;
    let ip = if ip.is_empty() { None } else { Some(ip.parse().ok()?) };
    Some(Redirect { position, ip, port: port.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn address(last: u8) -> Address {
        Address::of_host(Ipv4Addr::new(10, 128, 0, last))
    }

    #[test]
    fn slots_are_read_and_adopted() {
        let text = "*3\r\n\
            *4\r\n:0\r\n:5\r\n*3\r\n$10\r\n10.128.0.3\r\n:6379\r\n$2\r\nid\r\n*3\r\n$10\r\n10.128.0.4\r\n:6379\r\n$2\r\nid\r\n\
            *3\r\n:6\r\n:6\r\n*2\r\n$0\r\n\r\n:7000\r\n\
            *3\r\n:9\r\n:16384\r\n*2\r\n$0\r\n\r\n:7000\r\n";
        let (reply, _) = Reply::parse(text.as_bytes()).unwrap().unwrap();
        let mut map = SlotMap::new(&[(0, address(2)), (1, address(3))]);
        assert!(map.learn(address(2), 0, &reply));
        let mut target = |number| {
            let node = map.target(Position(number)).unwrap();
            (map.known().address(node).unwrap().to_string(), map.known().plan_index(node))
        };
        assert_eq!(target(5), ("10.128.0.3:6379".to_owned(), Some(1)));
        assert_eq!(target(6), ("10.128.0.2:7000".to_owned(), None));
        assert!(!map.learn(address(2), 0, &Reply::Error(b"LOADING")));
        let replica = map.reader(Position(5), ReadsFrom::Replica).unwrap();
        assert_eq!(map.known().address(replica), Some(address(4)));
    }

    /// Three reads of a slot whose master is the node 0 and whose replicas are 1 and 2; of one that has no replica; and of one that
    /// nobody owns.
    #[rstest]
    #[case::masters(ReadsFrom::Master, &[], [0, 0, 0])]
    #[case::replicas(ReadsFrom::Replica, &[], [2, 1, 2])]
    #[case::the_replica_that_serves(ReadsFrom::Replica, &[2], [1, 1, 1])]
    #[case::no_replica_serves(ReadsFrom::Replica, &[1, 2], [0, 0, 0])]
    #[case::any(ReadsFrom::Any, &[], [2, 0, 1])]
    #[case::any_that_serves(ReadsFrom::Any, &[0], [2, 1, 2])]
    #[case::nobody_serves(ReadsFrom::Any, &[0, 1, 2], [0, 0, 0])]
    fn who_may_serve_a_read_takes_turns(
        #[case] from: ReadsFrom,
        #[case] suspects: &[NodeIndex],
        #[case] expected: [NodeIndex; 3],
    ) {
        let mut map = SlotMap::new(&[(0, address(2)), (1, address(3)), (2, address(4))]);
        let replicas = vec![address(3), address(4)];
        let ranges = [
            (OwnedRange { first: 0, last: 9 }, address(2), replicas),
            (OwnedRange { first: 10, last: 10 }, address(2), Vec::new()),
        ];
        map.adopt(ranges.into_iter());
        for node in suspects {
            map.known.set_suspect(*node, true);
        }
        assert_eq!([7; 3].map(|slot| map.reader(Position(slot), from)), expected.map(Some));
        assert_eq!(map.reader(Position(10), from), Some(0));
        assert!(map.reader(Position(11), from).is_some());
    }

    #[test]
    fn a_redirection_changes_one_slot() {
        let mut map = SlotMap::new(&[(0, address(2)), (1, address(3))]);
        map.adopt([(OwnedRange { first: 0, last: 16_383 }, address(2), Vec::new())].into_iter());
        assert_eq!(map.moved(Position(7), address(3)), Some(1));
        assert_eq!([6, 7, 8].map(|slot| map.target(Position(slot))), [Some(0), Some(1), Some(0)]);
        assert_eq!(map.moved(Position(8), address(9)), Some(2));
        assert_eq!(map.known().plan_index(2), None);
        assert_eq!(SlotMap::new(&[]).target(Position(0)), None);
    }

    #[rstest]
    #[case("MOVED 3999 10.128.0.3:6379", Some((3_999, "10.128.0.3:6379")))]
    #[case("ASK 7 10.128.0.3:6380", Some((7, "10.128.0.3:6380")))]
    #[case::its_own_host("MOVED 0 :6381", Some((0, "10.9.9.9:6381")))]
    #[case::not_a_slot("MOVED 16384 10.0.0.1:6379", None)]
    #[case::a_hostname("MOVED 1 node.example:6379", None)]
    #[case::no_port("ASK 1 10.0.0.1", None)]
    #[case::something_else("MOVEDX 1 10.0.0.1:1", None)]
    fn a_redirect_names_slot_and_node(#[case] text: &str, #[case] expected: Option<(u16, &str)>) {
        let redirect = read_redirect(text.as_bytes());
        let responder = Address::of_host(Ipv4Addr::new(10, 9, 9, 9));
        let read = redirect.map(|redirect| (redirect.position.0, redirect.address(responder).to_string()));
        assert_eq!(read, expected.map(|(slot, address)| (slot, address.to_owned())));
    }

    proptest! {
        #[test]
        fn hostile_slots_never_panic(numbers in proptest::array::uniform3(any::<i64>()), ip in "[0-9.]{0,12}") {
            let [first, last, port] = numbers;
            let master = Reply::Array(vec![Reply::Bulk(ip.as_bytes()), Reply::Integer(port)]);
            let range = Reply::Array(vec![Reply::Integer(first), Reply::Integer(last), master]);
            SlotMap::new(&[]).learn(address(2), 0, &Reply::Array(vec![range, Reply::Nil]));
        }

        #[test]
        fn hostile_redirections_never_panic(text in "(MOVED |ASK )?\\PC*") {
            let _ = read_redirect(text.as_bytes());
        }
    }
}
