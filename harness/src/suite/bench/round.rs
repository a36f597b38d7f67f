//! A round of a benchmark: the scenario that is run for it.

use std::fmt::Write;
use std::path::Path;

use super::BenchOptions;
use crate::load::Load;
use crate::scenario::{Scenario, ScenarioVocabulary};
use crate::suite::Loaded;
use crate::text::{Style, read};

/// The longest that anything of a round may take.
const WITHIN: &str = "10m";

/// A round.
pub(super) struct Round<'a> {
    /// From 0.
    pub(super) number: u32,
    /// What is measured.
    pub(super) scenario: &'a Loaded,
    pub(super) options: &'a BenchOptions,
}

impl Round<'_> {
    /// The scenario of the round: each load alone, and the rival beside it, by turns before it and after it.
    pub(super) fn scenario(&self) -> Result<Loaded, String> {
        let name = Path::new("bench").join(self.scenario.path.file_name().unwrap_or_default());
        Loaded::of(name, self.text(), Style::PLAIN)
    }

    /// How many operations the rival does beside that load; none if it is not measured, or cannot do what the load does.
    pub(super) fn rivalled(&self, load: &Load) -> Option<u64> {
        let rival = self.options.against.as_ref()?;
        let operations = load.operations.unwrap_or(200_000 * u64::from(load.pipeline()).min(8));
        rival.command(&self.scenario.plan, load, operations).map(|_| operations)
    }

    fn text(&self) -> String {
        let text = &self.scenario.text;
        let read = read::<Scenario>(text, &ScenarioVocabulary);
        let part = |field: &str| {
            let root = read.tree.root();
            root.field_name(field).and_then(|_| text.get(root.field(field).span()))
        };
        let mut scenario = "(\n    about: \"A round of a benchmark.\",\n".to_owned();
        for field in ["topology", "server", "load"] {
            if let Some(part) = part(field) {
                let _ = writeln!(scenario, "    {field}: {part},");
            }
        }
        let steps: String = self.scenario.plan.loads.iter().flat_map(|load| self.steps(load)).collect();
        let seed = self.number + 1;
        scenario + &format!("    timeline: [\n{steps}    ],\n    snapshot: false,\n    seed: {seed},\n)\n")
    }

    fn steps(&self, load: &Load) -> Vec<String> {
        let name = &load.name;
        let end = match load.operations {
            Some(_) => format!("Until(condition: Finished({name:?}), within: {WITHIN:?})"),
            None => format!("Run(for: \"{}\"),\n        StopLoad({name:?})", self.options.r#for),
        };
        let mut steps = vec![format!("        StartLoad({name:?}),\n        {end},\n")];
        let rival = self.rivalled(load).zip(self.options.against.as_ref());
        if let Some(command) =
            rival.and_then(|(operations, rival)| rival.command(&self.scenario.plan, load, operations))
        {
            let host = load.host();
            let program =
                format!("        Program(from: {:?}, run: {command:?}, within: {WITHIN:?}),\n", host.as_str());
            steps.insert(usize::from(self.number.is_multiple_of(2)), program);
        }
        steps
    }
}
