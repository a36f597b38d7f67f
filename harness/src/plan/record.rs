//! The plan as it is recorded with the evidence.

use std::collections::BTreeSet;

use super::types::{Plan, PlannedStep};
use crate::evidence::{
    RecordedDemand, RecordedLoad, RecordedNode, RecordedOperation, RecordedPlan, RecordedSlo, RecordedStep,
};
use crate::fault;
use crate::load::{Load, MAP_REFRESH, Op, Pace, WAITING_MAX};
use crate::scenario::{Condition, Step};
use crate::system::NodeSpec;
use crate::vocab::{Links, NodeName, Target};

use super::life::fault_of;

impl Plan {
    /// What of it is evidence: everything that judging and showing a run need.
    pub fn record(&self) -> RecordedPlan {
        RecordedPlan {
            name: self.name.clone(),
            about: self.about.clone(),
            nodes: self.nodes.iter().map(node).collect(),
            node_timeout_ms: self.node_timeout_ms(),
            loads: self.loads.iter().map(load).collect(),
            steps: self.steps.iter().enumerate().map(|(index, planned)| self.record_step(index, planned)).collect(),
            slos: self
                .slos
                .iter()
                .map(|planned| RecordedSlo {
                    location: planned.location,
                    specification: serde_json::to_value(planned.slo).unwrap_or_default(),
                })
                .collect(),
            snapshot: self.snapshot,
            seed: self.seed,
            longest_run_ms: millis(self.longest_run()),
        }
    }

    fn record_step(&self, index: usize, planned: &PlannedStep) -> RecordedStep {
        let step = &planned.step;
        let links = match step {
            Step::Partition(partition) => Some(&partition.links),
            Step::Shape(shaping) => Some(&shaping.links),
            _ => None,
        };
        let demand = self.demand(index);
        let waits = matches!(step, Step::Until { .. });
        RecordedStep {
            location: planned.location,
            kind: step.name().to_owned(),
            text: step.to_string(),
            heading: heading(step),
            effect: fault_of(step).map(|(kind, _)| fault::effect(kind)),
            acts: !waits && !matches!(step, Step::Run { .. }),
            waits,
            disturbs_links: links.is_some(),
            names: names(step).into_iter().collect(),
            by_place: matches!(links, Some(Links::Halves { .. } | Links::Ring)),
            demand: demand
                .map(|demand| RecordedDemand { text: demand.what.to_owned(), within_ms: millis(demand.within) }),
        }
    }
}

/// What a step does, without how.
fn heading(step: &Step) -> String {
    match step {
        Step::Kill(target) | Step::Stop(target) | Step::Pause(target) => format!("{} {target}", step.name()),
        Step::Partition(partition) => format!("{} {}", step.name(), partition.links),
        Step::Shape(shaping) => format!("{} {}", step.name(), shaping.links),
        _ => step.to_string(),
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn node(spec: &NodeSpec) -> RecordedNode {
    RecordedNode {
        name: spec.name.clone(),
        address: spec.address,
        role: spec.role,
        master: spec.master.clone(),
        owns: spec.owns.clone(),
        version: spec.version,
        binary: spec.binary.clone(),
        config: spec.config.clone(),
    }
}

fn load(load: &Load) -> RecordedLoad {
    RecordedLoad {
        name: load.name.clone(),
        host: load.host(),
        per_second: match load.pace {
            Pace::Open { per_second } => Some(per_second),
            Pace::Closed => None,
        },
        workers: load.workers(),
        key_prefix: load.key_prefix().into_owned(),
        keys: load.keys.count(),
        waiting_max: WAITING_MAX as u64,
        map_refresh: MAP_REFRESH,
        mix: load.mix.iter().map(entry).collect(),
        timeout: load.client.timeout,
        deadline: load.client.deadline,
        retry_wait: load.client.retry_wait,
    }
}

fn entry(op: &Op) -> RecordedOperation {
    RecordedOperation {
        text: super::explain::operation(op),
        commands: op.command_names().iter().map(|&name| name.to_owned()).collect(),
        writes: op.writes(),
        waits_for_replicas: matches!(op, Op::Set(set) if set.wait.is_some()),
    }
}

/// The nodes that a step names. A host that is no node is none of them, whatever it is called.
fn names(step: &Step) -> BTreeSet<NodeName> {
    let targeted = |target: &Target| target.node.iter().cloned().collect::<Vec<_>>();
    let hosts = |hosts: &[crate::vocab::HostName]| hosts.iter().map(|host| NodeName::from(host.as_str())).collect();
    let named: Vec<NodeName> = match step {
        Step::Join { node, replica_of } => vec![node.clone(), replica_of.clone()],
        Step::Until { condition, .. } => match condition {
            Condition::Promoted(node) | Condition::Failed(node) | Condition::Refuses(node) => vec![node.clone()],
            Condition::Replicates { node, of } => vec![node.clone(), of.clone()],
            _ => Vec::new(),
        },
        Step::Partition(crate::scenario::Partition { links, .. })
        | Step::Shape(crate::scenario::Shaping { links, .. }) => match links {
            Links::Split { sides } => hosts(&sides.values().flatten().cloned().collect::<Vec<_>>()),
            Links::Bridge { node, sides } => {
                let mut named: Vec<_> = hosts(&sides.values().flatten().cloned().collect::<Vec<_>>());
                named.push(node.clone());
                named
            }
            Links::Isolate(isolated) => {
                let mut named: Vec<_> = hosts(&isolated.with);
                named.extend(isolated.node.clone());
                named
            }
            Links::Halves { first, second } => hosts(&[first.as_slice(), second].concat()),
            Links::OneWay { from, to } => hosts(&[from.as_slice(), to].concat()),
            Links::Of(of) => hosts(of),
            Links::Ring | Links::All => Vec::new(),
        },
        step => fault_of(step).map(|(_, target)| targeted(target)).unwrap_or_default(),
    };
    named.into_iter().collect()
}
