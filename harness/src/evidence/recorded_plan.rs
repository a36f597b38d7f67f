//! The plan of a run with everything resolved, as it is written to the run directory.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Effect, KeyNames, OperationSource};
use crate::vocab::{Address, Arrivals, Duration, HostName, NodeName, Ownership, Role, Tls};

/// `plan.json`. Judging and showing a run read this, never the scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedPlan {
    /// `family/name` of the scenario.
    pub name: String,
    /// What the scenario shows.
    pub about: String,
    /// What was deployed: one system, or several side by side.
    pub systems: Vec<RecordedSystem>,
    /// The nodes, in the order of the plan.
    pub nodes: Vec<RecordedNode>,
    /// Who speaks TLS with the servers; nobody if none.
    pub tls: Option<Tls>,
    /// The loads, in the order of the scenario.
    pub loads: Vec<RecordedLoad>,
    /// The timeline.
    pub steps: Vec<RecordedStep>,
    /// What must hold.
    pub slos: Vec<RecordedSlo>,
    /// Whether the topology's transitions are compared with the recorded snapshot.
    pub snapshot: bool,
    /// The seed of every random choice.
    pub seed: u64,
    /// More than all the bounds of the run together, in milliseconds.
    pub longest_run_ms: u64,
}

/// A system that was deployed, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSystem {
    /// What loads call it: `cluster`.
    pub name: String,
    /// What its nodes together are called in sentences: `cluster`.
    pub noun: String,
    /// What the places are called by which its keys are divided.
    pub position_noun: String,
    /// How long its nodes take to suspect one that is silent, in milliseconds: the longest of any node.
    pub node_timeout_ms: u64,
    /// The directives that bound what the system promises, each with the servers' default.
    pub directives: Vec<(String, String)>,
    /// Whether its nodes know nothing of each other, so that what one says of itself is all that it says.
    #[serde(default)]
    pub independent: bool,
}

/// A node as it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedNode {
    /// Its name.
    pub name: NodeName,
    /// The place of its system among those of the plan.
    pub system: usize,
    /// The host that it runs on.
    pub host: HostName,
    /// Where its server listens.
    pub address: Address,
    /// The role it starts in.
    pub role: Role,
    /// The node that it replicates at the start.
    pub master: Option<NodeName>,
    /// What it owns at the start; empty for a replica.
    pub owns: Ownership,
    /// The version of the configuration that made it an owner.
    pub version: u64,
    /// The binary that the scenario names for it, if it does.
    pub binary: Option<String>,
    /// The image that the scenario names for it, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The directives that the scenario sets.
    pub config: BTreeMap<String, String>,
}

/// A load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedLoad {
    /// Its name.
    pub name: String,
    /// The place among those of the plan of the system that it drives.
    pub system: usize,
    /// The host that its connections come from.
    pub host: HostName,
    /// When an open loop's starts are due; none for a closed loop.
    pub arrivals: Option<Arrivals>,
    /// How many mix entries it does before it is finished; none if it goes on to the end of the timeline.
    pub operations: Option<u64>,
    /// How many workers may be busy: in an open loop for each shard, else in all.
    pub workers: u16,
    /// What its keys are called.
    pub key_names: KeyNames,
    /// The highest key's number; the lowest is 1.
    pub keys: u32,
    /// Whether its workers write the same keys at the same time, so that the writes of a key have no order by themselves.
    #[serde(default)]
    pub contended: bool,
    /// How many accounts each of its banks has; 0 if it has none.
    #[serde(default)]
    pub accounts: u16,
    /// How many keys, from the first on, are written before the timeline begins.
    pub preloaded: u32,
    /// How many starts that are due may wait; an open loop forgets those beyond.
    pub waiting_max: u64,
    /// How long its clients use what they know of who owns what, once in doubt, before they look again; none if they never do.
    pub map_refresh: Option<Duration>,
    /// The entries of its mix.
    pub mix: Vec<RecordedOperation>,
    /// How many idle connections it has.
    #[serde(default)]
    pub idle: u32,
    /// How many subscribers it has, each to every channel that its mix publishes to.
    #[serde(default)]
    pub subscribers: u16,
    /// How long an attempt waits for a connection or a reply.
    pub timeout: Duration,
    /// How long an operation is retried.
    pub deadline: Duration,
    /// How long a client waits at most before it tries again.
    pub retry_wait: Duration,
}

