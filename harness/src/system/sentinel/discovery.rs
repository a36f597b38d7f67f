//! Who is the master, as a client learns it that knows the sentinels' addresses: it asks them in turn.
//! (Redis documentation, "Guidelines for Redis clients with support for Redis Sentinel".)

use std::net::Ipv4Addr;

use crate::system::resp::Reply;
use crate::system::{Discovery, KnownNodes, NodeIndex, ReadsFrom};
use crate::vocab::{Address, NodeName, Position};

/// The sentinels that a client knows, and the masters that they named.
#[derive(Clone, Debug)]
pub(super) struct SentinelMap {
    known: KnownNodes,
    /// Where the keys of each monitored master lie, its name, and the master that was last told.
    masters: Vec<(Position, NodeName, Option<NodeIndex>)>,
}

impl SentinelMap {
    /// Knows these nodes, by their index in the plan, of which those from `first_sentinel` on are sentinels.
    pub(super) fn new(
        seeds: &[(u16, Address)],
        first_sentinel: usize,
        masters: impl Iterator<Item = (Position, NodeName)>,
    ) -> Self {
        let mut known = KnownNodes::new(seeds);
        known.ask_only(|plan| usize::from(plan) >= first_sentinel);
        Self { known, masters: masters.map(|(position, name)| (position, name, None)).collect() }
    }

    /// A master as a sentinel tells of it: names and values by turns.
    fn adopt(&mut self, fields: &[Reply<'_>]) -> bool {
        let text = |wanted: &str| {
            let pair = fields
                .chunks_exact(2)
                .find(|pair| matches!(pair[0], Reply::Bulk(name) if name == wanted.as_bytes()))?;
            let Reply::Bulk(value) = pair[1] else { return None };
            std::str::from_utf8(value).ok()
        };
        let address = || {
            let ip: Ipv4Addr = text("ip")?.parse().ok()?;
            Some((ip, text("port")?.parse::<u16>().ok()?))
        };
        let (Some(name), Some((ip, port))) = (text("name"), address()) else { return false };
        let node = self.known.node_of_host(ip, port);
        let monitored = self.masters.iter_mut().find(|(_, known, _)| known.as_str() == name);
        let Some((_, _, master)) = monitored else { return false };
        *master = node;
        node.is_some()
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
        self.masters.iter().find(|(at, ..)| *at == position).and_then(|(_, _, master)| *master)
    }

    fn reader(&mut self, position: Position, _: ReadsFrom) -> Option<NodeIndex> {
        self.target(position)
    }

    fn knows_replica(&self, _: Position) -> bool {
        false
    }

    fn question(&self) -> &'static [&'static [u8]] {
        &[b"SENTINEL", b"MASTERS"]
    }

    fn learn(&mut self, _: Address, reply: &Reply<'_>) -> bool {
        let Reply::Array(masters) = reply else { return false };
        let mut told = false;
        for master in masters {
            if let Reply::Array(fields) = master {
                told |= self.adopt(fields);
            }
        }
        told
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

    fn address(last: u8, port: u16) -> Address {
        Address(SocketAddrV4::new(Ipv4Addr::new(10, 128, 0, last), port))
    }

    #[test]
    fn sentinels_are_asked_and_name_the_master() {
        let seeds = [(0, address(2, 6_379)), (1, address(3, 6_379)), (2, address(4, 26_379)), (3, address(5, 26_379))];
        let mut map = SentinelMap::new(&seeds, 2, [(Position(0), NodeName::new("A"))].into_iter());
        assert_eq!(map.target(Position(0)), None);
        assert_eq!(map.known_mut().ask_order(None).len(), 2);
        let fields = ["name", "A", "ip", "10.128.0.3", "port", "6379", "flags", "master"];
        let fields = fields.map(|word| Reply::Bulk(word.as_bytes())).to_vec();
        assert!(map.learn(address(4, 26_379), &Reply::Array(vec![Reply::Array(fields)])));
        assert_eq!(map.target(Position(0)), Some(1));
        assert!(!map.learn(address(4, 26_379), &Reply::Array(vec![Reply::Nil])));
        assert!(!map.learn(address(4, 26_379), &Reply::Error(b"NOAUTH")));
    }
}
