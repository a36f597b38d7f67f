//! Who is the master, as a client learns it that knows the nodes' addresses: it asks them for their roles.

use std::net::Ipv4Addr;

use crate::system::discovery::ReadTurns;
use crate::system::resp::Reply;
use crate::system::{Discovery, KnownNodes, NodeIndex, Question, ReadsFrom};
use crate::vocab::{Address, Position};

/// The nodes that a client knows, and which of them is the master.
#[derive(Clone, Debug)]
pub(super) struct MasterAndReplicas {
    known: KnownNodes,
    master: Option<NodeIndex>,
    replicas: Vec<NodeIndex>,
    turns: ReadTurns,
}

impl MasterAndReplicas {
    /// Knows these nodes, by their index in the plan, but not their roles.
    pub(super) fn new(seeds: &[(u16, Address)]) -> Self {
        Self { known: KnownNodes::new(seeds), master: None, replicas: Vec::new(), turns: ReadTurns::default() }
    }

    /// The node at an address that a server told. Each host has one server: who comes by another port than the servers among
    /// themselves stays with it.
    fn told(&mut self, ip: &Reply<'_>, port: u16) -> Option<NodeIndex> {
        let Reply::Bulk(ip) = ip else { return None };
        let ip: Ipv4Addr = std::str::from_utf8(ip).ok()?.parse().ok()?;
        self.known.server_of_host(ip, port)
    }
}

impl Discovery for MasterAndReplicas {
    fn known(&self) -> &KnownNodes {
        &self.known
    }

    fn known_mut(&mut self) -> &mut KnownNodes {
        &mut self.known
    }

    fn target(&mut self, _: Position) -> Option<NodeIndex> {
        self.master.or_else(|| self.known.ask_order(None).first().copied())
    }

    fn reader(&mut self, position: Position, from: ReadsFrom) -> Option<NodeIndex> {
        let master = self.target(position);
        self.turns.next(&self.known, master, &self.replicas, from)
    }

    fn knows_replica(&self, _: Position) -> bool {
        !self.replicas.is_empty()
    }

    fn question(&self) -> Question {
        Question::of(&[b"ROLE"])
    }

    /// `[master, offset, [[ip, port, offset], ...]]`, in which the numbers of replicas are strings; `[slave, ...]` of a replica.
    fn learn(&mut self, asked: Address, _: usize, reply: &Reply<'_>) -> bool {
        let Reply::Array(role) = reply else { return false };
        match &role[..] {
            [Reply::Bulk(b"master"), _, Reply::Array(replicas), ..] => {
                self.master = self.known.node_at(asked);
                self.replicas.clear();
                for replica in replicas {
                    let Reply::Array(replica) = replica else { continue };
                    let [ip, Reply::Bulk(port), ..] = &replica[..] else { continue };
                    let port = std::str::from_utf8(port).ok().and_then(|port| port.parse().ok());
                    if let Some(node) = port.and_then(|port| self.told(ip, port)) {
                        self.replicas.push(node);
                    }
                }
                self.master.is_some()
            }
            // Whom a replica follows may be gone, or a replica itself: only who says that it is the master is it.
            _ => false,
        }
    }

    /// No server of these sends a client elsewhere.
    fn moved(&mut self, _: Position, address: Address) -> Option<NodeIndex> {
        self.known.node_at(address)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: Position = Position(0);

    fn address(last: u8) -> Address {
        Address::of_host(Ipv4Addr::new(10, 128, 0, last))
    }

    fn learn(map: &mut MasterAndReplicas, from: u8, reply: &str) -> bool {
        let (reply, _) = Reply::parse(reply.as_bytes()).unwrap().unwrap();
        map.learn(address(from), 0, &reply)
    }

    const MASTER: &str = "*3\r\n$6\r\nmaster\r\n:14\r\n*1\r\n*3\r\n$10\r\n10.128.0.3\r\n$4\r\n6379\r\n$2\r\n14\r\n";

    #[test]
    fn the_master_is_who_says_so() {
        let mut map = MasterAndReplicas::new(&[(0, address(2)), (1, address(3))]);
        assert!(learn(&mut map, 2, MASTER));
        assert_eq!((map.target(HERE), map.reader(HERE, ReadsFrom::Replica)), (Some(0), Some(1)));
        assert!(map.knows_replica(HERE));
        assert!(learn(&mut map, 3, "*3\r\n$6\r\nmaster\r\n:20\r\n*0\r\n"));
        assert_eq!((map.target(HERE), map.knows_replica(HERE)), (Some(1), false));
    }

    #[test]
    fn a_replica_does_not_say_who_is_the_master() {
        let mut map = MasterAndReplicas::new(&[(0, address(2)), (1, address(3))]);
        assert!(!learn(&mut map, 3, "*5\r\n$5\r\nslave\r\n$10\r\n10.128.0.2\r\n:6379\r\n$9\r\nconnected\r\n:14\r\n"));
        assert!(!learn(&mut map, 3, "-LOADING Redis is loading the dataset in memory\r\n"));
    }

    /// The port that servers tell is the one that they speak among themselves.
    #[test]
    fn who_speaks_plain_tcp_beside_tls_stays_with_its_port() {
        let mut map = MasterAndReplicas::new(&[(0, address(2).plain()), (1, address(3).plain())]);
        let (reply, _) = Reply::parse(MASTER.as_bytes()).unwrap().unwrap();
        assert!(map.learn(address(2).plain(), 0, &reply));
        let node = map.reader(HERE, ReadsFrom::Replica).unwrap();
        assert_eq!(map.known.address(node), Some(address(3).plain()));
    }

    proptest! {
        #[test]
        fn hostile_roles_never_panic(word in "(master|slave)", ip in "[0-9.]{0,12}", port in any::<i64>()) {
            let roles = vec![Reply::Bulk(word.as_bytes()), Reply::Bulk(ip.as_bytes()), Reply::Integer(port)];
            let nested = vec![Reply::Bulk(b"master"), Reply::Nil, Reply::Array(vec![Reply::Array(roles.clone()), Reply::Nil])];
            MasterAndReplicas::new(&[]).learn(address(2), 0, &Reply::Array(roles));
            MasterAndReplicas::new(&[]).learn(address(2), 0, &Reply::Array(nested));
        }
    }
}
