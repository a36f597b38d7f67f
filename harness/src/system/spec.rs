//! What a node of a system is to be.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::TlsFiles;
use crate::vocab::{Address, HostName, NodeId, NodeName, Ownership, Role, Tls};

/// What a node is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its name.
    pub name: NodeName,
    /// The id it is formed with: 40 hexadecimal digits made from its name.
    pub id: NodeId,
    /// The host that it runs on.
    pub host: HostName,
    /// Where its server listens.
    pub address: Address,
    /// The role it starts in.
    pub role: Role,
    /// The node that it replicates at the start.
    pub master: Option<NodeName>,
    /// The slots it owns at the start; empty for a replica.
    pub owns: Ownership,
    /// The configuration epoch it starts with: 1, 2, 3 for A, B, C; 0 for a replica.
    pub version: u64,
    /// The binary the scenario names for it, if it does.
    pub binary: Option<String>,
    /// The image the scenario names for it, if it does.
    pub image: Option<String>,
    /// The scenario's directives: the cluster's with the node's own laid over them.
    pub config: BTreeMap<String, String>,
    /// Who speaks TLS with it; nobody if none.
    pub tls: Option<Tls>,
}

/// Where a node's server finds its files, or makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFiles {
    /// The directory of its data.
    pub data: PathBuf,
    /// Its log.
    pub log: PathBuf,
    /// What it needs to speak TLS, if it is to.
    pub tls: Option<TlsFiles>,
}

/// The servers' default of `cluster-node-timeout`.
const NODE_TIMEOUT_DEFAULT_MS: u64 = 15_000;

impl NodeSpec {
    /// A node on a host of its own, of which no more is said: it owns nothing and follows nobody.
    pub fn new(name: NodeName, address: Address, role: Role) -> Self {
        Self {
            id: id_of(&name),
            host: HostName::own(&name),
            name,
            address,
            role,
            master: None,
            owns: Ownership::default(),
            version: 0,
            binary: None,
            image: None,
            config: BTreeMap::new(),
            tls: None,
        }
    }

    /// What the scenario sets a directive to, if it sets it. Servers do not mind the case of letters.
    pub fn text(&self, directive: &str) -> Option<&str> {
        let set = self.config.iter().find(|(name, _)| name.eq_ignore_ascii_case(directive));
        set.map(|(_, value)| value.as_str())
    }

    /// The number that the scenario sets a directive to, if it sets one.
    pub fn number(&self, directive: &str) -> Option<u64> {
        self.text(directive)?.parse().ok()
    }

    /// Its `cluster-node-timeout` in milliseconds.
    pub fn node_timeout_ms(&self) -> u64 {
        self.number("cluster-node-timeout").unwrap_or(NODE_TIMEOUT_DEFAULT_MS)
    }
}

/// 40 hexadecimal digits made from a name: the same in every run, so that evidence of two runs can be compared.
pub(super) fn id_of(name: &NodeName) -> NodeId {
    let [first, second, third] = [1, 2, 3].map(|salt| spread(name.as_str(), salt));
    NodeId(format!("{first:016x}{second:016x}{:08x}", third >> 32))
}

/// FNV-1a and the finalizer of `SplitMix64`, which spreads what differs in one letter over all bits.
fn spread(text: &str, salt: u64) -> u64 {
    let seed = 0xcbf2_9ce4_8422_2325_u64 ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
