//! What a provider is asked to make.

use std::net::Ipv4Addr;

use crate::vocab::{Address, HostName, NodeName, Size};

/// A server on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSpec {
    /// Its node.
    pub node: NodeName,
    /// Its host: that of this node, or of another one.
    pub host: HostName,
    /// Where it listens.
    pub address: Address,
    /// The binary that the scenario names for it, if any.
    pub binary: Option<String>,
    /// The image that the scenario names for it, if any.
    pub image: Option<String>,
}

/// A host of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSpec {
    /// Its name, which differs from those of nodes and of other client hosts.
    pub name: HostName,
    /// Its address: after those of the nodes.
    pub ip: Ipv4Addr,
}

/// A node's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// How much it holds. It is memory, which vanishes with the run.
    pub size: Size,
    /// Whether it has a cache that is lost when the power fails, and can be slow ([`super::Need::CachingDisks`]).
    pub caching: bool,
}
