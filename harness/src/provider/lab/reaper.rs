//! All child processes of the lab: started, signalled and reaped in one place.
//!
//! The lab is process 1 of its PID namespace, so it inherits the children of servers that died (a server killed while
//! saving leaves one) and must reap them. One thread reaps whatever ends. Signals are sent and children are reaped
//! under the same lock, so that a process id cannot have been reused when it is signalled.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::{Child, Command};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::time::TimeValLike;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::hosts::{OnExit, ServerProcess};
use crate::evidence::ExitCause;

/// Called when a child has ended, with the processor time that it took.
type OnReaped = Box<dyn FnOnce(ExitCause, Duration) + Send>;

/// The children started by [`spawn`] that have not been reaped.
static CHILDREN: Mutex<BTreeMap<i32, OnReaped>> = Mutex::new(BTreeMap::new());
static STARTED: Condvar = Condvar::new();

fn children() -> MutexGuard<'static, BTreeMap<i32, OnReaped>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a child. `born` is called with its id before `on_exit` can be called, on the reaping thread.
///
/// From the first call on, every child of this process is reaped here, so waiting for one elsewhere fails.
pub(super) fn spawn(command: &mut Command, born: impl FnOnce(Pid), on_exit: OnReaped) -> io::Result<Pid> {
    reap_orphans();
    // Held during the start, so that a child that ends at once is not reaped before it is registered.
    let mut children = children();
    let pid = pid_of(&command.spawn()?);
    born(pid);
    children.insert(pid.as_raw(), on_exit);
    STARTED.notify_one();
    Ok(pid)
}

/// The id of a child that was not reaped yet.
pub(in crate::provider) fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// Begins to reap what ends, if that has not begun yet.
pub(in crate::provider) fn reap_orphans() {
    static REAPING: Once = Once::new();
    REAPING.call_once(|| {
        thread::spawn(reap_forever);
    });
}

/// A server that is a child of the lab.
pub(in crate::provider) struct ChildServer(Pid);

impl ChildServer {
    /// Starts it; see [`super::NodeHosts::start`].
    pub(in crate::provider) fn start(
        command: &mut Command,
        born: impl FnOnce(Pid),
        on_exit: OnExit,
    ) -> io::Result<Self> {
        spawn(command, born, Box::new(|cause, _| on_exit(cause))).map(Self)
    }
}

impl ServerProcess for ChildServer {
    fn pid(&self) -> Pid {
        self.0
    }

    fn signal(&self, signal: Signal) -> nix::Result<()> {
        let children = children();
        if children.contains_key(&self.0.as_raw()) { kill(self.0, signal) } else { Err(Errno::ESRCH) }
    }

    fn kill_group(&self) -> nix::Result<()> {
        let children = children();
        if children.contains_key(&self.0.as_raw()) { killpg(self.0, Signal::SIGKILL) } else { Err(Errno::ESRCH) }
    }
}

/// Whether any process is left in the group that a child led.
pub(super) fn group_exists(leader: Pid) -> bool {
    killpg(leader, None) != Err(Errno::ESRCH)
}

/// How often orphans are looked for while there is no child.
const ORPHANS_EVERY: Duration = Duration::from_secs(1);

fn reap_forever() {
    loop {
        match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Ok(ended) => reap(&ended),
            Err(Errno::EINTR) => {}
            // There is no child. Orphans may come from servers that are not children, and nobody waits for those.
            Err(_) => drop(STARTED.wait_timeout_while(children(), ORPHANS_EVERY, |children| children.is_empty())),
        }
    }
}

fn reap(ended: &WaitStatus) {
    let Some(pid) = ended.pid() else { return };
    let mut children = children();
    // What the children that were reaped have taken grows by what this one took: nobody else reaps.
    let before = cpu_of_reaped();
    // If this fails, the child is gone too: its program could not be executed, and `spawn` reaped it.
    let status = waitpid(pid, Some(WaitPidFlag::WNOHANG));
    let cpu = cpu_of_reaped().saturating_sub(before);
    let on_exit = children.remove(&pid.as_raw());
    drop(children);
    let cause = match status {
        Ok(WaitStatus::Exited(_, code)) => ExitCause::Code(code),
        Ok(WaitStatus::Signaled(_, signal, _)) => ExitCause::Signal(signal as i32),
        _ => return,
    };
    if let Some(on_exit) = on_exit {
        on_exit(cause, cpu);
    }
}

/// The processor time of all children that were reaped.
fn cpu_of_reaped() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Duration::ZERO };
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| Duration::from_micros(time.num_microseconds().try_into().unwrap_or(0)))
        .sum()
}

/// Whether /proc belongs to this process's PID namespace, so that it shows children by the ids known here.
pub(super) fn has_own_proc() -> bool {
    fs::read_link("/proc/self").is_ok_and(|own| own.to_str() == Some(&std::process::id().to_string()))
}

/// The state letter of a child as in `/proc/<pid>/stat`: `T` is stopped by a signal, `S` sleeping, `R` running. `None`
/// if there is no such process.
///
/// Where the lab could not mount its own /proc, the answer is `T` or, for every other state, `R`.
pub(super) fn state_of(pid: Pid) -> Option<char> {
    if has_own_proc() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses, which may itself contain spaces and parentheses.
        return stat.rsplit_once(')')?.1.trim_start().chars().next();
    }
    match waitid(Id::Pid(pid), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
        Ok(WaitStatus::Stopped(..)) => Some('T'),
        Ok(_) => Some('R'),
        Err(_) => None,
    }
}
