//! Names and addresses of hosts.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// The port that a sentinel listens on.
pub const SENTINEL_PORT: u16 = 26_379;

/// The port every server of the lab listens on; each host has an address of its own.
pub const SERVER_PORT: u16 = 6379;

/// The port on which servers speak plain TCP if they also speak TLS. It is the next one, so that one rule of the kernel cuts both.
pub const PLAIN_PORT: u16 = SERVER_PORT + 1;

/// The cluster bus listens this many ports above the server's port (`CLUSTER_PORT_INCR`, Redis `cluster.h`).
pub const BUS_PORT_OFFSET: u16 = 10_000;

/// A port that every server listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ServerPort {
    /// The cluster bus: gossip, votes and what nodes tell each other about failures.
    Bus,
    /// The port for clients, which replicas use as well to follow their masters, and sentinels to watch servers and each other.
    Clients,
}

impl ServerPort {
    /// The port's number, and behind it that of its plain twin if it may have one; then that of sentinels if they have it, too.
    pub const fn ranges(self) -> &'static [RangeInclusive<u16>] {
        const BUS: u16 = SERVER_PORT + BUS_PORT_OFFSET;
        const OF_BUS: &[RangeInclusive<u16>] = &[BUS..=BUS];
        const OF_CLIENTS: &[RangeInclusive<u16>] = &[SERVER_PORT..=PLAIN_PORT, SENTINEL_PORT..=SENTINEL_PORT];
        match self {
            Self::Bus => OF_BUS,
            Self::Clients => OF_CLIENTS,
        }
    }

    /// All numbers of [`Self::ranges`].
    pub fn numbers(self) -> impl Iterator<Item = u16> {
        self.ranges().iter().cloned().flatten()
    }
}

impl fmt::Display for ServerPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bus => "bus port",
            Self::Clients => "client port",
        })
    }
}

/// A node's name, after the Redis Cluster tutorial: masters `A`, `B`, `C`; `A1` the first replica of `A`.
///
/// The name belongs to the host and its process whatever role the node later has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeName(String);

impl NodeName {
    /// The name as written.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The master that `shard` (counted from 0) starts with: `A`, `B`, ..., `Z`, `AA`, ...
    pub fn master(shard: usize) -> Self {
        Self(shard_letters(shard))
    }

    /// The replica `index` (counted from 1) that `shard` starts with: `A1`, `A2`, ...
    pub fn replica(shard: usize, index: usize) -> Self {
        Self(format!("{}{index}", shard_letters(shard)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for NodeName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// The letters of a shard counted from 0: `A` to `Z`, then `AA`, `AB`, ...
pub fn shard_letters(shard: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = shard + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// A cluster node's id: 40 hexadecimal digits (`CLUSTER_NAMELEN`, Redis `cluster.h`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub String);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a server listens for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(pub SocketAddrV4);

impl Address {
    /// The server's address on the host `ip`.
    pub const fn of_host(ip: Ipv4Addr) -> Self {
        Self(SocketAddrV4::new(ip, SERVER_PORT))
    }

    /// Where the same server speaks plain TCP, if it also speaks TLS.
    #[must_use]
    pub const fn plain(self) -> Self {
        Self(SocketAddrV4::new(self.ip(), PLAIN_PORT))
    }

    /// The host's address.
    pub const fn ip(self) -> Ipv4Addr {
        *self.0.ip()
    }
}

#[cfg(test)]
impl Address {
    /// Where a test's own server may listen. Nobody else can take it: it is on a loopback address of its own, and
    /// connections come from 127.0.0.1 and get ports from another range, be there ever so many.
    pub(crate) fn of_own_loopback() -> Self {
        use std::sync::atomic::{AtomicU8, Ordering};
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let ip = Ipv4Addr::new(127, high.max(1), low, NEXT.fetch_add(1, Ordering::Relaxed));
        Self(SocketAddrV4::new(ip, 21_379))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "A")]
    #[case(2, "C")]
    #[case(25, "Z")]
    #[case(26, "AA")]
    #[case(27, "AB")]
    #[case(52, "BA")]
    fn shards_are_lettered(#[case] shard: usize, #[case] letters: &str) {
        assert_eq!(shard_letters(shard), letters);
    }
}
