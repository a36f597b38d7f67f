//! Which node owns a slot, as a client learns it: from `CLUSTER SLOTS`, and from the servers' redirections.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use super::connection::{Connection, DeadlineTimer};
use super::resp::{Reply, push_command};
use crate::evidence::ErrorKind;
use crate::network::ClientHost;
use crate::vocab::{Address, OwnedRange, SLOT_COUNT, Slot};

/// Nodes a client remembers; redirections to more of them are not followed.
const NODES_MAX: usize = 1_024;

const NOBODY: u16 = u16::MAX;

/// A node's position in [`Routes`].
pub(crate) type RouteIndex = u16;

/// The nodes a client knows, and which of them owns which slot.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    nodes: Vec<Node>,
    owners: Vec<RouteIndex>,
    /// Where the search for a node to ask begins: it moves on, so that no node is asked for ever.
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    address: Address,
    /// Its index in the plan.
    plan: Option<u16>,
    /// Whether it last failed, or said that it cannot serve: then others are asked first.
    suspect: bool,
}

/// Who owns a range of slots.
pub(crate) type Owned = (OwnedRange, Address);

impl Routes {
    /// Routes that know the nodes, by their index in the plan, but not who owns what.
    pub(crate) fn new(seeds: &[(u16, Address)]) -> Self {
        let nodes = seeds.iter().map(|&(plan, address)| Node { address, plan: Some(plan), suspect: false }).collect();
        Self { nodes, owners: vec![NOBODY; usize::from(SLOT_COUNT)], next: 0 }
    }

    /// The node that owns the slot or, when nobody is known to, any node: it will know or say why not.
    pub(crate) fn target(&mut self, slot: Slot) -> Option<RouteIndex> {
        match self.owners.get(usize::from(slot.number())) {
            Some(&owner) if owner != NOBODY => Some(owner),
            _ => self.ask_order(None).first().copied(),
        }
    }

    /// The node's address.
    pub(crate) fn address(&self, node: RouteIndex) -> Option<Address> {
        self.nodes.get(usize::from(node)).map(|node| node.address)
    }

    /// The node's index in the plan; none for a node that the plan does not know.
    pub(crate) fn plan_index(&self, node: RouteIndex) -> Option<u16> {
        self.nodes.get(usize::from(node))?.plan
    }

    /// Remembers whether the node served its last request.
    pub(crate) fn set_suspect(&mut self, node: RouteIndex, suspect: bool) {
        if let Some(node) = self.nodes.get_mut(usize::from(node)) {
            node.suspect = suspect;
        }
    }

    /// The node at the address; it is added when it is new. None when there are too many.
    pub(crate) fn node_at(&mut self, address: Address) -> Option<RouteIndex> {
        let position = self.nodes.iter().position(|node| node.address == address);
        if position.is_none() && self.nodes.len() < NODES_MAX {
            self.nodes.push(Node { address, plan: None, suspect: false });
        }
        let position = position.unwrap_or(self.nodes.len() - 1);
        RouteIndex::try_from(position).ok().filter(|_| self.nodes[position].address == address)
    }

    /// A server said that the slot belongs to the node at the address.
    pub(crate) fn moved(&mut self, slot: Slot, address: Address) -> Option<RouteIndex> {
        let node = self.node_at(address)?;
        if let Some(owner) = self.owners.get_mut(usize::from(slot.number())) {
            *owner = node;
        }
        Some(node)
    }

    /// A server told who owns what: nothing else is owned.
    pub(crate) fn adopt(&mut self, owned: &[Owned]) {
        self.owners.fill(NOBODY);
        for &(range, address) in owned {
            let Some(node) = self.node_at(address) else { continue };
            if let Some(owners) = self.owners.get_mut(usize::from(range.first)..=usize::from(range.last)) {
                owners.fill(node);
            }
        }
    }

    /// The nodes in the order in which to ask them who owns what: `first`, then those without suspicion.
    pub(crate) fn ask_order(&mut self, first: Option<RouteIndex>) -> Vec<RouteIndex> {
        let count = self.nodes.len();
        let mut order: Vec<_> = (0..count)
            .map(|offset| (self.next + offset) % count)
            .filter_map(|position| RouteIndex::try_from(position).ok())
            .collect();
        order.sort_by_key(|&node| (Some(node) != first, self.nodes[usize::from(node)].suspect));
        self.next = (self.next + 1) % count.max(1);
        order
    }
}

/// Asks a server who owns what, on a connection of its own, for `within` at most.
pub(crate) async fn ask(host: &ClientHost, node: Address, within: Duration) -> Result<Vec<Owned>, ErrorKind> {
    let mut request = Vec::new();
    push_command(&mut request, &[b"CLUSTER", b"SLOTS"]);
    let mut owned = Err(ErrorKind::TimedOut);
    let asking = async {
        let mut connection = Connection::open(host, node, 0).await?;
        connection.exchange(&request, 1, |_, reply| owned = read_slots(reply, node)).await
    };
    match DeadlineTimer::new().until(Instant::now() + within, asking).await {
        Some(Ok(())) => owned,
        Some(Err(error)) => Err(error),
        None => Err(ErrorKind::TimedOut),
    }
}