/// An entry of a mix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedOperation {
    /// The entry in words, such as `SET of 16 B`.
    pub text: String,
    /// What people call its commands, such as `SET`, in their order: each is one operation of the history.
    pub commands: Vec<String>,
    /// Whether it writes.
    pub writes: bool,
    /// Whether a write waits for replicas before it counts as acknowledged.
    pub waits_for_replicas: bool,
    /// How long servers remember what it writes; none if for ever.
    pub expires: Option<Duration>,
    /// Whether it goes through all keys, and those of the load's values that it does not find are recorded.
    #[serde(default)]
    pub looks_for_keys: bool,
    /// How many of the last elements it reads; none if all, or if it reads no elements.
    #[serde(default)]
    pub reads_last: Option<u32>,
}

/// A step of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "what each says has nothing to do with the others")]
pub struct RecordedStep {
    /// Where it stands in the scenario file.
    pub location: Location,
    /// Its kind, such as `Kill`.
    pub kind: String,
    /// The step in words, such as `Kill A (SIGKILL)`.
    pub text: String,
    /// The same without details, such as `Kill A`.
    pub heading: String,
    /// What it does to the nodes that it acts on; none for a step that acts on no node.
    pub effect: Option<Effect>,
    /// Whether it acts on nodes or links, which must then be proven.
    pub acts: bool,
    /// Whether it waits for a condition that must be met.
    pub waits: bool,
    /// Whether it cuts or shapes links.
    pub disturbs_links: bool,
    /// The nodes that it names.
    pub names: Vec<NodeName>,
    /// Whether it treats nodes by their places in the plan, so that no two are alike to it.
    pub by_place: bool,
    /// What the servers that it acts on must do, and how soon.
    pub demand: Option<RecordedDemand>,
}

/// What servers must do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedDemand {
    /// What they must do, after "it must".
    pub text: String,
    /// How long they may take, in milliseconds.
    pub within_ms: u64,
}

/// Something that must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedSlo {
    /// Where it stands in the scenario file.
    pub location: Location,
    /// The specification as the checks read it.
    pub specification: serde_json::Value,
}

/// A place in the scenario file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

impl RecordedPlan {
    /// The node of that name.
    pub fn node(&self, name: &NodeName) -> Option<&RecordedNode> {
        self.nodes.iter().find(|node| node.name == *name)
    }

    /// The place of the system that a node is of; that of the first for a node of which the plan knows nothing.
    pub fn system_of(&self, name: &NodeName) -> usize {
        // Judging asks this of every view.
        if self.systems.len() < 2 { 0 } else { self.node(name).map_or(0, |node| node.system) }
    }

    /// The nodes of a system.
    pub fn nodes_of(&self, system: usize) -> impl Iterator<Item = &RecordedNode> {
        self.nodes.iter().filter(move |node| node.system == system)
    }

    /// What is deployed is called in sentences: `cluster`, `cluster and sentinel group`.
    pub fn noun(&self) -> String {
        let nouns: Vec<_> = self.systems.iter().map(|system| system.noun.as_str()).collect();
        nouns.join(" and ")
    }

    /// The longest that nodes take to suspect one that is silent, in milliseconds.
    pub fn node_timeout_ms(&self) -> u64 {
        self.systems.iter().map(|system| system.node_timeout_ms).max().unwrap_or_default()
    }

    /// The masters that own something at the start. What one owns is a shard, whoever owns it later.
    pub fn shards(&self) -> impl Iterator<Item = &RecordedNode> {
        self.nodes.iter().filter(|node| !node.owns.is_empty())
    }
}

impl RecordedLoad {
    /// What people call the command that an operation was; empty for what is none of this load's.
    pub fn command(&self, source: OperationSource) -> &str {
        let OperationSource::Mix { entry, command } = source else { return "" };
        let entry = self.mix.get(usize::from(entry));
        entry.and_then(|entry| entry.commands.get(usize::from(command))).map_or("", String::as_str)
    }

    /// Whether an entry of its mix writes.
    pub fn writes(&self) -> bool {
        self.mix.iter().any(|entry| entry.writes)
    }

    /// Whether each operation starts when the one before has ended.
    pub fn is_closed(&self) -> bool {
        self.arrivals.is_none()
    }
}
