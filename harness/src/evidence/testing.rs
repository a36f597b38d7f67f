//! Recorded plans made by hand, for the tests of everything that reads evidence.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{
    DataEffect, DataType, Effect, Figure, Figures, KeyNames, Location, MembershipEffect, NodeStatus, Operation,
    OperationEffect, OperationSource, Outcome, RecordedDemand, RecordedLoad, RecordedNode, RecordedOperation,
    RecordedPlan, RecordedSlo, RecordedStep, RecordedSystem, ResourceSample, Value,
};
use crate::vocab::{Address, Duration, HostName, Instant, NodeName, Ownership, Role};

/// What three masters own.
const SHARES: [&str; 3] = ["0-5460", "5461-10922", "10923-16383"];

/// Three masters with this many replicas each, node timeout 1000; nothing is asked of them yet.
pub(crate) fn plan(name: &str, about: &str, replicas: usize) -> RecordedPlan {
    let mut nodes = Vec::new();
    for (index, shard) in (0..=replicas).flat_map(|index| (0..3).map(move |shard| (index, shard))) {
        let is_master = index == 0;
        let name = if is_master { NodeName::master(shard) } else { NodeName::replica(shard, index) };
        nodes.push(RecordedNode {
            host: HostName::own(&name),
            name,
            system: 0,
            address: Address::of_host([10, 128, 0, 2 + u8::try_from(nodes.len()).unwrap()].into()),
            role: if is_master { Role::Master } else { Role::Replica },
            master: (!is_master).then(|| NodeName::master(shard)),
            owns: if is_master { SHARES[shard].parse().unwrap() } else { Ownership::default() },
            version: if is_master { shard as u64 + 1 } else { 0 },
            binary: None,
            image: None,
            config: BTreeMap::from([("cluster-node-timeout".to_owned(), "1000".to_owned())]),
        });
    }
    RecordedPlan {
        name: name.to_owned(),
        about: about.to_owned(),
        systems: vec![RecordedSystem {
            name: "cluster".to_owned(),
            noun: "cluster".to_owned(),
            position_noun: "place".to_owned(),
            node_timeout_ms: 1_000,
            independent: false,
            directives: [
                ("cluster-node-timeout", "15000"),
                ("cluster-require-full-coverage", "yes"),
                ("appendonly", "no"),
            ]
            .map(|(name, default)| (name.to_owned(), default.to_owned()))
            .to_vec(),
        }],
        nodes,
        tls: None,
        loads: Vec::new(),
        steps: Vec::new(),
        slos: Vec::new(),
        snapshot: false,
        seed: 1,
        longest_run_ms: 600_000,
    }
}

/// A read of a set's elements that took a millisecond.
pub(crate) fn operation() -> Operation {
    let (began, ended) = (Instant::from_millis(1), Instant::from_millis(2));
    Operation {
        load: 0,
        worker: 0,
        source: OperationSource::Mix { entry: 0, command: 0 },
        effect: OperationEffect::Reads,
        data: DataType::Set,
        key: 1,
        shard: None,
        value: Value::Missing,
        intended: began,
        ready: began,
        started: began,
        ended,
        outcome: Outcome::Ok,
        error: None,
        attempts: 1,
        unknown_attempts: 0,
        replaced: None,
        node: None,
    }
}

/// A closed load of two workers that writes a hundred keys.
pub(crate) fn load(name: &str) -> RecordedLoad {
    RecordedLoad {
        name: name.to_owned(),
        system: 0,
        host: name.into(),
        arrivals: None,
        operations: None,
        workers: 2,
        key_names: key_names(&format!("{name}:")),
        keys: 100,
        contended: false,
        accounts: 0,
        preloaded: 0,
        waiting_max: 1_000_000,
        map_refresh: Some(Duration::from_millis(50)),
        mix: vec![RecordedOperation {
            text: "SET of 16 B".to_owned(),
            commands: vec!["SET".to_owned()],
            writes: true,
            waits_for_replicas: false,
            expires: None,
            looks_for_keys: false,
            reads_last: None,
        }],
        idle: 0,
        subscribers: 0,
        timeout: Duration::from_millis(500),
        deadline: Duration::from_millis(10_000),
        retry_wait: Duration::from_millis(10),
    }
}

/// Keys with that prefix.
pub(crate) fn key_names(prefix: &str) -> KeyNames {
    KeyNames { prefix: prefix.to_owned(), ..KeyNames::default() }
}

/// An SLO at a place of its own.
pub(crate) fn slo(specification: impl serde::Serialize) -> RecordedSlo {
    let specification = serde_json::to_value(specification).unwrap();
    RecordedSlo { location: Location { line: 40, column: 9 }, specification }
}

/// What steps of that name do to a node.
pub(crate) fn effect(step: &str) -> Effect {
    match step {
        "Kill" | "Stop" => Effect::fault(NodeStatus::Down),
        "PowerOff" => Effect { data: DataEffect::Synced, ..Effect::fault(NodeStatus::Down) },
        "TearFile" => Effect { data: DataEffect::Damaged, harms: true, ..Effect::NONE },
        "Pause" => Effect::fault(NodeStatus::Paused),
        "Sleep" => Effect { silent_for_ms: Some(SLEEP_MS), harms: true, ..Effect::NONE },
        "Resume" | "Start" => Effect::brings_back(),
        "Wipe" => Effect { data: DataEffect::Emptied, membership: MembershipEffect::Lost, harms: true, ..Effect::NONE },
        "FillDisk" => Effect { harms: true, ..Effect::NONE },
        "FreeDisk" | "Command" => Effect::NONE,
        "Join" => Effect { membership: MembershipEffect::Gained, ..Effect::NONE },
        other => panic!("no step is called {other}"),
    }
}

