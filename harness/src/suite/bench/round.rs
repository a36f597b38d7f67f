//! A round of a benchmark: the scenario that is run for it.

use std::fmt::Write;
use std::path::Path;

use super::rival::RivalCommand;
use crate::load::Load;
use crate::scenario::{Scenario, ScenarioVocabulary};
use crate::suite::Loaded;
use crate::text::{Style, read};
use crate::vocab::Duration;

/// The longest that anything of a round may take.
const WITHIN: &str = "10m";

/// A round.
pub(super) struct Round<'a> {
    /// From 0.
    pub(super) number: u32,
    /// What is measured.
    pub(super) scenario: &'a Loaded,
    /// What is measured beside each load, if anything is.
    pub(super) rivals: &'a [Option<RivalCommand>],
    /// How long a load runs that has no number of operations.
    pub(super) r#for: Duration,
}

impl Round<'_> {
    /// The scenario of the round: each load alone, and the rival beside it, by turns before it and after it.
    pub(super) fn scenario(&self) -> Result<Loaded, String> {
        let name = Path::new("bench").join(self.scenario.path.file_name().unwrap_or_default());
        let beside = self.scenario.path.parent().unwrap_or(Path::new(""));
        Loaded::of(name, beside, self.text(), Style::PLAIN)
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
        let loads = self.scenario.plan.loads.iter().zip(self.rivals);
        let steps: String = loads.flat_map(|(load, rival)| self.steps(load, rival.as_ref())).collect();
        let seed = self.number + 1;
        scenario + &format!("    timeline: [\n{steps}    ],\n    snapshot: false,\n    seed: {seed},\n)\n")
    }

    fn steps(&self, load: &Load, rival: Option<&RivalCommand>) -> Vec<String> {
        let name = &load.name;
        let end = match load.operations {
            Some(_) => format!("Until(condition: Finished({name:?}), within: {WITHIN:?})"),
            None => format!("Run(for: \"{}\"),\n        StopLoad({name:?})", self.r#for),
        };
        let mut steps = vec![format!("        StartLoad({name:?}),\n        {end},\n")];
        if let Some(RivalCommand { arguments, .. }) = rival {
            let host = load.host();
            let program =
                format!("        Program(from: {:?}, run: {arguments:?}, within: {WITHIN:?}),\n", host.as_str());
            steps.insert(usize::from(self.number.is_multiple_of(2)), program);
        }
        steps
    }
}
