//! Where a system begins among those of a run.

use std::net::Ipv4Addr;

use crate::provider;
use crate::vocab::{NodeName, Position};

/// Where a system begins among those of a run: how much of what all of them count on in is others'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Addresses of hosts, and so indexes in the plan.
    pub hosts: usize,
    /// Shards, and so letters.
    pub shards: usize,
    /// Positions of keys.
    pub positions: u16,
}

impl Origin {
    /// That of the first, or only, system.
    pub const FIRST: Self = Self { hosts: 0, shards: 0, positions: 0 };

    /// The name of the master that the system's `shard`, counted from 0, starts with.
    pub(super) fn master(self, shard: usize) -> NodeName {
        NodeName::master(self.shards + shard)
    }

    /// The name of the replica `index`, counted from 1, of the system's `shard`.
    pub(super) fn replica(self, shard: usize, index: usize) -> NodeName {
        NodeName::replica(self.shards + shard, index)
    }

    /// The address of the host of the system's node at an index.
    pub(super) fn host(self, index: usize) -> Ipv4Addr {
        provider::host_address(self.hosts + index)
    }

    /// The system's own position, counted from 0, among all.
    pub(super) fn position(self, own: u16) -> Position {
        Position(self.positions + own)
    }
}
