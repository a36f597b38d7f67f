//! Which node is meant by an id or an address: the names that the scenario uses.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::vocab::{Address, NodeId, NodeName};

/// How many digits of an unknown id are shown: as many as are surely unique among a handful of nodes.
const SHOWN_DIGITS: usize = 8;

/// Every node's name by its address and by every id it has ever had.
///
/// A node whose data was wiped comes back with a new id; its former ids stay known, because other nodes go on
/// speaking of them in their logs.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_address: BTreeMap<Address, NodeName>,
    by_id: HashMap<String, NodeName>,
    present: BTreeMap<NodeName, NodeId>,
    /// Counts the ids learned: what was read with fewer of them must be read again.
    version: u64,
}

impl Names {
    /// The names of `nodes` with the ids they start with.
    pub fn new(nodes: impl IntoIterator<Item = (NodeName, NodeId, Address)>) -> Self {
        let mut names = Self::default();
        for (node, id, address) in nodes {
            names.by_address.insert(address, node.clone());
            names.learn(&node, &id);
        }
        names
    }

    /// Takes `id` for the present id of `node`.
    pub fn learn(&mut self, node: &NodeName, id: &NodeId) {
        if self.present.get(node) != Some(id) {
            self.by_id.insert(id.0.clone(), node.clone());
            self.present.insert(node.clone(), id.clone());
            self.version += 1;
        }
    }

    /// Grows whenever an id is learned that was not known.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The node that has, or once had, this id.
    pub fn of_id(&self, id: &str) -> Option<&NodeName> {
        self.by_id.get(id)
    }

    /// The node at this address.
    pub fn of_address(&self, address: Address) -> Option<&NodeName> {
        self.by_address.get(&address)
    }

    /// The node at an address as a server tells it; the first letters of the host where no node is.
    pub fn of_host(&self, host: &str, port: u16) -> NodeName {
        let address = host.parse::<Ipv4Addr>().ok().map(|ip| Address(SocketAddrV4::new(ip, port)));
        address.and_then(|address| self.of_address(address)).cloned().unwrap_or_else(|| unknown_node(host))
    }

    /// Whether `id` is what `node` presently calls itself.
    pub fn is_present(&self, node: &NodeName, id: &str) -> bool {
        self.present.get(node).is_some_and(|present| present.0 == id)
    }

    /// Whether `id` is one that its node has given up.
    pub fn is_former(&self, id: &str) -> bool {
        self.of_id(id).is_some_and(|node| !self.is_present(node, id))
    }
}

/// The name shown for an id that belongs to no node of the scenario: `?` and the id's first 8 digits.
pub fn unknown_node(id: &str) -> NodeName {
    NodeName::new(format!("?{}", id.chars().take(SHOWN_DIGITS).collect::<String>()))
}
