//! How a client finds the node that serves a shard.

use std::net::{Ipv4Addr, SocketAddrV4};

use serde::Deserialize;

use super::resp::{Reply, push_command};
use crate::vocab::{Address, Position, SENTINEL_PORT};

/// Nodes that a client remembers; redirections to more of them are not followed.
const NODES_MAX: usize = 1_024;

/// Of so many reads one may go to a node that failed last.
const TURNS_TO_TRY_AGAIN: usize = 64;

/// A node's position in [`KnownNodes`].
pub type NodeIndex = u16;

/// Which nodes a client reads from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ReadsFrom {
    /// The masters: what is read was written last.
    #[default]
    Master,
    /// Replicas as long as one serves, which may be behind their master; else the master.
    Replica,
    /// Masters and replicas alike.
    Any,
}

/// What a client knows of who serves which shard, and how it learns more.
pub trait Discovery {
    /// The nodes that the client knows.
    fn known(&self) -> &KnownNodes;

    /// The nodes that the client knows, to note something about them.
    fn known_mut(&mut self) -> &mut KnownNodes;

    /// The node that serves keys at this position or, when nobody is known to, any node: it will know, or say why not. None when no
    /// node is known at all.
    fn target(&mut self, position: Position) -> Option<NodeIndex>;

    /// The node that a read of keys at this position goes to next: those that may serve it take turns, without those that failed
    /// last. As [`Discovery::target`] if there is none.
    fn reader(&mut self, position: Position, from: ReadsFrom) -> Option<NodeIndex>;

    /// Whether a server told of a replica that serves reads of keys at this position.
    fn knows_replica(&self, position: Position) -> bool;

    /// What asks a node who serves what.
    fn question(&self) -> Question;

    /// Takes a reply to [`Discovery::question`], which of them it is counted from 0, of the node at the address. Whether it told
    /// anything.
    fn learn(&mut self, asked: Address, nth: usize, reply: &Reply<'_>) -> bool;

    /// The command after which a node that is asked who serves what tells unasked, as messages, when that changes; none if it does not.
    fn subscription(&self) -> Option<&'static [&'static [u8]]> {
        None
    }

    /// A server said that keys at this position belong to the node at the address. Returns that node, unless too many are known.
    fn moved(&mut self, position: Position, address: Address) -> Option<NodeIndex>;
}

/// Commands that are sent together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The commands.
    pub request: Vec<u8>,
    /// How many replies they get.
    pub replies: usize,
}

impl Question {
    /// A question of one command.
    pub fn of(command: &[&[u8]]) -> Self {
        Self::default().then(command)
    }

    /// The same, and this command behind it.
    #[must_use]
    pub fn then(mut self, command: &[&[u8]]) -> Self {
        push_command(&mut self.request, command);
        self.replies += 1;
        self
    }
}

/// The nodes that a client knows: those it began with, and those that servers named.
#[derive(Clone, Debug)]
pub struct KnownNodes {
    nodes: Vec<KnownNode>,
    /// Where the search for a node to ask begins. It moves on, so that no node is asked for ever.
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct KnownNode {
    address: Address,
    /// Its index in the plan.
    plan: Option<u16>,
    /// Whether it last failed, or said that it cannot serve: then others are asked first.
    suspect: bool,
    /// Whether it is never asked who serves what.
    knows_nothing: bool,
}

impl KnownNodes {
    /// These nodes, by their index in the plan.
    pub fn new(seeds: &[(u16, Address)]) -> Self {
        let node = |&(plan, address)| KnownNode { address, plan: Some(plan), suspect: false, knows_nothing: false };
        Self { nodes: seeds.iter().map(node).collect(), next: 0 }
    }

    /// Of the nodes of the plan only those are asked who serves what, of whose index this is true.
    pub(super) fn ask_only(&mut self, knows: impl Fn(u16) -> bool) {
        for node in &mut self.nodes {
            node.knows_nothing = !node.plan.is_some_and(&knows);
        }
    }

    /// The node's address.
    pub fn address(&self, node: NodeIndex) -> Option<Address> {
        self.nodes.get(usize::from(node)).map(|node| node.address)
    }

    /// The nodes of the plan: each with its index there, and its address.
    pub fn planned(&self) -> impl Iterator<Item = (NodeIndex, u16, Address)> + '_ {
        (0..).zip(&self.nodes).filter_map(|(index, node)| Some((index, node.plan?, node.address)))
    }

    /// The node's index in the plan; none for a node that the plan does not know.
    pub fn plan_index(&self, node: NodeIndex) -> Option<u16> {
        self.nodes.get(usize::from(node))?.plan
    }

    /// Remembers whether the node served its last request.
    pub fn set_suspect(&mut self, node: NodeIndex, suspect: bool) {
        if let Some(node) = self.nodes.get_mut(usize::from(node)) {
            node.suspect = suspect;
        }
    }

