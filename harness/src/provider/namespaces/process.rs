//! One node: its process, its data and its log.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::disk::{CachingDisk, Disk};
use super::reaper;
use crate::evidence::{EventKind, ExitCause, Journal, NodeStatus, RunDirectory};
use crate::provider::{PowerFailure, ProviderError, ServerBinary, ServerSpec, file};
use crate::vocab::{Instant, NodeName};

/// How much of a log's end is read.
const LOG_TAIL_BYTES: u64 = 64 * 1_024;

/// How long the processes of a node may take to be gone when its power has failed.
const POWER_OFF_BOUND: Duration = Duration::from_secs(5);
/// How often it is looked whether they are.
const POWER_OFF_POLL: Duration = Duration::from_millis(1);

/// The status of every node's process, for all who watch it.
pub(super) type StatusSender = watch::Sender<BTreeMap<NodeName, NodeStatus>>;

pub(super) struct NodeProcess {
    pub(super) spec: ServerSpec,
    pub(super) binary: ServerBinary,
    /// The network namespace of its host.
    namespace: File,
    /// For its data directory, which exists only in the lab's mount namespace.
    pub(super) disk: Disk,
    pub(super) directory: RunDirectory,
    journal: Journal,
    statuses: Arc<StatusSender>,
    /// Its latest process, running or not.
    process: Mutex<Option<LatestProcess>>,
}

/// A node's latest process.
#[derive(Clone)]
pub(super) struct LatestProcess {
    pid: Pid,
    /// How it may end as expected, given the signals sent to it.
    expected_exits: Vec<ExitCause>,
    ended: watch::Receiver<Option<ExitCause>>,
    /// Where its own lines begin in the log, after those of earlier processes.
    log_from: u64,
}

impl NodeProcess {
    /// A node that is down.
    pub(super) fn new(
        (spec, binary, namespace): (ServerSpec, ServerBinary, File),
        disk: Disk,
        (directory, journal): (RunDirectory, Journal),
        statuses: Arc<StatusSender>,
    ) -> Self {
        Self { disk, process: Mutex::new(None), spec, binary, namespace, directory, journal, statuses }
    }

    pub(super) fn status(&self) -> NodeStatus {
        self.statuses.borrow().get(&self.spec.node).copied().unwrap_or(NodeStatus::Down)
    }

    fn set_status(&self, status: NodeStatus) {
        self.statuses.send_modify(|statuses| {
            statuses.insert(self.spec.node.clone(), status);
        });
    }

