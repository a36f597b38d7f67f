//! What semantic checks are told of a scenario.

use super::nodes::members;
use super::timeline::STEPS_MAX;
use crate::evidence::DataType;
use crate::load::{Load, LoadPace, Op};
use crate::scenario::{MASTERS_MAX, NODES_MAX, Scenario};
use crate::step::{FlatStep, flatten};
use crate::system::{Deployed, SystemSize, Systems};
use crate::text::{Cursor, Problem, Read};
use crate::validate::{Checker, LoadFacts, Sound, StepFacts, SystemFacts, TopologyFacts};
use crate::vocab::{Arrivals, NodeName};

/// A checker that knows the scenario.
pub(super) fn checker<'a>(scenario: &'a Scenario, read: &'a Read<'_, Scenario>) -> Checker<'a> {
    let systems = scenario.topology.systems();
    let mut sound = Sound {
        topology: is_sound(read, "topology"),
        server: is_sound(read, "server"),
        load: is_sound(read, "load"),
        timeline: is_sound(read, "timeline"),
        slos: is_sound(read, "slos"),
    };
    sound.topology &= within_bounds(&systems);
    let members = if sound.topology { members(&systems) } else { Vec::new() };
    let at = read.tree.root().field("topology");
    let topology = TopologyFacts { members, systems: system_facts(&systems, at) };
    let steps = flatten(&scenario.timeline, read.tree.root().field("timeline"), STEPS_MAX);
    let loads = scenario.load.iter().map(|load| load_facts(load, &systems, &steps)).collect();
    let steps = steps.into_iter().map(step_facts).collect();
    let broken = read.problems.iter().map(|problem| &problem.span).chain(&read.damaged).cloned().collect();
    let reserved = Box::new(move |directive: &str, node: Option<&NodeName>| systems.reserved(directive, node));
    Checker::new(read.tree.root(), (topology, loads, steps), sound, reserved, broken)
}

fn load_facts(load: &Load, systems: &Systems, steps: &[FlatStep<'_, '_>]) -> LoadFacts {
    let most = load.mix.iter().map(Op::operations).max().unwrap_or_default();
    let per_second_max = |pace: &LoadPace| Some(pace.arrivals()?.per_second_max().saturating_mul(u64::from(most)));
    let later = steps.iter().filter_map(|flat| flat.step.kind().paces());
    let later = later.filter(|(name, _)| *name == load.name).filter_map(|(_, pace)| per_second_max(pace)).max();
    LoadFacts {
        name: load.name.clone(),
        system: systems.driven(load.on.as_deref()),
        host: load.host(),
        subscribers_host: load.subscribers_host(),
        looks_for_keys: load.mix.iter().any(|op| load.looks_for_keys(op)),
        has_subscribers: load.subscribers.is_some(),
        is_limited: load.operations.is_some() || load.pace.ends() || load.keys.writes_once(),
        writes: load.mix.iter().any(Op::writes),
        writes_what_may_be_lost: load.mix.iter().any(|op| op.writes() && op.kind().data() != DataType::Accounts),
        reads: load.mix.iter().any(Op::reads_values),
        reads_registers: load.mix.iter().any(Op::reads_registers),
        reads_elements: load.mix.iter().any(reads_elements),
        transfers: load.accounts() > 0
            && [true, false].iter().all(|writes| load.mix.iter().any(|op| is_of_bank(op, *writes))),
        writes_what_expires: load.mix.iter().any(|op| op.kind().expires().is_some()),
        writes_groups: load.mix.iter().any(|op| op.writes() && op.kind().data().is_group()),
        locks: load.mix.iter().any(|op| op.kind().lock().is_some()),
        stages_max: load.pace.arrivals().filter(Arrivals::has_stages).map(|arrivals| arrivals.per_second_max()),
        gives_up: load.client.gives_up,
        idle: load.idle.unwrap_or(0),
        waits: steps.iter().any(|flat| flat.step.kind().begins_load() == Some(&load.name)),
        // Of a closed loop nobody knows, whatever a step says.
        per_second_max: per_second_max(&load.pace).map(|at_first| at_first.max(later.unwrap_or(0))),
    }
}

fn is_of_bank(op: &Op, writes: bool) -> bool {
    op.kind().data() == DataType::Accounts && op.writes() == writes
}

/// Whether it reads elements. The last few of a sorted set, which scores order, tell nothing of the others.
fn reads_elements(op: &Op) -> bool {
    let data = op.kind().data();
    data.is_collection() && data != DataType::SortedSet && !op.writes()
}

fn step_facts<'a>(FlatStep { step, at, .. }: FlatStep<'_, 'a>) -> StepFacts<'a> {
    let disturbance = step.kind().disturbance();
    // A cut of one port leaves clients, or nodes, in touch with a node that it isolates otherwise.
    let isolates = disturbance.filter(|disturbance| disturbance.port.is_none()).and_then(|disturbance| {
        let links = disturbance.links.kind();
        Some((links.target()?.node?, links.hosts()))
    });
    StepFacts {
        is_fault: step.is_fault(),
        promotes: step.kind().promotes(),
        takes_away: step.takes_away(),
        names: step.kind().names(),
        cuts: disturbance.is_some_and(|disturbance| disturbance.cuts_bus()),
        isolates,
        at,
    }
}

/// Whether `field` is as written: no error lies in it, and if it is left out, that was not by accident.
fn is_sound(read: &Read<'_, Scenario>, field: &str) -> bool {
    let root = read.tree.root();
    let lies_in = |problem: &Problem, name: &str| {
        root.field_span(name).is_some_and(|span| span.start <= problem.span.start && problem.span.start <= span.end)
    };
    if root.field_span(field).is_some() {
        return !read.problems.iter().any(|problem| lies_in(problem, field));
    }
    let fields = ["about", "topology", "server", "load", "timeline", "slos", "snapshot", "seed"];
    read.problems.iter().all(|problem| fields.iter().any(|name| lies_in(problem, name)))
}

fn within_bounds(systems: &Systems) -> bool {
    let sizes = || systems.parts().iter().map(|part| part.system.size());
    let has_masters = sizes().all(|size| (1..=MASTERS_MAX).contains(&size.masters));
    has_masters && sizes().map(SystemSize::nodes).sum::<usize>() <= NODES_MAX as usize
}

/// What is known of each system. One that stands alone is the topology; of those side by side each is a field of it.
fn system_facts<'a>(systems: &Systems, at: Cursor<'a>) -> Vec<SystemFacts<'a>> {
    let is_beside = at.name() == Some("Beside");
    let facts = |part: &Deployed| {
        let SystemSize { masters, replicas, sentinels } = part.system.size();
        let (noun, abilities) = (part.system.noun(), part.system.abilities());
        let at = if is_beside { at.field(part.name) } else { at };
        SystemFacts { at, name: part.name, masters, replicas, sentinels, noun, abilities }
    };
    systems.parts().iter().map(facts).collect()
}
