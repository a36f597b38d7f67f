//! The validated plan: names resolved, every semantic error collected, every default filled in.

mod checker;
mod conditions;
mod disturbance;
mod explain;
mod life;
mod links;
mod loads;
mod network;
mod nodes;
mod record;
mod server;
mod slos;
mod timeline;
mod types;

use std::path::Path;

pub use explain::explain;
pub use types::{Plan, PlannedSlo, PlannedStep};

use crate::evidence::Location;
use crate::scenario::{Cursor, Lines, Problem, Problems, Read, Scenario, read};
use crate::vocab::Size;

use checker::Checker;

/// What a node may store when the scenario does not say.
const STORAGE_DEFAULT: Size = Size { bytes: 256 << 20 };

/// The plan of the scenario file at `path`, which holds `text`; or everything that is wrong with it. Reads nothing from
/// the disk and never panics.
pub fn plan(path: &Path, text: &str) -> Result<Plan, Problems> {
    let read = read(text);
    // At the same place a look-alike comes first: the other may follow from it.
    let mut problems = [read.look_alikes.as_slice(), &read.problems].concat();
    match &read.scenario {
        Some(scenario) => problems.extend(semantic_problems(scenario, &read)),
        None if problems.is_empty() => problems.push(Problem::new(0..0, "this is not a scenario")),
        None => {}
    }
    let problems = Problems::new(path.display().to_string(), text, problems).with_paths(&read.tree);
    match &read.scenario {
        Some(scenario) if !problems.has_errors() => Ok(build(path, text, scenario, read.tree.root(), problems)),
        _ => Err(problems),
    }
}

fn semantic_problems(scenario: &Scenario, read: &Read<'_>) -> Vec<Problem> {
    let mut checker = Checker::new(scenario, read);
    checker.check_topology();
    checker.check_server();
    checker.check_loads();
    checker.check_timeline();
    checker.check_slos();
    checker.finish(read)
}

fn build(path: &Path, text: &str, scenario: &Scenario, root: Cursor<'_>, warnings: Problems) -> Plan {
    let nodes = nodes::specs(scenario.topology, &scenario.server);
    let clients = nodes::clients(&nodes, &scenario.load);
    let mut lines = Lines::new(text);
    let mut location = |section: &str, index| {
        let (line, column) = lines.line_and_column(root.field(section).index(index).span().start);
        Location { line, column }
    };
    let steps = scenario.timeline.iter().enumerate();
    let steps = steps.map(|(index, step)| PlannedStep { step: step.clone(), location: location("timeline", index) });
    let steps = steps.collect();
    let slos = scenario.slos.iter().enumerate();
    let slos = slos.map(|(index, slo)| PlannedSlo { slo: *slo, location: location("slos", index) }).collect();
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
