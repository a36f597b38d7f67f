//! What a validated scenario is.

use std::time::Duration;

use crate::check::Slo;
use crate::evidence::Location;
use crate::load::Load;
use crate::provider::ClientSpec;
use crate::scenario::{Partition, Problems, Shaping, Step};
use crate::system::{Deployment, NodeSpec};
use crate::vocab::{HostName, NodeName, Size};

/// A scenario without a semantic error. Making one starts nothing and asks nothing of the machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// `family/name`, from the file's place: the directory it stands in and its name without `.ron`.
    pub name: String,
    /// What the scenario shows.
    pub about: String,
    /// What is deployed.
    pub deployment: Deployment,
    /// The nodes: masters first (A, B, C), then replicas by master (A1, A2, B1, ...).
    pub nodes: Vec<NodeSpec>,
    /// How much each node may store.
    pub storage: Size,
    /// The loads.
    pub loads: Vec<Load>,
    /// The client hosts, in the order in which the loads name them.
    pub clients: Vec<ClientSpec>,
    /// The timeline.
    pub steps: Vec<PlannedStep>,
    /// What must hold.
    pub slos: Vec<PlannedSlo>,
    /// Whether transitions are compared with the recorded snapshot.
    pub snapshot: bool,
    /// The seed of every random choice.
    pub seed: u64,
    /// What is no error, and may not do what it was meant to.
    pub warnings: Problems,
}

/// A step with its place in the file.
#[derive(Clone, Debug, PartialEq)]
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

impl Plan {
    /// The node of that name.
    pub fn node(&self, name: &NodeName) -> Option<&NodeSpec> {
        self.nodes.iter().find(|node| node.name == *name)
    }

    /// The masters that own slots at the start. The slots of one are a shard, whoever owns them later.
    pub fn shards(&self) -> impl Iterator<Item = &NodeSpec> {
        self.nodes.iter().filter(|node| !node.owns.is_empty())
    }

    /// Every host's name: the nodes', then the clients'.
    pub fn hosts(&self) -> impl Iterator<Item = HostName> {
        let nodes = self.nodes.iter().map(|node| HostName::from(&node.name));
        nodes.chain(self.clients.iter().map(|client| client.name.clone()))
    }

    /// The name of the partition or shape that a step makes: as written, or `partition-1`, `shape-2`, ... counted in the timeline.
    pub fn disturbance_name(&self, step: usize) -> String {
        let mut names = DisturbanceNames::default();
        self.steps.iter().take(step + 1).map(|planned| names.next(&planned.step)).last().flatten().unwrap_or_default()
    }

    /// Whether a step shapes links, which takes a device that not every machine opens to everybody.
    pub fn needs_shaping(&self) -> bool {
        self.steps.iter().any(|planned| matches!(planned.step, Step::Shape(_)))
    }

    /// The longest `cluster-node-timeout` of any node in milliseconds: the slowest to suspect decides how long the
    /// cluster takes.
    pub fn node_timeout_ms(&self) -> u64 {
        self.nodes.iter().map(NodeSpec::node_timeout_ms).max().unwrap_or_default()
    }

    /// More than all the bounds of a run together; one that takes longer hangs.
    pub fn longest_run(&self) -> Duration {
        let demanded = |step| self.demand(step).map_or(Duration::ZERO, |demand| demand.within);
        let steps = self.steps.iter().enumerate().map(|(index, planned)| match &planned.step {
            Step::Run { r#for } => r#for.0,
            // One that is missed may be watched for as long again.
            Step::Until { within, .. } => within.0.saturating_mul(2),
            _ => demanded(index).saturating_add(Duration::from_secs(45)),
        });
        let deadlines = self.loads.iter().map(|load| load.client.deadline.0).max().unwrap_or_default();
        let node_timeouts = Duration::from_millis(self.node_timeout_ms().saturating_mul(4));
        let waits = deadlines.saturating_add(node_timeouts).saturating_add(Duration::from_secs(150));
        steps.fold(waits, Duration::saturating_add)
    }
}

/// Names partitions and shapes in the order of the timeline.
#[derive(Debug, Default)]
pub(super) struct DisturbanceNames {
    partitions: usize,
    shapes: usize,
}

impl DisturbanceNames {
    /// The name of what the next step makes, if that is a partition or a shape.
    pub(super) fn next(&mut self, step: &Step) -> Option<String> {
        let (word, count, name) = match step {
            Step::Partition(Partition { name, .. }) => ("partition", &mut self.partitions, name),
            Step::Shape(Shaping { name, .. }) => ("shape", &mut self.shapes, name),
            _ => return None,
        };
        *count += 1;
        Some(name.clone().unwrap_or_else(|| format!("{word}-{count}")))
    }
}
