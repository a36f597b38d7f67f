//! What a validated scenario is.

use std::time::Duration;

use crate::check::Slo;
use crate::evidence::Location;
use crate::load::Load;
use crate::provider::{ClientSpec, Need, Storage};
use crate::step::{Demand, FlatStep, Step};
use crate::system::{Deployed, Deployment, NodeSpec, Systems};
use crate::text::{Cursor, Problems};
use crate::validate::DisturbanceNames;
use crate::vocab::{HostName, NodeName, Size, Tls};

/// The longest that preloading a few keys may take. Many have 10,000 keys or 10 MB a second: a tenth of what was measured.
const PRELOAD_BOUND: Duration = Duration::from_secs(20);
/// Files that the harness opens in a lab beside idle connections: those of workers, the observer's, namespaces.
const OTHER_FILES: u64 = 2_000;

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
    /// The name of the partition or shape that it makes, if it makes one: as written, or `partition-1`, `shape-2`, ...
    pub disturbance: Option<String>,
    /// Which time it is done, from 1, and of how many; none for a step that is not repeated.
    pub round: Option<(u32, u32)>,
}

/// An SLO with its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedSlo {
    /// The SLO.
    pub slo: Slo,
    /// Where it stands.
    pub location: Location,
}

impl Plan {
    /// What is deployed.
    pub fn systems(&self) -> Systems {
        self.deployment.systems()
    }

    /// The node of that name.
    pub fn node(&self, name: &NodeName) -> Option<&NodeSpec> {
        self.nodes.iter().find(|node| node.name == *name)
    }

    /// Whether a load waits until a step begins it.
    pub fn begins_later(&self, load: &Load) -> bool {
        self.steps.iter().any(|planned| planned.step.kind().begins_load() == Some(&load.name))
    }

    /// The masters that own slots at the start. The slots of one are a shard, whoever owns them later.
    pub fn shards(&self) -> impl Iterator<Item = &NodeSpec> {
        self.nodes.iter().filter(|node| !node.owns.is_empty())
    }

    /// The hosts that nodes run on, in the order of the plan.
    pub fn node_hosts(&self) -> Vec<HostName> {
        self.nodes.iter().filter(|node| node.host.is(&node.name)).map(|node| node.host.clone()).collect()
    }

    /// Every host's name: the nodes', then the clients'.
    pub fn hosts(&self) -> impl Iterator<Item = HostName> {
        self.node_hosts().into_iter().chain(self.clients.iter().map(|client| client.name.clone()))
    }

    /// What it needs of the machine beside a lab.
    pub fn needs(&self) -> Vec<Need> {
        let mut disturbances = self.steps.iter().filter_map(|planned| planned.step.kind().disturbance());
        // A device that not every machine opens to everybody.
        let shaping = disturbances.any(|disturbance| !disturbance.cuts).then_some(Need::Shaping);
        let idle: u64 = self.loads.iter().filter_map(|load| load.idle).map(u64::from).sum();
        let files = (idle > 0).then_some(Need::OpenFiles(idle + OTHER_FILES));
        let disks = self.disks().caching.then_some(Need::CachingDisks);
        shaping.into_iter().chain(disks).chain(files).collect()
    }

    /// The nodes' disks: with a cache only where a step does something to it.
    pub fn disks(&self) -> Storage {
        let caching = self.steps.iter().any(|planned| planned.step.kind().needs_caching_disk());
        Storage { size: self.storage, caching }
    }

    /// Whether every master is to be asked for its keys at the end.
    pub fn needs_key_lists(&self) -> bool {
        self.slos.iter().any(|planned| planned.slo.needs_key_lists())
    }

    /// How long nodes take to suspect one that is silent, in milliseconds: the slowest of them decides how long all take.
    pub fn node_timeout_ms(&self) -> u64 {
        let systems = self.systems();
        systems.parts().iter().map(|part| self.node_timeout_ms_of(part)).max().unwrap_or_default()
    }

    /// The same of the nodes of one system.
    pub fn node_timeout_ms_of(&self, part: &Deployed) -> u64 {
        let nodes: Vec<_> = self.nodes.iter().filter(|node| part.has(&node.name)).cloned().collect();
        part.system.node_timeout_ms(&nodes)
    }

    /// The place of the system that a load drives, among what is deployed.
    pub fn driven_by(&self, load: &Load) -> usize {
        // The first, where another has been an error.
        self.systems().driven(load.on.as_deref()).unwrap_or(0)
    }

    /// Who speaks TLS with the servers; nobody if none.
    pub fn tls(&self) -> Option<Tls> {
        self.nodes.first()?.tls
    }

    /// What a step demands of the servers that it acts on, of whichever may take longest; none if nothing.
    pub fn demand(&self, step: &Step) -> Option<Demand> {
        self.nodes.iter().filter_map(|node| step.kind().demand(node)).max_by_key(|demand| demand.within)
    }

    /// The least that the timeline takes.
    pub fn shortest_timeline(&self) -> Duration {
        let steps = self.steps.iter().map(|planned| planned.step.kind().duration().0);
        steps.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The longest that preloading may take, and reading it back beside what is read back anyway: nothing if no load asks for it.
    pub fn preload_bound(&self) -> Duration {
        let accounts = |load: &Load| u64::from(load.accounts()) * u64::from(load.keys.count());
        let keys = self.loads.iter().map(|load| u64::from(load.preload()) + accounts(load)).sum::<u64>();
        let bytes =
            self.loads.iter().map(|load| u64::from(load.preload()) * load.preload_value().bytes_max()).sum::<u64>();
        if keys == 0 { Duration::ZERO } else { PRELOAD_BOUND + Duration::from_micros(100 * keys + bytes / 10) }
    }

    /// More than all the bounds of a run together; one that takes longer hangs.
    pub fn longest_run(&self) -> Duration {
        let steps = self.steps.iter().map(|planned| {
            let demanded = self.demand(&planned.step).map_or(Duration::ZERO, |demand| demand.within);
            planned.step.kind().bound().saturating_add(demanded)
        });
        let deadlines = self.loads.iter().map(|load| load.client.deadline.0).max().unwrap_or_default();
        let node_timeouts = Duration::from_millis(self.node_timeout_ms().saturating_mul(4));
        let waits = deadlines.saturating_add(node_timeouts).saturating_add(Duration::from_secs(150));
        // Once for what is written, once for what replicas get of it, once for what is read back.
        let waits = waits.saturating_add(self.preload_bound() * 3);
        steps.fold(waits, Duration::saturating_add)
    }
}

/// Steps with their places; what they do to links has names.
pub(super) fn planned<'t>(
    steps: &[FlatStep<'_, 't>],
    location: &mut impl FnMut(Cursor<'t>) -> Location,
) -> Vec<PlannedStep> {
    let mut names = DisturbanceNames::default();
    let planned = steps.iter().map(|FlatStep { step, at, round }| {
        let disturbance = step.kind().disturbance();
        let disturbance = disturbance.map(|disturbance| names.next(disturbance.noun, disturbance.name));
        PlannedStep { step: (*step).clone(), location: location(*at), disturbance, round: *round }
    });
    planned.collect()
}
