//! One scenario from the plan to the verdict.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::Loaded;
use crate::evidence::{Event, Evidence, EvidenceError, RunDirectory};
use crate::lab::{self, SandboxError};
use crate::plan::Plan;
use crate::present::{self, SnapshotError, SnapshotStatus, UpdatePolicy};
use crate::run::{Cancel, Launch, RunError, Turn, launch};
use crate::verdict::{self, Outcome, Unsound, Verdict};

/// Where things go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Run directories are made in here, by family and scenario.
    pub out: PathBuf,
    /// What to do with a topology that differs from its snapshot.
    pub update: UpdatePolicy,
}

/// A scenario that was run and judged.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The verdict.
    pub verdict: Verdict,
    /// The evidence.
    pub directory: RunDirectory,
    /// How the topology compares with its snapshot; none if the scenario has none or the run was inconclusive.
    pub snapshot: Option<SnapshotStatus>,
}

impl Executed {
    /// Whether a gate may open: the verdict is a pass, and the topology went as a snapshot says.
    pub fn is_pass(&self) -> bool {
        self.verdict.outcome == Outcome::Pass && !self.snapshot_differs()
    }

    /// Whether the topology went another way than the snapshot says, or no snapshot says anything yet.
    pub fn snapshot_differs(&self) -> bool {
        matches!(self.snapshot, Some(SnapshotStatus::Changed { .. } | SnapshotStatus::New { .. }))
    }
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The run left no complete evidence.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The evidence could not be read.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The evidence cannot be that of a run of the scenario.
    #[error(transparent)]
    Unsound(#[from] Unsound),
    /// The topology could not be compared with its snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl ExecuteError {
    /// Whether this machine cannot make a lab, which says nothing about the scenario or the harness.
    pub fn is_incapable(&self) -> bool {
        matches!(self, Self::Run(RunError::Sandbox(SandboxError::Missing(_))))
    }
}

/// Whether this machine has what a plan needs beside a lab.
pub(super) fn require(plan: &Plan) -> Result<(), ExecuteError> {
    if plan.needs_shaping() {
        lab::probe_shaping().map_err(|missing| RunError::from(SandboxError::from(missing)))?;
    }
    Ok(())
}

/// Runs a scenario, judges it, writes the reports and compares the snapshot.
pub fn execute(
    loaded: &Loaded,
    settings: &Settings,
    turn: &Turn,
    cancel: &Cancel,
    on_event: &mut dyn FnMut(&Event),
) -> Result<Executed, ExecuteError> {
    let Loaded { path, text, plan } = loaded;
    let directory = launch(Launch { plan, path, text, out: &settings.out, turn }, cancel, on_event)?;
    let evidence = match Evidence::read(&directory) {
        Err(EvidenceError::Altered { differences }) => {
            let verdict = distrust(&directory, &differences);
            return Ok(Executed { verdict, directory, snapshot: None });
        }
        evidence => evidence?,
    };
    let verdict = judge_evidence(plan, &directory, &evidence)?;
    let snapshot = match loaded.snapshots() {
        Some(snapshots) if plan.snapshot && verdict.outcome != Outcome::Inconclusive => {
            let text = present::topology_snapshot(plan, &evidence);
            let source = loaded.path_in_project().display().to_string();
            Some(present::compare_snapshot(&snapshots, &plan.name, &source, &text, settings.update)?)
        }
        _ => None,
    };
    let mut executed = Executed { verdict, directory, snapshot };
    if executed.snapshot_differs()
        && let Some(why) = verdict::excuse_of_topology(plan, &evidence)
    {
        executed.verdict.outcome = Outcome::Inconclusive;
        executed.verdict.because = format!("Cannot tell whether the servers went another way by themselves: {why}.");
    }
    if executed.is_pass()
        && let Err(error) = keep_only_last_pass(&executed.directory)
    {
        tell_unwritten(&executed.directory, &format!("last_pass beside it ({error})"));
    }
    Ok(executed)
}

/// Judges the evidence that was read from a directory and writes the reports into it.
pub(super) fn judge_evidence(
    plan: &Plan,
    directory: &RunDirectory,
    evidence: &Evidence,
) -> Result<Verdict, ExecuteError> {
    verdict::sound(plan, evidence)?;
    let verdict = verdict::judge(plan, evidence);
    let page = present::report_html(plan, evidence, &verdict);
    write_reports(directory, &verdict, page, Some(verdict::latency_log(evidence)));
    Ok(verdict)
}

/// The verdict on a directory that does not hold what the run left; its reports are written over those of what was there before.
pub(super) fn distrust(directory: &RunDirectory, differences: &[String]) -> Verdict {
    let scenario = directory.told("scenario").unwrap_or_else(|| directory.path().display().to_string());
    let verdict = verdict::distrust(&scenario, differences);
    write_reports(directory, &verdict, present::report_html_without_evidence(&verdict), None);
    verdict
}

/// Writes the reports, the verdict first. A disk that is full or may not be written takes nothing from the verdict: it is told.
fn write_reports(directory: &RunDirectory, verdict: &Verdict, page: String, latency: Option<io::Result<Vec<u8>>>) {
    let reports = [
        (directory.report(), Some(serde_json::to_vec_pretty(verdict).map_err(io::Error::from))),
        (directory.report_html(), Some(Ok(page.into_bytes()))),
        (directory.latency(), latency),
    ];
    let write = |(path, bytes): (PathBuf, Option<io::Result<Vec<u8>>>)| {
        let error = bytes?.and_then(|bytes| fs::write(&path, bytes)).err()?;
        Some(format!("{} ({error})", path.file_name().unwrap_or_default().display()))
    };
    let unwritten: Vec<_> = reports.into_iter().filter_map(write).collect();
    if !unwritten.is_empty() {
        tell_unwritten(directory, &unwritten.join(", "));
    }
}

fn tell_unwritten(directory: &RunDirectory, what: &str) {
    let directory = directory.path().display();
    present::print_error(&format!("not written in {directory}: {what}; the verdict stands\n"));
}

/// Of the runs that passed, only the last one is kept; what failed stays until its owner removes it.
///
/// The file beside the runs names the last that passed with everything, its snapshot too: nothing else is ever removed.
fn keep_only_last_pass(directory: &RunDirectory) -> io::Result<()> {
    let (Some(parent), Some(name)) = (directory.path().parent(), directory.path().file_name()) else { return Ok(()) };
    let last_pass = parent.join("last_pass");
    if let Ok(previous) = fs::read_to_string(&last_pass) {
        let previous = parent.join(previous.trim());
        if previous.parent() == Some(parent) && previous != directory.path() {
            // Somebody else may have removed it.
            let _ = fs::remove_dir_all(previous);
        }
    }
    fs::write(last_pass, name.as_encoded_bytes())
}