    fn process(&self) -> MutexGuard<'_, Option<LatestProcess>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wrong_status(&self, doing: &str) -> ProviderError {
        ProviderError::WrongStatus { node: self.spec.node.clone(), doing: doing.to_owned(), status: self.status() }
    }

    /// Starts the process. Its start and its end are recorded in the journal and in the statuses.
    pub(super) fn start(
        self: &Arc<Self>,
        arguments: &[OsString],
        expected: Option<ExitCause>,
    ) -> Result<(), ProviderError> {
        let mut process = self.process();
        if process.as_ref().is_some_and(|process| process.ended.borrow().is_none()) {
            return Err(self.wrong_status("start"));
        }
        let mut command = self.command(arguments)?;
        let log_from = fs::metadata(self.directory.node_log(&self.spec.node)).map_or(0, |log| log.len());
        let (sender, ended) = watch::channel(None);
        let born = |pid: Pid| {
            let (node, address) = (self.spec.node.clone(), self.spec.address);
            self.journal.record(EventKind::NodeStarted { node, pid: pid.as_raw(), address });
            self.set_status(NodeStatus::Running);
        };
        let node = Arc::clone(self);
        let on_exit = Box::new(move |cause, _| {
            node.record_exit(cause);
            sender.send_replace(Some(cause));
        });
        let pid = reaper::spawn(&mut command, born, on_exit).map_err(|source| ProviderError::Spawn {
            node: self.spec.node.clone(),
            binary: self.binary.path.clone(),
            source,
        })?;
        *process = Some(LatestProcess { pid, expected_exits: expected.into_iter().collect(), ended, log_from });
        Ok(())
    }

    fn command(&self, arguments: &[OsString]) -> Result<Command, ProviderError> {
        let log_path = self.directory.node_log(&self.spec.node);
        // Until the server opens its log by itself, its errors go to standard output and standard error.
        let open = || OpenOptions::new().create(true).append(true).open(&log_path);
        let log = open().map_err(file("open", &log_path))?;
        let same_log = log.try_clone().map_err(file("open", &log_path))?;
        let namespace = self.namespace.try_clone().map_err(file("open the namespace of", &log_path))?;
        let mut command = Command::new(&self.binary.path);
        command
            .args(arguments)
            .current_dir(self.disk.start_directory())
            .env("TZ", "UTC")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(same_log);
        #[expect(unsafe_code, reason = "a process can only be put on its host by itself, before it becomes the server")]
        // SAFETY: between fork and exec the closure makes one system call (setns), which is async-signal-safe, and
        // neither allocates nor locks.
        unsafe {
            command.pre_exec(move || Ok(setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET)?));
        }
        Ok(command)
    }

    fn record_exit(&self, cause: ExitCause) {
        // If something else killed it, such as the kernel when out of memory, this looks the same only if the signal is
        // the same.
        let expected = self.process().as_ref().is_some_and(|process| process.expected_exits.contains(&cause));
        self.set_status(NodeStatus::Down);
        self.journal.record(EventKind::NodeExited { node: self.spec.node.clone(), cause, expected });
    }

    /// Sends a signal; returns the instant just before it was sent.
    pub(super) fn signal(&self, signal: Signal) -> Result<Instant, ProviderError> {
        let mut process = self.process();
        let doing = format!("send {signal} to");
        let alive = process.as_mut().filter(|process| process.ended.borrow().is_none());
        let Some(process) = alive else { return Err(self.wrong_status(&doing)) };
        process.expected_exits.extend(expected_exit(signal));
        let began = self.journal.clock().now();
        let sent = reaper::signal(process.pid, signal);
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
        let mut process = self.process();
        let alive = process.as_mut().filter(|process| process.ended.borrow().is_none());
        let Some(process) = alive else { return Err(self.wrong_status("cut the power of")) };
        process.expected_exits.extend(expected_exit(Signal::SIGKILL));
        let began = self.journal.clock().now();
        reaper::kill_group(process.pid).map_err(|error| self.cannot_send(Signal::SIGKILL, error))?;
        Ok((process.pid, began))
    }

    fn cannot_send(&self, signal: Signal, error: Errno) -> ProviderError {
        ProviderError::Signal { node: self.spec.node.clone(), signal, source: error.into() }
    }

    /// From now on every `fsync` takes so much longer; returns how long one took then.
    pub(super) async fn delay_fsync(&self, by: Duration) -> Result<Duration, ProviderError> {
        let disk = self.caching_disk()?;
        disk.delay_fsync(by);
        let tried = tokio::task::spawn_blocking(disk.fsync_timer()).await;
        let took = tried.map_err(io::Error::other).and_then(|took| Ok(took?));
        took.map_err(file("synchronise", self.disk.directory()))
    }

    fn caching_disk(&self) -> Result<&CachingDisk, ProviderError> {
        self.disk.caching().ok_or_else(|| ProviderError::NoCache(self.spec.node.clone()))
    }

    pub(super) async fn exit(&self) -> Result<ExitCause, ProviderError> {
        let Some(mut ended) = self.process().as_ref().map(|process| process.ended.clone()) else {
            return Err(self.wrong_status("await the end of"));
        };
        Ok(exit_of(&mut ended).await)
    }

    /// The id of its process, if one runs.
    pub(super) fn pid(&self) -> Option<u32> {
        let process = self.process();
        process
            .as_ref()
            .filter(|process| process.ended.borrow().is_none())
            .and_then(|process| process.pid.as_raw().try_into().ok())
    }

    pub(super) fn process_state(&self) -> Option<char> {
        let process = self.process();
        let alive = process.as_ref().filter(|process| process.ended.borrow().is_none());
        alive.and_then(|process| reaper::state_of(process.pid))
    }

    /// Empties the data directory.
    pub(super) fn wipe(&self) -> Result<(), ProviderError> {
        if self.status() != NodeStatus::Down {
            return Err(self.wrong_status("wipe"));
        }
        self.disk.wipe().map_err(file("empty", self.disk.directory()))
    }

    /// The end of what its latest process logged.
    pub(super) fn log_tail(&self) -> Result<String, ProviderError> {
        let path = self.directory.node_log(&self.spec.node);
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
