//! The outside of a run: starts the lab process, hears its events, and never waits without a bound.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cancel::Cancel;
use super::machine_lock::MachineLock;
use super::request::Request;
use crate::evidence::{Event, RecordedSnapshot, RunDirectory, seal};
use crate::plan::Plan;
use crate::provider::{ProviderChoice, SandboxError, Stopper};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The scenario's plan.
    pub plan: &'a Plan,
    /// The file's path as the user gave it.
    pub path: &'a Path,
    /// The file's text.
    pub text: &'a str,
    /// What the topology will be compared with; none if the scenario has no snapshot.
    pub snapshot: Option<&'a RecordedSnapshot>,
    /// Where run directories are made: `<out>/<family>/<scenario>/<run>`.
    pub out: &'a Path,
    /// Who makes its hosts and starts its servers.
    pub provider: &'a ProviderChoice,
    /// The caller's lock on the machine.
    pub machine_lock: &'a MachineLock,
}

/// Why there is no complete evidence.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The lab could not be made.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The run directory could not be written.
    #[error("cannot write {path}: {source}")]
    Directory {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The lab process failed.
    #[error("the lab process failed: {reason}\n  its log: {log}")]
    Lab {
        /// What it said last.
        reason: String,
        /// Where its log is.
        log: PathBuf,
    },
    /// The run took longer than all its bounds together.
    #[error("the run was ended after {seconds} s: it took longer than all its bounds together")]
    Overdue {
        /// The bound.
        seconds: u64,
    },
}

/// Runs a scenario in a lab of its own and returns where its evidence is.
///
/// `on_event` hears every event as it happens. Call it on a thread that lives as long as the run: the lab dies with it.
pub fn launch(launch: Launch<'_>, cancel: &Cancel, on_event: &mut dyn FnMut(&Event)) -> Result<RunDirectory, RunError> {
    let directory = create_directory(launch)?;
    let log_path = directory.lab_log();
    let log = File::create(&log_path).map_err(|source| RunError::Directory { path: log_path.clone(), source })?;
    let (path, alone) = (launch.path.display().to_string(), launch.machine_lock.is_alone());
    let provider = launch.provider.clone();
    let request = Request { path, directory: directory.path().to_owned(), provider, alone };
    let request = serde_json::to_string(&request)
        .map_err(|source| RunError::Directory { path: directory.path().to_owned(), source: source.into() })?;
    let mut sandbox = launch.provider.spawn(&request, log)?;
    cancel.watch(sandbox.stopper());
    let bound = launch.plan.longest_run();
    let watchdog = Watchdog::start(sandbox.stopper(), bound);
    let events = sandbox.take_events().ok_or_else(|| failed_lab("it has no event stream".to_owned(), &log_path))?;
    for line in BufReader::new(events).lines().map_while(Result::ok) {
        if let Ok(event) = serde_json::from_str(&line) {
            on_event(&event);
        }
    }
    let ended = sandbox.wait();
    if watchdog.stop() {
        return Err(RunError::Overdue { seconds: bound.as_secs() });
    }
    match ended {
        Ok(status) if status.success() => {
            seal(&directory).map_err(|source| RunError::Directory { path: directory.seal(), source })?;
            Ok(directory)
        }
        Ok(status) => Err(failed_lab(last_words(&log_path).unwrap_or(status.to_string()), &log_path)),
        Err(error) => Err(failed_lab(error.to_string(), &log_path)),
    }
}

/// Makes the run directory, with the scenario in it and the snapshot. Its name is the time and this process, so two runs never share one.
fn create_directory(launch: Launch<'_>) -> Result<RunDirectory, RunError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RunError::Directory { path, source }
    };
    let out = std::path::absolute(launch.out).map_err(failed(launch.out))?;
    let parent = out.join(&launch.plan.name);
    fs::create_dir_all(&parent).map_err(failed(&parent))?;
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ").to_string();
    let path = parent.join(format!("{time}-{}", std::process::id()));
    fs::create_dir(&path).map_err(failed(&path))?;
    let directory = RunDirectory::new(path);
    let scenario = directory.scenario();
    fs::write(&scenario, launch.text).map_err(failed(&scenario))?;
    let plan = directory.plan();
    let bytes = serde_json::to_vec_pretty(&launch.plan.record()).map_err(io::Error::from);
    bytes.and_then(|bytes| fs::write(&plan, bytes)).map_err(failed(&plan))?;
    if let Some(recorded) = launch.snapshot {
        let path = directory.snapshot();
        let bytes = serde_json::to_vec_pretty(recorded).map_err(io::Error::from);
        bytes.and_then(|bytes| fs::write(&path, bytes)).map_err(failed(&path))?;
    }
    Ok(directory)
}

fn failed_lab(reason: String, log: &Path) -> RunError {
    RunError::Lab { reason, log: log.to_owned() }
}

fn last_words(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    text.trim_end().lines().last().map(str::to_owned)
}

/// Kills the lab when the bound is over.
struct Watchdog {
    stop: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<bool>,
}

impl Watchdog {
    fn start(stopper: Stopper, bound: Duration) -> Self {
        let (stop, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let overdue = told.recv_timeout(bound) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            if overdue {
                stopper.kill();
            }
            overdue
        });
        Self { stop, thread }
    }

    /// Whether it had to kill.
    fn stop(self) -> bool {
        // It may have ended already.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or(false)
    }
}
