//! One scenario from the plan to the verdict.

use std::fs;
use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;

use super::{Loaded, ProviderOptions};
use crate::evidence::{Event, Evidence, EvidenceError, RunDirectory};
use crate::plan::Plan;
use crate::present::{self, SnapshotError, UpdatePolicy};
use crate::provider::SandboxError;
use crate::run::{Cancel, Launch, MachineLock, RunError, launch};
use crate::verdict::{self, Unsound, Verdict};

/// Where things go.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// Run directories are made in here, by family and scenario.
    pub out: PathBuf,
    /// What runs the servers.
    pub provider: ProviderOptions,
    /// What to do with a topology that differs from its snapshot.
    pub update: UpdatePolicy,
}

/// A scenario that was run and judged.
#[derive(Debug)]
pub struct Executed {
    /// The verdict.
    pub verdict: Verdict,
    /// The evidence.
    pub directory: RunDirectory,
    /// Why the snapshot could not be written, if it should have been and was not.
    pub unwritten: Option<SnapshotError>,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The scenario's servers and the options do not fit.
    #[error("{0}")]
    Provider(String),
    /// The run left no complete evidence.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The evidence could not be read.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The evidence cannot be that of a run of the scenario.
    #[error(transparent)]
    Unsound(#[from] Unsound),
    /// There is nothing to compare the topology with, though there should be.
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
pub(super) fn require(plan: &Plan, settings: &RunSettings) -> Result<(), ExecuteError> {
    let provider = settings.provider.choose(plan).map_err(ExecuteError::Provider)?;
    let missing = |missing| RunError::from(SandboxError::from(missing));
    provider.answers().map_err(missing)?;
    for need in plan.needs() {
        provider.check(need).map_err(missing)?;
    }
    Ok(())
}

/// Runs a scenario, judges it, writes the reports and compares the snapshot.
pub fn execute(
    loaded: &Loaded,
    settings: &RunSettings,
    machine_lock: &MachineLock,
    cancel: &Cancel,
    on_event: &mut dyn FnMut(&Event),
) -> Result<Executed, ExecuteError> {
    let Loaded { path, text, plan } = loaded;
    let snapshot = loaded.snapshot();
    let shown = loaded.in_project(&snapshot);
    let recorded = plan.snapshot.then(|| present::recorded_snapshot(&snapshot, &shown, settings.update)).transpose()?;
    let provider = settings.provider.choose(plan).map_err(ExecuteError::Provider)?;
    let directory = launch(
        Launch { plan, path, text, snapshot: recorded.as_ref(), out: &settings.out, provider: &provider, machine_lock },
        cancel,
        on_event,
    )?;
    let evidence = match Evidence::read(&directory) {
        Err(EvidenceError::Altered { differences }) => {
            let verdict = distrust(&directory, &differences);
            return Ok(Executed { verdict, directory, unwritten: None });
        }
        evidence => evidence?,
    };
    let verdict = judge_evidence(&directory, &evidence)?;
    let source = loaded.in_project(path).display().to_string();
    let unwritten = present::update_snapshot(&snapshot, &source, &evidence, &verdict).err();
    Ok(Executed { verdict, directory, unwritten })
}

/// Judges the evidence that was read from a directory and writes the reports into it.
pub(super) fn judge_evidence(directory: &RunDirectory, evidence: &Evidence) -> Result<Verdict, ExecuteError> {
    verdict::sound(evidence)?;
    let (verdict, latency_log, (csv, series)) = thread::scope(|scope| {
        let over_time =
            scope.spawn(|| (verdict::latency_log(evidence), verdict::series(evidence, present::CHART_BINS_MAX)));
        let verdict = verdict::judge(evidence, present::compare_topology(evidence));
        let (latency_log, series) = over_time.join().unwrap_or_else(|panic| resume_unwind(panic));
        (verdict, latency_log, series)
    });
    let page = present::report_html(evidence, &verdict, series.as_ref());
    let series = vec![(directory.latency(), latency_log), (directory.series(), Ok(csv.into_bytes()))];
    write_reports(directory, &verdict, page, series);
    Ok(verdict)
}

/// The verdict on a directory that does not hold what the run left; its reports are written over those of what was there before.
pub(super) fn distrust(directory: &RunDirectory, differences: &[String]) -> Verdict {
    let scenario = directory.told("scenario").unwrap_or_else(|| directory.path().display().to_string());
    let verdict = verdict::distrust(&scenario, differences);
    write_reports(directory, &verdict, present::report_html_without_evidence(&verdict), Vec::new());
    verdict
}

/// A file, and what it is to hold.
type Report = (PathBuf, io::Result<Vec<u8>>);

/// Writes the reports, the verdict first. A disk that is full or may not be written takes nothing from the verdict: it is told.
fn write_reports(directory: &RunDirectory, verdict: &Verdict, page: String, series: Vec<Report>) {
    let reports = [
        (directory.report(), serde_json::to_vec_pretty(verdict).map_err(io::Error::from)),
        (directory.report_html(), Ok(page.into_bytes())),
    ];
    let write = |(path, bytes): Report| {
        let error = bytes.and_then(|bytes| fs::write(&path, bytes)).err()?;
        Some(format!("{} ({error})", path.file_name().unwrap_or_default().display()))
    };
    let unwritten: Vec<_> = reports.into_iter().chain(series).filter_map(write).collect();
    if !unwritten.is_empty() {
        tell_unwritten(directory, &unwritten.join(", "));
    }
}

fn tell_unwritten(directory: &RunDirectory, what: &str) {
    let directory = directory.path().display();
    present::print_error(&format!("not written in {directory}: {what}; the verdict stands\n"));
}
