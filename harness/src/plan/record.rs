//! The plan as it is recorded with the evidence.

use super::types::{Plan, PlannedStep};
use crate::evidence::{
    RecordedDemand, RecordedLoad, RecordedNode, RecordedOperation, RecordedPlan, RecordedSlo, RecordedStep,
    RecordedSystem,
};
use crate::load::{KeySpace, Load, MAP_REFRESH, Op, WAITING_MAX};
use crate::system::{Deployed, NodeSpec, System, Systems};
use crate::vocab::SystemAbility;

impl Plan {
    /// What of it is evidence: everything that judging and showing a run need.
    pub fn record(&self) -> RecordedPlan {
        let systems = self.systems();
        RecordedPlan {
            name: self.name.clone(),
            about: self.about.clone(),
            systems: systems.parts().iter().map(|part| self.record_system(part)).collect(),
            nodes: self.nodes.iter().map(|spec| node(spec, &systems)).collect(),
            tls: self.tls(),
            loads: self.loads.iter().map(|load| self.record_load(load, &systems)).collect(),
            steps: self.steps.iter().map(|planned| self.record_step(planned)).collect(),
            slos: self
                .slos
                .iter()
                .map(|planned| RecordedSlo {
                    location: planned.location,
                    specification: serde_json::to_value(&planned.slo).unwrap_or_default(),
                })
                .collect(),
            snapshot: self.snapshot,
            seed: self.seed,
            longest_run_ms: millis(self.longest_run()),
        }
    }

    fn record_system(&self, part: &Deployed) -> RecordedSystem {
        let system = &part.system;
        let directives = system.bounding_directives().iter();
        RecordedSystem {
            name: part.name.to_owned(),
            noun: system.noun().to_owned(),
            position_noun: system.position_noun().to_owned(),
            node_timeout_ms: self.node_timeout_ms_of(part),
            directives: directives.map(|(name, default)| ((*name).to_owned(), (*default).to_owned())).collect(),
            independent: system.abilities().contains(&SystemAbility::Independence),
        }
    }

    fn record_load(&self, load: &Load, systems: &Systems) -> RecordedLoad {
        let driven = self.driven_by(load);
        let keys = KeySpace::of(load, &*systems.parts()[driven].system);
        RecordedLoad {
            name: load.name.clone(),
            system: driven,
            host: load.host(),
            arrivals: load.pace.arrivals(),
            operations: load.operations,
            workers: load.workers(),
            key_names: keys.names().clone(),
            keys: keys.highest(),
            contended: load.contended,
            accounts: load.accounts(),
            preloaded: load.preload(),
            waiting_max: WAITING_MAX as u64,
            map_refresh: Some(MAP_REFRESH)
                .filter(|_| load.client.refresh_on.error || hears_sentinels(load, &*systems.parts()[driven].system))
                .or(load.client.refresh_every.map(|every| every.max(MAP_REFRESH))),
            mix: load.mix.iter().map(|op| entry(load, op)).collect(),
            idle: load.idle.unwrap_or(0),
            subscribers: load.subscribers.unwrap_or(0),
            timeout: load.client.timeout,
            deadline: load.client.deadline,
            retry_wait: load.client.retry_wait_max,
        }
    }

    fn record_step(&self, planned: &PlannedStep) -> RecordedStep {
        let (step, kind) = (&planned.step, planned.step.kind());
        let disturbance = kind.disturbance();
        let demand = self.demand(step);
        RecordedStep {
            location: planned.location,
            kind: step.name().to_owned(),
            text: step.to_string(),
            heading: kind.heading(),
            effect: kind.effect(),
            acts: kind.acts(),
            waits: kind.waits(),
            disturbs_links: disturbance.is_some(),
            names: kind.names(),
            by_place: disturbance.is_some_and(|disturbance| disturbance.links.kind().by_place()),
            demand: demand
                .map(|demand| RecordedDemand { text: demand.what.to_owned(), within_ms: millis(demand.within) }),
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn node(spec: &NodeSpec, systems: &Systems) -> RecordedNode {
    RecordedNode {
        name: spec.name.clone(),
        system: systems.index_of(&spec.name),
        host: spec.host.clone(),
        address: spec.address,
        role: spec.role,
        master: spec.master.clone(),
        owns: spec.owns.clone(),
        version: spec.version,
        binary: spec.binary.clone(),
        image: spec.image.clone(),
        config: spec.config.clone(),
    }
}

/// Whether sentinels tell its clients at once who is the master.
fn hears_sentinels(load: &Load, system: &dyn System) -> bool {
    load.client.refresh_on.switch && system.abilities().contains(&SystemAbility::Sentinels)
}

fn entry(load: &Load, op: &Op) -> RecordedOperation {
    RecordedOperation {
        text: op.text(),
        commands: (0..op.kind().commands().len()).map(|command| op.command_name(command)).collect(),
        writes: op.writes(),
        expires: op.kind().expires(),
        looks_for_keys: load.looks_for_keys(op),
        reads_last: op.kind().reads_last(),
        waits_for_replicas: op.kind().wait().is_some(),
    }
}
