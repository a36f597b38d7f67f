//! The validated plan: names resolved, every semantic error collected, every default filled in.

mod connections;
mod explain;
mod facts;
mod keys;
mod loads;
mod nodes;
mod record;
mod server;
mod slos;
mod subscribers;
mod timeline;
mod traces;
mod types;

use std::path::Path;

pub use explain::explain;
pub use traces::Traces;
pub use types::{Plan, PlannedSlo, PlannedStep};

use crate::evidence::Location;
use crate::scenario::{Scenario, ScenarioVocabulary};
use crate::step::flatten;
use crate::text::{Cursor, Lines, Problem, Problems, Read, read};
use crate::vocab::{Size, SystemAbility};

use timeline::STEPS_MAX;

/// What a node may store when the scenario does not say.
const STORAGE_DEFAULT: Size = Size { bytes: 256 << 20 };

/// The plan of the scenario file at `path`, which holds `text`; or everything that is wrong with it. Reads nothing from
/// the disk but the traces that loads name, and never panics.
pub fn plan(path: &Path, text: &str) -> Result<Plan, Problems> {
    plan_with(path, text, Traces::Beside(path.parent().unwrap_or(Path::new(""))))
}

/// The same with traces from elsewhere.
pub fn plan_with(path: &Path, text: &str, traces: Traces<'_>) -> Result<Plan, Problems> {
    let mut read = read::<Scenario>(text, &ScenarioVocabulary);
    let loads = read.content.as_mut().map(|scenario| {
        let systems = scenario.topology.systems();
        for load in &mut scenario.load {
            let driven = systems.driven(load.on.as_deref()).map(|driven| &systems.parts()[driven].system);
            if driven.is_some_and(|system| system.abilities().contains(&SystemAbility::Sentinels)) {
                load.client.meets_sentinels();
            }
        }
        scenario.load.as_mut_slice()
    });
    let loads = loads.unwrap_or_default();
    let (unreadable, wrong_traces) = traces.read_all(path, loads, read.tree.root().field("load"));
    // At the same place a look-alike comes first: the other may follow from it.
    let mut problems = [read.look_alikes.as_slice(), &read.problems].concat();
    match &read.content {
        Some(scenario) => {
            problems.extend(semantic_problems(scenario, &read));
            problems.extend(unreadable);
        }
        None if problems.is_empty() => problems.push(Problem::new(0..0, "this is not a scenario")),
        None => {}
    }
    let problems =
        Problems::new(path.display().to_string(), text, problems).with_paths(&read.tree).with_files(wrong_traces);
    match &read.content {
        Some(scenario) if !problems.has_errors() => Ok(build(path, text, scenario, read.tree.root(), problems)),
        _ => Err(problems),
    }
}

/// Every semantic error, but for those about places that are not as written.
fn semantic_problems(scenario: &Scenario, read: &Read<'_, Scenario>) -> Vec<Problem> {
    let mut checker = facts::checker(scenario, read);
    let systems = scenario.topology.systems();
    checker.check_topology(&systems);
    checker.check_server(scenario);
    checker.check_loads(&scenario.load, scenario.server.tls);
    checker.check_keys_lie(&scenario.load, &systems);
    checker.check_timeline(&scenario.timeline);
    checker.check_slos(&scenario.slos);
    let mut problems = checker.into_problems();
    problems.retain(|problem| {
        !read.damaged.iter().any(|span| span.start <= problem.span.start && problem.span.end <= span.end)
    });
    problems
}

fn build(path: &Path, text: &str, scenario: &Scenario, root: Cursor<'_>, warnings: Problems) -> Plan {
    let nodes = nodes::specs(&scenario.topology.systems(), &scenario.server);
    let clients = nodes::clients(&nodes, &scenario.load);
    let mut lines = Lines::new(text);
    let mut location = |at: Cursor<'_>| {
        let (line, column) = lines.line_and_column(at.span().start);
        Location { line, column }
    };
    let steps = types::planned(&flatten(&scenario.timeline, root.field("timeline"), STEPS_MAX), &mut location);
    let slos = scenario.slos.iter().enumerate();
    let slos =
        slos.map(|(index, slo)| PlannedSlo { slo: slo.clone(), location: location(root.field("slos").index(index)) });
    let slos = slos.collect();
    Plan {
        name: name_of(path),
        about: scenario.about.clone(),
        deployment: scenario.topology,
        nodes,
        storage: scenario.server.storage.unwrap_or(STORAGE_DEFAULT),
        loads: scenario.load.clone(),
        clients,
        steps,
        slos,
        snapshot: scenario.snapshot,
        seed: scenario.seed,
        warnings,
    }
}

/// `family/name`: the directory that the file stands in, and its name without `.ron`, however the path is written.
fn name_of(path: &Path) -> String {
    let path = &std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let stem = text(path.file_stem()).unwrap_or_default();
    match text(path.parent().and_then(Path::file_name)) {
        Some(family) => format!("{family}/{stem}"),
        None => stem,
    }
}

#[cfg(test)]
mod network_tests;
#[cfg(test)]
mod tests;
