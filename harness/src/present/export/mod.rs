//! The history in formats that other tools read.

mod edn;
mod json_lines;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use crate::evidence::{Evidence, Operation};

/// A format that a history can be exported in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// One JSON object a line for every operation.
    Jsonl,
    /// Jepsen's history of transactions on registers, for Elle: reads and writes of values.
    Edn,
}

/// Writes a run's history in that format. Returns how many operations it has no words for.
pub fn export(evidence: &Evidence, format: ExportFormat, out: &mut impl Write) -> io::Result<u64> {
    match format {
        ExportFormat::Jsonl => json_lines::write(evidence, out),
        ExportFormat::Edn => edn::write(evidence, out),
    }
}

/// The key as it is in the server, such as `app:17`.
fn key(evidence: &Evidence, operation: &Operation) -> String {
    let load = evidence.plan.loads.get(usize::from(operation.load));
    load.map_or_else(|| operation.key.to_string(), |load| load.key_names.text(operation.data, operation.key))
}
