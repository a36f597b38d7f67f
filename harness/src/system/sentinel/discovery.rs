//! Who is the master, and who follows it, as a client learns it that knows the sentinels' addresses: it asks them in turn.
//! (Redis documentation, "Guidelines for Redis clients with support for Redis Sentinel".)

use std::net::Ipv4Addr;

use crate::system::discovery::ReadTurns;
use crate::system::resp::Reply;
use crate::system::{Discovery, KnownNodes, NodeIndex, Question, ReadsFrom};
use crate::vocab::{Address, NodeName, Position};

/// What a sentinel publishes when it takes another node for the master.
const SWITCH: &[u8] = b"+switch-master";

/// The sentinels that a client knows, and what they told of the masters.
#[derive(Clone, Debug)]
pub(super) struct SentinelMap {
    known: KnownNodes,
    masters: Vec<Monitored>,
    /// Whether the client wants to know the replicas, too.
    asks_for_replicas: bool,
    turns: ReadTurns,
}

/// A monitored name, and what was last told of it.
#[derive(Clone, Debug)]
struct Monitored {
    /// Where the keys that it has lie.
    position: Position,
    name: NodeName,
    master: Option<NodeIndex>,
    replicas: Vec<NodeIndex>,
}

impl SentinelMap {
    /// Knows these nodes, by their index in the plan, of which those from `first_sentinel` on are sentinels.
    pub(super) fn new(
        seeds: &[(u16, Address)],
        first_sentinel: usize,
        masters: impl Iterator<Item = (Position, NodeName)>,
        asks_for_replicas: bool,
    ) -> Self {
        let mut known = KnownNodes::new(seeds);
        known.ask_only(|plan| usize::from(plan) >= first_sentinel);
        let masters = masters.map(|(position, name)| Monitored { position, name, master: None, replicas: Vec::new() });
        Self { known, masters: masters.collect(), asks_for_replicas, turns: ReadTurns::default() }
    }

    /// Takes the reply to `SENTINEL MASTERS`. Whether it names a master that the client wants.
    fn learn_masters(&mut self, instances: &[Reply<'_>]) -> bool {
        let mut told = false;
        for instance in instances.iter().filter_map(Instance::of) {
            let (Some(name), Some(node)) = (instance.text("name"), instance.node(&mut self.known)) else { continue };
            if let Some(monitored) = self.masters.iter_mut().find(|known| known.name.as_str() == name) {
                monitored.master = Some(node);
                told = true;
            }
        }
        told
    }

    /// Takes the reply to `SENTINEL REPLICAS`: those that the sentinel does not hold for down.
    fn learn_replicas(&mut self, nth: usize, instances: &[Reply<'_>]) {
        let up = instances.iter().filter_map(Instance::of).filter(Instance::is_up);
        let nodes = up.filter_map(|instance| instance.node(&mut self.known)).collect();
        if let Some(monitored) = self.masters.get_mut(nth) {
            monitored.replicas = nodes;
        }
    }

    fn monitored(&self, position: Position) -> Option<&Monitored> {
        self.masters.iter().find(|monitored| monitored.position == position)
    }
}

/// A node as a sentinel tells of it: names and values by turns.
struct Instance<'a>(&'a [Reply<'a>]);

impl<'a> Instance<'a> {
    fn of(reply: &'a Reply<'a>) -> Option<Self> {
        match reply {
            Reply::Array(fields) => Some(Self(fields)),
            _ => None,
        }
    }

    fn text(&self, wanted: &str) -> Option<&'a str> {
        let is_it = |pair: &&[Reply<'_>]| matches!(pair[0], Reply::Bulk(name) if name == wanted.as_bytes());
        let Reply::Bulk(value) = self.0.chunks_exact(2).find(is_it)?[1] else { return None };
        std::str::from_utf8(value).ok()
    }

    fn node(&self, known: &mut KnownNodes) -> Option<NodeIndex> {
        let ip: Ipv4Addr = self.text("ip")?.parse().ok()?;
        known.server_of_host(ip, self.text("port")?.parse().ok()?)
    }

    fn is_up(&self) -> bool {
        let is_down = |flag: &str| matches!(flag, "s_down" | "o_down" | "disconnected");
        self.text("flags").is_some_and(|flags| !flags.split(',').any(is_down))
    }
}

impl Discovery for SentinelMap {
    fn known(&self) -> &KnownNodes {
        &self.known
    }

    fn known_mut(&mut self) -> &mut KnownNodes {
        &mut self.known
    }

    /// None before a sentinel has named one: sentinels themselves serve nothing.
    fn target(&mut self, position: Position) -> Option<NodeIndex> {
        self.monitored(position)?.master
    }

    fn reader(&mut self, position: Position, from: ReadsFrom) -> Option<NodeIndex> {
        let monitored = self.masters.iter().find(|monitored| monitored.position == position)?;
        self.turns.next(&self.known, monitored.master, &monitored.replicas, from)
    }

    fn knows_replica(&self, position: Position) -> bool {
        self.monitored(position).is_some_and(|monitored| !monitored.replicas.is_empty())
    }

    fn question(&self) -> Question {
        let masters = Question::of(&[b"SENTINEL", b"MASTERS"]);
        let names = self.masters.iter().filter(|_| self.asks_for_replicas).map(|monitored| &monitored.name);
        names.fold(masters, |question, name| question.then(&[b"SENTINEL", b"REPLICAS", name.as_str().as_bytes()]))
    }

    /// A sentinel that told is the first to be asked the next time, as the documentation has it.
    fn learn(&mut self, asked: Address, nth: usize, reply: &Reply<'_>) -> bool {
        let Reply::Array(instances) = reply else { return false };
        if let Some(of_master) = nth.checked_sub(1) {
            self.learn_replicas(of_master, instances);
            return false;
        }
        let told = self.learn_masters(instances);
        if told {
            self.known.ask_next(asked);
        }
        told
    }

    fn subscription(&self) -> Option<&'static [&'static [u8]]> {
        Some(&[b"SUBSCRIBE", SWITCH])
    }

    /// No server of these sends a client elsewhere.
    fn moved(&mut self, _: Position, address: Address) -> Option<NodeIndex> {
        self.known.node_at(address)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;

    use super::*;

    const HERE: Position = Position(0);

    fn address(last: u8, port: u16) -> Address {
        Address(SocketAddrV4::new(Ipv4Addr::new(10, 128, 0, last), port))
    }

    fn map(asks_for_replicas: bool) -> SentinelMap {
        let seeds = [(0, address(2, 6_379)), (1, address(3, 6_379)), (2, address(4, 26_379)), (3, address(5, 26_379))];
        SentinelMap::new(&seeds, 2, std::iter::once((HERE, NodeName::new("A"))), asks_for_replicas)
    }

    fn instances<'a>(all: &[&[&'a str]]) -> Reply<'a> {
        let instance =
            |words: &&[&'a str]| Reply::Array(words.iter().map(|word| Reply::Bulk(word.as_bytes())).collect());
        Reply::Array(all.iter().map(instance).collect())
    }