/// How long a node sleeps, in milliseconds.
pub(crate) const SLEEP_MS: u64 = 1_500;

/// A step that does nothing; the n-th of a timeline stands on line 10 + n.
fn step(kind: &str, text: String) -> RecordedStep {
    RecordedStep {
        location: Location { line: 0, column: 9 },
        kind: kind.to_owned(),
        heading: text.clone(),
        text,
        effect: None,
        acts: false,
        waits: false,
        disturbs_links: false,
        names: Vec::new(),
        by_place: false,
        demand: None,
    }
}

/// The steps as a timeline whose first stands on that line.
pub(crate) fn timeline(first_line: usize, steps: Vec<RecordedStep>) -> Vec<RecordedStep> {
    let placed = steps
        .into_iter()
        .enumerate()
        .map(|(index, step)| RecordedStep { location: Location { line: first_line + index, column: 9 }, ..step });
    placed.collect()
}

pub(crate) fn run(time: &str) -> RecordedStep {
    step("Run", format!("Run for {time}"))
}

/// Waits for a condition in these words, which name these nodes.
pub(crate) fn until(condition: &str, names: &[&str]) -> RecordedStep {
    RecordedStep { waits: true, names: node_names(names), ..step("Until", format!("Until {condition}")) }
}

fn act(kind: &str, node: &str) -> RecordedStep {
    RecordedStep {
        effect: Some(effect(kind)),
        acts: true,
        names: node_names(&[node]),
        ..step(kind, format!("{kind} {node}"))
    }
}

pub(crate) fn kill(node: &str) -> RecordedStep {
    RecordedStep { text: format!("Kill {node} (SIGKILL)"), ..act("Kill", node) }
}

/// Kills nodes that are chosen when the step begins.
pub(crate) fn kill_selected(selector: &str) -> RecordedStep {
    RecordedStep { names: Vec::new(), ..kill(selector) }
}

pub(crate) fn start(node: &str) -> RecordedStep {
    let demand = RecordedDemand { text: "answer".to_owned(), within_ms: 20_000 };
    RecordedStep { demand: Some(demand), ..act("Start", node) }
}

pub(crate) fn wipe(node: &str) -> RecordedStep {
    act("Wipe", node)
}

pub(crate) fn join(node: &str, replica_of: &str) -> RecordedStep {
    let text = format!("Join {node} as a replica of {replica_of}");
    RecordedStep { text: text.clone(), heading: text, names: node_names(&[node, replica_of]), ..act("Join", node) }
}

/// Cuts links, which are told in these words and name these nodes.
pub(crate) fn partition(links: &str, names: &[&str]) -> RecordedStep {
    RecordedStep {
        text: format!("Partition {links} (drop)"),
        acts: true,
        disturbs_links: true,
        names: node_names(names),
        ..step("Partition", format!("Partition {links}"))
    }
}

pub(crate) fn heal() -> RecordedStep {
    RecordedStep { acts: true, ..step("Heal", "Heal all links".to_owned()) }
}

fn node_names(names: &[&str]) -> Vec<NodeName> {
    names.iter().map(|name| NodeName::from(*name)).collect()
}

/// What a server used in these milliseconds, once a second: so many commands a second, in each of which it receives 100 bytes, sends
/// 200 and uses 0.2 ms of a processor.
pub(crate) fn server_samples(node: &str, process: f64, ms: Range<u64>, per_second: f64) -> Vec<ResourceSample> {
    let sample = |at: u64| {
        let commands = per_second * (at - ms.start) as f64 / 1e3;
        let figures = [
            (Figure::ProcessId, process),
            (Figure::MemoryUsedBytes, 2_000_000.0 + 16.0 * commands),
            (Figure::Clients, 5.0),
            (Figure::Commands, commands),
            (Figure::NetworkInBytes, 100.0 * commands),
            (Figure::NetworkOutBytes, 200.0 * commands),
            (Figure::CpuUserMs, 0.05 * commands),
            (Figure::CpuSystemMs, 0.15 * commands),
        ];
        resource_sample(at, Some(node.into()), &figures)
    };
    ms.clone().step_by(1_000).map(sample).collect()
}

/// What a machine of two processors that were busy for a quarter used in these milliseconds, once a second.
pub(crate) fn machine_samples(ms: Range<u64>) -> Vec<ResourceSample> {
    let sample = |at: u64| {
        let figures = [
            (Figure::CpuUserMs, 0.3 * at as f64),
            (Figure::CpuSystemMs, 0.2 * at as f64),
            (Figure::CpuIdleMs, 1.5 * at as f64),
            (Figure::CpuStolenMs, 0.0),
            (Figure::MemoryAvailableBytes, 8e9),
            (Figure::CpuPressureSomeMs, 0.02 * at as f64),
            (Figure::NetworkInBytes, 900.0 * at as f64),
        ];
        resource_sample(at, None, &figures)
    };
    ms.step_by(1_000).map(sample).collect()
}

/// The samples with one more figure.
pub(crate) fn with(mut samples: Vec<ResourceSample>, figure: Figure, number: f64) -> Vec<ResourceSample> {
    for sample in &mut samples {
        sample.figures.set(figure, number);
    }
    samples
}

pub(crate) fn resource_sample(at: u64, node: Option<NodeName>, figures: &[(Figure, f64)]) -> ResourceSample {
    let mut all = Figures::default();
    for (figure, number) in figures {
        all.set(*figure, *number);
    }
    ResourceSample { at: Instant::from_millis(at), node, figures: all }
}