/// Reads the reply to `CLUSTER SLOTS`: `[first, last, [ip, port, ...], replicas...]` for each range. Ranges that mean
/// nothing are left out; a node that does not know its own address is at the one where it was asked.
fn read_slots(reply: &Reply<'_>, asked: Address) -> Result<Vec<Owned>, ErrorKind> {
    match reply {
        Reply::Array(ranges) => Ok(ranges.iter().filter_map(|range| read_range(range, asked)).collect()),
        Reply::Error(text) => Err(super::op::error_kind(text)),
        _ => Err(ErrorKind::Protocol),
    }
}

fn read_range(range: &Reply<'_>, asked: Address) -> Option<Owned> {
    let Reply::Array(range) = range else { return None };
    let [Reply::Integer(first), Reply::Integer(last), Reply::Array(master), ..] = &range[..] else { return None };
    let [ip, Reply::Integer(port), ..] = &master[..] else { return None };
    let ip: Ipv4Addr = match ip {
        Reply::Bulk(b"") | Reply::Nil => asked.ip(),
        Reply::Bulk(ip) => std::str::from_utf8(ip).ok()?.parse().ok()?,
        _ => return None,
    };
    let slot = |number: i64| Slot::try_from(u16::try_from(number).ok()?).ok().map(Slot::number);
    let (first, last) = (slot(*first)?, slot(*last)?);
    let address = Address(SocketAddrV4::new(ip, u16::try_from(*port).ok()?));
    (first <= last).then_some((OwnedRange { first, last }, address))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(last: u8) -> Address {
        Address::of_host(Ipv4Addr::new(10, 128, 0, last))
    }

    fn slot(number: u16) -> Slot {
        Slot::try_from(number).unwrap()
    }

    #[test]
    fn slots_are_read_and_adopted() {
        let text = "*3\r\n\
            *4\r\n:0\r\n:5\r\n*3\r\n$10\r\n10.128.0.3\r\n:6379\r\n$2\r\nid\r\n*3\r\n$10\r\n10.128.0.4\r\n:6379\r\n$2\r\nid\r\n\
            *3\r\n:6\r\n:6\r\n*2\r\n$0\r\n\r\n:7000\r\n\
            *3\r\n:9\r\n:16384\r\n*2\r\n$0\r\n\r\n:7000\r\n";
        let (reply, _) = Reply::parse(text.as_bytes()).unwrap().unwrap();
        let owned = read_slots(&reply, address(2)).unwrap();
        let mut routes = Routes::new(&[(0, address(2)), (1, address(3))]);
        routes.adopt(&owned);
        let mut target = |number| {
            let node = routes.target(slot(number)).unwrap();
            (routes.address(node).unwrap().to_string(), routes.plan_index(node))
        };
        assert_eq!(target(5), ("10.128.0.3:6379".to_owned(), Some(1)));
        assert_eq!(target(6), ("10.128.0.2:7000".to_owned(), None));
    }

    #[test]
    fn a_redirection_changes_one_slot() {
        let mut routes = Routes::new(&[(0, address(2)), (1, address(3))]);
        routes.adopt(&[(OwnedRange { first: 0, last: 16_383 }, address(2))]);
        assert_eq!(routes.moved(slot(7), address(3)), Some(1));
        assert_eq!([6, 7, 8].map(|number| routes.target(slot(number))), [Some(0), Some(1), Some(0)]);
        assert_eq!(routes.moved(slot(8), address(9)), Some(2));
        assert_eq!(routes.plan_index(2), None);
    }

    #[test]
    fn suspects_are_asked_last_and_nobody_is_asked_for_ever() {
        let mut routes = Routes::new(&[(0, address(2)), (1, address(3)), (2, address(4))]);
        routes.set_suspect(0, true);
        assert_eq!(routes.ask_order(None), [1, 2, 0]);
        assert_eq!(routes.ask_order(None), [1, 2, 0]);
        assert_eq!(routes.ask_order(None), [2, 1, 0]);
        assert_eq!(routes.ask_order(Some(0))[0], 0);
        assert_eq!(Routes::new(&[]).target(slot(0)), None);
    }

    #[test]
    fn a_flood_of_redirections_is_bounded() {
        let mut routes = Routes::new(&[(0, address(2))]);
        for port in 1..3_000 {
            let _ = routes.node_at(Address(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)));
        }
        assert_eq!(routes.nodes.len(), NODES_MAX);
        assert_eq!(routes.node_at(Address(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 60_000))), None);
        assert_eq!(routes.node_at(address(2)), Some(0));
    }

    proptest! {
        #[test]
        fn hostile_slots_never_panic(numbers in proptest::array::uniform3(any::<i64>()), ip in "[0-9.]{0,12}") {
            let [first, last, port] = numbers;
            let master = Reply::Array(vec![Reply::Bulk(ip.as_bytes()), Reply::Integer(port)]);
            let range = Reply::Array(vec![Reply::Integer(first), Reply::Integer(last), master]);
            let owned = read_slots(&Reply::Array(vec![range, Reply::Nil]), address(2)).unwrap();
            Routes::new(&[]).adopt(&owned);
        }
    }
}