    /// Whether the node failed last, or said that it cannot serve.
    pub fn is_suspect(&self, node: NodeIndex) -> bool {
        self.nodes.get(usize::from(node)).is_some_and(|node| node.suspect)
    }

    /// The node at the address; it is added when it is new. None when there are too many.
    pub fn node_at(&mut self, address: Address) -> Option<NodeIndex> {
        let position = self.nodes.iter().position(|node| node.address == address);
        if position.is_none() && self.nodes.len() < NODES_MAX {
            self.nodes.push(KnownNode { address, plan: None, suspect: false, knows_nothing: false });
        }
        let position = position.unwrap_or(self.nodes.len() - 1);
        NodeIndex::try_from(position).ok().filter(|_| self.nodes[position].address == address)
    }

    /// The server on a host, whatever its port; it is added, at this port, when it is new. None when there are too many.
    pub fn server_of_host(&mut self, ip: Ipv4Addr, port: u16) -> Option<NodeIndex> {
        let is_it = |address: Address| address.ip() == ip && address.0.port() != SENTINEL_PORT;
        let known = self.nodes.iter().position(|node| is_it(node.address));
        match known {
            Some(position) => NodeIndex::try_from(position).ok(),
            None => self.node_at(Address(SocketAddrV4::new(ip, port))),
        }
    }

    /// From now on the search for a node to ask begins with the one at this address.
    pub(super) fn ask_next(&mut self, address: Address) {
        self.next = self.nodes.iter().position(|node| node.address == address).unwrap_or(self.next);
    }

    /// The nodes in the order in which to ask them: `first`, then those that are not suspect.
    pub fn ask_order(&mut self, first: Option<NodeIndex>) -> Vec<NodeIndex> {
        let count = self.nodes.len();
        let mut order: Vec<_> = (0..count)
            .map(|offset| (self.next + offset) % count)
            .filter(|position| !self.nodes[*position].knows_nothing)
            .filter_map(|position| NodeIndex::try_from(position).ok())
            .collect();
        order.sort_by_key(|&node| (Some(node) != first, self.nodes[usize::from(node)].suspect));
        self.next = (self.next + 1) % count.max(1);
        order
    }
}

/// Whose turn it is to serve a read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadTurns {
    /// How many reads were sent to one of several nodes.
    taken: usize,
}

impl ReadTurns {
    /// The node that a read goes to next: those that may serve it take turns, without those that failed last; the owner if there is
    /// none. Now and then one that failed is tried again: nobody else tells that it is back.
    pub(super) fn next(
        &mut self,
        known: &KnownNodes,
        owner: Option<NodeIndex>,
        replicas: &[NodeIndex],
        from: ReadsFrom,
    ) -> Option<NodeIndex> {
        let replicas = if from == ReadsFrom::Master { &[] } else { replicas };
        let also_owner = owner.filter(|_| from == ReadsFrom::Any);
        self.taken = self.taken.wrapping_add(1);
        let tries_all = self.taken.is_multiple_of(TURNS_TO_TRY_AGAIN);
        let serves = |node: &NodeIndex| tries_all || !known.is_suspect(*node);
        let readers: Vec<_> = replicas.iter().copied().chain(also_owner).filter(serves).collect();
        readers.get(self.taken % readers.len().max(1)).copied().or(owner)
    }
}

/// Where a server's error reply sends a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Which keys it is about.
    pub position: Position,
    /// The node's address; none when the server does not know its own: then it is the one it was asked at.
    pub ip: Option<Ipv4Addr>,
    /// The node's port.
    pub port: u16,
}

impl Redirect {
    /// The node's address, told by `responder`.
    pub fn address(self, responder: Address) -> Address {
        Address(SocketAddrV4::new(self.ip.unwrap_or(responder.ip()), self.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Address {
        Address::of_host(Ipv4Addr::new(10, 128, 0, last))
    }

    #[test]
    fn suspects_are_asked_last_and_nobody_is_asked_for_ever() {
        let mut known = KnownNodes::new(&[(0, address(2)), (1, address(3)), (2, address(4))]);
        known.set_suspect(0, true);
        assert_eq!(known.ask_order(None), [1, 2, 0]);
        assert_eq!(known.ask_order(None), [1, 2, 0]);
        assert_eq!(known.ask_order(None), [2, 1, 0]);
        assert_eq!(known.ask_order(Some(0))[0], 0);
        assert!(KnownNodes::new(&[]).ask_order(None).is_empty());
    }

    #[test]
    fn a_flood_of_redirections_is_bounded() {
        let mut known = KnownNodes::new(&[(0, address(2))]);
        for port in 1..3_000 {
            let _ = known.node_at(Address(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)));
        }
        assert_eq!(known.nodes.len(), NODES_MAX);
        assert_eq!(known.node_at(Address(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 60_000))), None);
        assert_eq!(known.node_at(address(2)), Some(0));
    }
}
