//! One scenario from the plan to the verdict.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::Loaded;
use crate::evidence::{Event, Evidence, EvidenceError, RunDirectory};
use crate::lab::{self, SandboxError};
use crate::plan::Plan;
use crate::present::{self, SnapshotError, UpdatePolicy};
use crate::run::{Cancel, Launch, RunError, launch};
use crate::verdict::{self, Verdict};

/// Where things go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Run directories are made in here, by family and scenario.
    pub out: PathBuf,
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
    /// The run left no complete evidence.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The evidence could not be read.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// There is nothing to compare the topology with, though there should be.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A report could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
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
    cancel: &Cancel,
    on_event: &mut dyn FnMut(&Event),
) -> Result<Executed, ExecuteError> {
    let Loaded { path, text, plan } = loaded;
    let snapshot = loaded.snapshot();
    let shown = loaded.in_project(&snapshot);
    let recorded = plan.snapshot.then(|| present::recorded_snapshot(&snapshot, &shown, settings.update)).transpose()?;
    let directory =
        launch(Launch { plan, path, text, snapshot: recorded.as_ref(), out: &settings.out }, cancel, on_event)?;
    let (evidence, verdict) = judge_directory(plan, &directory)?;
    let source = loaded.in_project(path).display().to_string();
    let unwritten = present::update_snapshot(&snapshot, &source, plan, &evidence, &verdict).err();
    Ok(Executed { verdict, directory, unwritten })
}

/// Judges the evidence in a directory and writes the reports into it.
pub(crate) fn judge_directory(plan: &Plan, directory: &RunDirectory) -> Result<(Evidence, Verdict), ExecuteError> {
    let evidence = Evidence::read(directory)?;
    let verdict = verdict::judge(plan, &evidence, present::compare_topology(plan, &evidence));
    let reports = [
        (directory.report(), serde_json::to_vec_pretty(&verdict).map_err(io::Error::from)),
        (directory.report_html(), Ok(present::report_html(plan, &evidence, &verdict).into_bytes())),
        (directory.latency(), verdict::latency_log(&evidence)),
    ];
    for (path, bytes) in reports {
        bytes.and_then(|bytes| fs::write(&path, bytes)).map_err(|source| ExecuteError::Write { path, source })?;
    }
    Ok((evidence, verdict))
}
