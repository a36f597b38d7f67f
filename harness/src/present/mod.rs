//! What people and machines are shown: the run as it happens, the verdict, the topology's snapshot, reports.
//!
//! The only module that prints (`screen`); the rest of it makes text. It knows evidence and verdict and nothing of
//! the lab, so a finished run can be shown again from its directory.

mod bench;
mod doctor;
mod export;
mod github;
mod html;
mod live;
mod paint;
mod replicas;
mod screen;
mod servers;
mod snapshot;
mod table;
mod terminal;
mod words;

#[cfg(test)]
mod sample;

pub use bench::{BenchFigures, BenchRow, render_bench};
pub use doctor::render_doctor;
pub use export::{ExportFormat, export};
pub use github::{annotations, step_summary};
pub use html::{CHART_BINS_MAX, report_html, report_html_without_evidence};
pub use live::{LiveView, ProgressLines};
pub use paint::{Look, fit, list};
pub use screen::{
    error_width, errors_have_colour, is_watched, output_look, output_width, plain_output, print, print_error,
    report_to_github,
};
pub use snapshot::{
    SnapshotError, UpdatePolicy, compare_topology, recorded_snapshot, topology_snapshot, update_snapshot,
};
pub use terminal::{render_brief, render_verdict};
