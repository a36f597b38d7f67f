//! Hosts and the directed links between them.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::NodeName;

/// A host's name: that of the node whose own it is, on which others may run as well, or that of a client host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostName(String);

impl HostName {
    /// The name as written.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The host that a node has to itself, unless it runs on another one's.
    pub fn own(node: &NodeName) -> Self {
        Self::new(node.as_str())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Hosts in a line: `A inside`.
    pub fn list(hosts: &[Self]) -> String {
        let names: Vec<_> = hosts.iter().map(Self::as_str).collect();
        names.join(" ")
    }

    /// Whether this is that node's own host.
    pub fn is(&self, node: &NodeName) -> bool {
        self.0 == node.as_str()
    }
}

impl Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for HostName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// One direction between two hosts: what `from` sends to `to`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    /// The host that sends.
    pub from: HostName,
    /// The host that would hear it.
    pub to: HostName,
}

impl Link {
    /// The link from one host to another.
    pub fn new(from: impl Into<HostName>, to: impl Into<HostName>) -> Self {
        Self { from: from.into(), to: to.into() }
    }

    /// The same two hosts, the other way.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { from: self.to.clone(), to: self.from.clone() }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)
    }
}

/// How a link that is cut treats packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum CutBy {
    /// Silence: packets vanish.
    #[default]
    Drop,
    /// The sender is told at once that the host cannot be reached: a new connection is refused (`EHOSTUNREACH`), an open
    /// one ends (`ECONNABORTED`). The other host is told only if its own direction is rejected, too: else it notices by
    /// what does not come any more, as behind a real filter of one direction.
    Reject,
}

impl fmt::Display for CutBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drop => "drop",
            Self::Reject => "reject",
        })
    }
}
