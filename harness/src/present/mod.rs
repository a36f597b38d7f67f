//! What people and machines are shown: the run as it happens, the verdict, the topology's snapshot, reports.
//!
//! The only room that prints, and it prints only into what it is handed. It knows evidence, verdict and plan and nothing
//! of the lab, so a finished run can be shown again from its directory.

mod github;
mod html;
mod live;
mod paint;
mod snapshot;
mod table;
mod terminal;
mod words;

#[cfg(test)]
mod sample;

pub use github::{annotations, step_summary};
pub use html::report_html;
pub use live::{LiveRecorder, LiveView, ProgressLines};
pub use paint::wants_colour;
pub use snapshot::{SnapshotError, SnapshotStatus, UpdatePolicy, compare_snapshot, topology_snapshot};
pub use terminal::{render_snapshot_status, render_verdict};
