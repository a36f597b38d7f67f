//! The scenario file's types. The accepted vocabulary is this list and the ones it refers to.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::check::Slo;
use crate::load::Load;
use crate::step::Step;
use crate::system::Deployment;
use crate::vocab::{NodeName, Size, Tls};

/// A scenario: a cluster, what is done to it, and what it must keep.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the scenario shows, in a sentence or two.
    pub about: String,
    /// What is deployed.
    pub topology: Deployment,
    /// What runs on the nodes.
    #[serde(default)]
    pub server: Server,
    /// The clients. All begin when the cluster is formed and end with the timeline.
    #[serde(default)]
    pub load: Vec<Load>,
    /// What happens, in order.
    pub timeline: Vec<Step>,
    /// What must hold.
    #[serde(default)]
    pub slos: Vec<Slo>,
    /// Whether the topology's transitions are compared with the recorded snapshot.
    #[serde(default = "yes")]
    pub snapshot: bool,
    /// The seed of every random choice.
    #[serde(default = "one")]
    pub seed: u64,
}

fn yes() -> bool {
    true
}

fn one() -> u64 {
    1
}

/// What runs on the nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// The server's binary, a path or a name on PATH. Else `REDIS_SERVER`, else `redis-server` or `valkey-server` on PATH.
    pub binary: Option<String>,
    /// The image whose server runs in a container of its own, instead of a binary.
    pub image: Option<String>,
    /// Directives of `redis.conf` for every node.
    pub config: BTreeMap<String, String>,
    /// Differences of single nodes.
    pub nodes: BTreeMap<NodeName, NodeServer>,
    /// How much each node may store: its data directory is memory of this size. 256 MiB if not said.
    pub storage: Option<Size>,
    /// Who speaks TLS with the servers; nobody if not said.
    pub tls: Option<Tls>,
}

/// What differs on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeServer {
    /// Another binary.
    pub binary: Option<String>,
    /// Another image.
    pub image: Option<String>,
    /// Directives of `redis.conf` beside or instead of the cluster's.
    pub config: BTreeMap<String, String>,
}
