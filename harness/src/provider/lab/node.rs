//! One node: its process, its data and its log.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::disk::{CachingDisk, Disk};
use super::hosts::{NodeHosts, ServerProcess};
use super::reaper;
use crate::evidence::{EventKind, ExitCause, Journal, NodeStatus, RunDirectory};
use crate::provider::{PowerFailure, ProviderError, ServerSpec, file};
use crate::vocab::{Instant, NodeName, ServerVersion};

/// How much of a log's end is read.
const LOG_TAIL_BYTES: u64 = 64 * 1_024;

/// How long the processes of a node may take to be gone when its power has failed.
const POWER_OFF_BOUND: Duration = Duration::from_secs(5);
/// How often it is looked whether they are.
const POWER_OFF_POLL: Duration = Duration::from_millis(1);

/// The status of every node's process, for all who watch it.
pub(super) type StatusSender = watch::Sender<BTreeMap<NodeName, NodeStatus>>;

/// A node whose host has been made, and whose server has not been started yet.
pub(in crate::provider) struct NewNode {
    pub(in crate::provider) spec: ServerSpec,
    /// What it runs, as people call it.
    pub(in crate::provider) program: String,
    pub(in crate::provider) version: ServerVersion,
    pub(in crate::provider) disk: Disk,
    /// Its data directory, by the path that its process knows it by.
    pub(in crate::provider) data: PathBuf,
}

pub(super) struct NodeProcess {
    pub(super) node: NewNode,
    hosts: Arc<dyn NodeHosts>,
    pub(super) directory: RunDirectory,
    journal: Journal,
    statuses: Arc<StatusSender>,
    /// Its latest process, running or not.
    process: Mutex<Option<LatestProcess>>,
}

/// How a process may end as expected, given the signals sent to it.
type ExpectedExits = Arc<Mutex<Vec<ExitCause>>>;

/// A node's latest process.
struct LatestProcess {
    process: Box<dyn ServerProcess>,
    expected_exits: ExpectedExits,
    ended: watch::Receiver<Option<ExitCause>>,
    /// Where its own lines begin in the log, after those of earlier processes.
    log_from: u64,
}

impl LatestProcess {
    fn is_alive(&self) -> bool {
        self.ended.borrow().is_none()
    }

    /// From now on it may end as this signal ends a healthy server.
    fn expect(&self, signal: Signal) {
        self.expected_exits.lock().unwrap_or_else(PoisonError::into_inner).extend(expected_exit(signal));
    }
}

impl NodeProcess {
    /// A node that is down.
    pub(super) fn new(
        node: NewNode,
        hosts: Arc<dyn NodeHosts>,
        (directory, journal): (RunDirectory, Journal),
        statuses: Arc<StatusSender>,
    ) -> Self {
        Self { node, hosts, process: Mutex::new(None), directory, journal, statuses }
    }

    pub(super) fn name(&self) -> &NodeName {
        &self.node.spec.node
    }

    pub(super) fn status(&self) -> NodeStatus {
        self.statuses.borrow().get(self.name()).copied().unwrap_or(NodeStatus::Down)
    }

    fn set_status(&self, status: NodeStatus) {
        self.statuses.send_modify(|statuses| {
            statuses.insert(self.name().clone(), status);
        });
    }