    #[test]
    fn sentinels_are_asked_and_name_the_master() {
        let mut map = map(false);
        assert_eq!((map.target(HERE), map.question().replies), (None, 1));
        assert_eq!(map.known_mut().ask_order(None).len(), 2);
        let masters = instances(&[&["name", "A", "ip", "10.128.0.3", "port", "6379", "flags", "master"]]);
        assert!(map.learn(address(4, 26_379), 0, &masters));
        assert_eq!(map.target(HERE), Some(1));
        assert!(!map.learn(address(4, 26_379), 0, &Reply::Array(vec![Reply::Nil])));
        assert!(!map.learn(address(4, 26_379), 0, &Reply::Error(b"NOAUTH")));
    }

    #[test]
    fn the_sentinel_that_told_is_asked_first_until_it_fails() {
        let mut map = map(false);
        let masters = instances(&[&["name", "A", "ip", "10.128.0.3", "port", "6379"]]);
        for _ in 0..3 {
            assert!(map.learn(address(5, 26_379), 0, &masters));
            assert_eq!(map.known_mut().ask_order(None), [3, 2]);
        }
        map.known_mut().set_suspect(3, true);
        assert_eq!(map.known_mut().ask_order(None), [2, 3]);
    }

    #[test]
    fn replicas_that_are_up_serve_reads() {
        let mut map = map(true);
        assert_eq!(map.question().replies, 2);
        assert!(map.learn(address(4, 26_379), 0, &instances(&[&["name", "A", "ip", "10.128.0.2", "port", "6379"]])));
        assert_eq!(map.reader(HERE, ReadsFrom::Replica), Some(0));
        for (flags, reader) in [("slave", 1), ("s_down,slave", 0), ("slave,disconnected", 0)] {
            let replicas = instances(&[&["ip", "10.128.0.3", "port", "6379", "flags", flags]]);
            assert!(!map.learn(address(4, 26_379), 1, &replicas), "they do not name the master");
            assert_eq!(map.reader(HERE, ReadsFrom::Replica), Some(reader), "{flags}");
            assert_eq!(map.knows_replica(HERE), reader == 1);
        }
    }
}
