//! What a validated scenario is.

use std::fmt;
use std::net::Ipv4Addr;

use crate::check::Slo;
use crate::lab::NodeSpec;
use crate::load::Load;
use crate::scenario::Step;
use crate::vocab::{NodeName, Size};

/// `cluster-node-timeout` where nothing else is configured.
const NODE_TIMEOUT_DEFAULT_MS: u64 = 15_000;

/// A scenario without a semantic error. Making one starts nothing and asks nothing of the machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// `family/name`, from the file's place: the directory it stands in and its name without `.ron`.
    pub name: String,
    /// What the scenario shows.
    pub about: String,
    /// The nodes: masters first (A, B, C), then replicas by master (A1, A2, B1, ...).
    pub nodes: Vec<NodeSpec>,
    /// How much each node may store.
    pub storage: Size,
    /// The loads, each with a client host of its own.
    pub loads: Vec<Load>,
    /// The addresses of the loads' hosts, in their order.
    pub client_ips: Vec<Ipv4Addr>,
    /// The timeline.
    pub steps: Vec<PlannedStep>,
    /// What must hold.
    pub slos: Vec<PlannedSlo>,
    /// Whether transitions are compared with the recorded snapshot.
    pub snapshot: bool,
    /// The seed of every random choice.
    pub seed: u64,
}

/// A step with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// The step.
    pub step: Step,
    /// Where it stands.
    pub location: Location,
}

/// An SLO with its place in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedSlo {
    /// The SLO.
    pub slo: Slo,
    /// Where it stands.
    pub location: Location,
}

/// A place in the scenario file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Plan {
    /// The node of that name.
    pub fn node(&self, name: &NodeName) -> Option<&NodeSpec> {
        self.nodes.iter().find(|node| node.name == *name)
    }

    /// The longest `cluster-node-timeout` of any node in milliseconds: the slowest to suspect decides how long the
    /// cluster takes. 15000 is the servers' default.
    pub fn node_timeout_ms(&self) -> u64 {
        let timeout = |node: &NodeSpec| node.config.get("cluster-node-timeout").and_then(|text| text.parse().ok());
        self.nodes
            .iter()
            .map(|node| timeout(node).unwrap_or(NODE_TIMEOUT_DEFAULT_MS))
            .max()
            .unwrap_or(NODE_TIMEOUT_DEFAULT_MS)
    }
}