    fn process(&self) -> MutexGuard<'_, Option<LatestProcess>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wrong_status(&self, doing: &str) -> ProviderError {
        ProviderError::WrongStatus { node: self.name().clone(), doing: doing.to_owned(), status: self.status() }
    }

    /// Starts the process. Its start and its end are recorded in the journal and in the statuses.
    pub(super) async fn start(
        self: &Arc<Self>,
        arguments: &[OsString],
        expected: Option<ExitCause>,
    ) -> Result<(), ProviderError> {
        if self.process().as_ref().is_some_and(LatestProcess::is_alive) {
            return Err(self.wrong_status("start"));
        }
        let log_path = self.directory.node_log(self.name());
        // Until the server opens its log by itself, its errors go to standard output and standard error.
        let log = OpenOptions::new().create(true).append(true).open(&log_path).map_err(file("open", &log_path))?;
        let log_from = log.metadata().map_err(file("read", &log_path))?.len();
        let (sender, ended) = watch::channel(None);
        let born = |pid: Pid| {
            let (node, address) = (self.name().clone(), self.node.spec.address);
            self.journal.record(EventKind::NodeStarted { node, pid: pid.as_raw(), address });
            self.set_status(NodeStatus::Running);
        };
        let expected_exits: ExpectedExits = Arc::new(Mutex::new(expected.into_iter().collect()));
        let (node, may_end_as) = (Arc::clone(self), Arc::clone(&expected_exits));
        let on_exit = Box::new(move |cause| {
            node.record_exit(cause, &may_end_as);
            sender.send_replace(Some(cause));
        });
        let started = self.hosts.start(self.name(), arguments, log, Box::new(born), on_exit).await;
        let process = started.map_err(|source| {
            let (node, program) = (self.name().clone(), self.node.program.clone());
            ProviderError::Spawn { node, program, source }
        })?;
        *self.process() = Some(LatestProcess { process, expected_exits, ended, log_from });
        Ok(())
    }

    fn record_exit(&self, cause: ExitCause, expected_exits: &ExpectedExits) {
        // If something else killed it, such as the kernel when out of memory, this looks the same only if the signal is
        // the same.
        let expected = expected_exits.lock().unwrap_or_else(PoisonError::into_inner).contains(&cause);
        self.set_status(NodeStatus::Down);
        self.journal.record(EventKind::NodeExited { node: self.name().clone(), cause, expected });
    }

    /// Sends a signal; returns the instant just before it was sent.
    pub(super) fn signal(&self, signal: Signal) -> Result<Instant, ProviderError> {
        let process = self.process();
        let alive = process.as_ref().filter(|process| process.is_alive());
        let Some(latest) = alive else { return Err(self.wrong_status(&format!("send {signal} to"))) };
        latest.expect(signal);
        let began = self.journal.clock().now();
        let sent = latest.process.signal(signal);
        sent.map_err(|error| self.cannot_send(signal, error))?;
        match signal {
            Signal::SIGSTOP => self.set_status(NodeStatus::Paused),
            Signal::SIGCONT => self.set_status(NodeStatus::Running),
            _ => {}
        }
        Ok(began)
    }

    /// The power of its host fails: its processes are gone, and what its disk had not written. Waits until they are.
    pub(super) async fn power_off(&self) -> Result<PowerFailure, ProviderError> {
        let disk = self.caching_disk()?;
        let ((pid, began), forgotten) = disk.power_off(|| self.kill_group())?;
        let gone = async {
            let _ = self.exit().await;
            while reaper::group_exists(pid) {
                sleep(POWER_OFF_POLL).await;
            }
        };
        let is_proven = timeout(POWER_OFF_BOUND, gone).await.is_ok();
        if is_proven {
            disk.power_on();
        }
        Ok(PowerFailure { began, is_proven, forgotten })
    }

    /// Kills its process together with those that it started, such as one that saves; returns the instant just before.
    fn kill_group(&self) -> Result<(Pid, Instant), ProviderError> {
        let process = self.process();
        let alive = process.as_ref().filter(|process| process.is_alive());
        let Some(latest) = alive else { return Err(self.wrong_status("cut the power of")) };
        latest.expect(Signal::SIGKILL);
        let began = self.journal.clock().now();
        latest.process.kill_group().map_err(|error| self.cannot_send(Signal::SIGKILL, error))?;
        Ok((latest.process.pid(), began))
    }

    fn cannot_send(&self, signal: Signal, error: Errno) -> ProviderError {
        ProviderError::Signal { node: self.name().clone(), signal, source: error.into() }
    }

    /// From now on every `fsync` takes so much longer; returns how long one took then.
    pub(super) async fn delay_fsync(&self, by: Duration) -> Result<Duration, ProviderError> {
        let disk = self.caching_disk()?;
        disk.delay_fsync(by);
        let tried = tokio::task::spawn_blocking(disk.fsync_timer()).await;
        let took = tried.map_err(io::Error::other).and_then(|took| Ok(took?));
        took.map_err(file("synchronise", self.node.disk.directory()))
    }

    fn caching_disk(&self) -> Result<&CachingDisk, ProviderError> {
        self.node.disk.caching().ok_or_else(|| ProviderError::NoCache(self.name().clone()))
    }

    pub(super) async fn exit(&self) -> Result<ExitCause, ProviderError> {
        let Some(mut ended) = self.process().as_ref().map(|process| process.ended.clone()) else {
            return Err(self.wrong_status("await the end of"));
        };
        Ok(exit_of(&mut ended).await)
    }

    /// The id of its process, if one runs.
    pub(super) fn pid(&self) -> Option<Pid> {
        let process = self.process();
        process.as_ref().filter(|process| process.is_alive()).map(|latest| latest.process.pid())
    }

    pub(super) fn process_state(&self) -> Option<char> {
        self.pid().and_then(reaper::state_of)
    }

    /// Empties the data directory.
    pub(super) fn wipe(&self) -> Result<(), ProviderError> {
        if self.status() != NodeStatus::Down {
            return Err(self.wrong_status("wipe"));
        }
        self.node.disk.wipe().map_err(file("empty", self.node.disk.directory()))
    }

    /// The end of what its latest process logged.
    pub(super) fn log_tail(&self) -> Result<String, ProviderError> {
        let path = self.directory.node_log(self.name());
        let from = self.process().as_ref().map_or(0, |process| process.log_from);
        tail(&path, from).map_err(file("read", path))
    }
}

/// How a healthy server ends after this signal, if it does.
fn expected_exit(signal: Signal) -> Option<ExitCause> {
    match signal {
        Signal::SIGKILL => Some(ExitCause::Signal(signal as i32)),
        // Redis 6.2 to 8.0 and Valkey 8.0 to 9.1 do, whether or not they have files to save.
        Signal::SIGTERM => Some(ExitCause::Code(0)),
        _ => None,
    }
}

async fn exit_of(ended: &mut watch::Receiver<Option<ExitCause>>) -> ExitCause {
    let cause = ended.wait_for(Option::is_some).await.ok().and_then(|cause| *cause);
    match cause {
        Some(cause) => cause,
        // Cannot happen, since the reaper sends before it drops its end; it must not look like an exit.
        None => std::future::pending().await,
    }
}

/// The end of a file, beginning at `from` at the earliest.
fn tail(path: &Path, from: u64) -> io::Result<String> {
    let mut log = File::open(path)?;
    let length = log.metadata()?.len();
    log.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES).max(from)))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tail_begins_with_the_latest_process() {
        let temporary = tempfile::tempdir().unwrap();
        let log = temporary.path().join("redis.log");
        let earlier = "an earlier life\n";
        fs::write(&log, earlier).unwrap();
        let tail = || tail(&log, earlier.len() as u64).unwrap();
        assert_eq!(tail(), "");
        fs::write(&log, format!("{earlier}1\n")).unwrap();
        assert_eq!(tail(), "1\n");
    }
}
