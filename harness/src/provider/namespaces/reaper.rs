//! Every child process of the lab: started, signalled and reaped in one place.
//!
//! The lab is process 1 of its PID namespace, so it inherits the children of servers that died (a server killed
//! while it saves leaves one) and must reap them. One thread reaps whatever ends. A child's id is used for a signal
//! only under the lock under which children are reaped, so that it cannot belong to another process by then.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::Command;
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::sandbox::pid_of;
use crate::evidence::ExitCause;

/// What is to be done when a child has ended.
type OnExit = Box<dyn FnOnce(ExitCause) + Send>;

/// The children that were started on purpose and have not been reaped.
static CHILDREN: Mutex<BTreeMap<i32, OnExit>> = Mutex::new(BTreeMap::new());
static STARTED: Condvar = Condvar::new();

fn children() -> MutexGuard<'static, BTreeMap<i32, OnExit>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a child. `born` hears its id before `on_exit` can hear of its end, on the reaping thread.
///
/// From the first call on, every child of this process is reaped here: waiting for one elsewhere fails.
pub(super) fn spawn(command: &mut Command, born: impl FnOnce(Pid), on_exit: OnExit) -> io::Result<Pid> {
    static REAPING: Once = Once::new();
    REAPING.call_once(|| {
        thread::spawn(reap_forever);
    });
    // Held while it starts: a child that ends at once is not reaped before it is known.
    let mut children = children();
    let pid = pid_of(&command.spawn()?);
    born(pid);
    children.insert(pid.as_raw(), on_exit);
    STARTED.notify_one();
    Ok(pid)
}

/// Sends a signal to a child; `ESRCH` when it has ended.
pub(super) fn signal(pid: Pid, signal: Signal) -> nix::Result<()> {
    let children = children();
    if children.contains_key(&pid.as_raw()) { kill(pid, signal) } else { Err(Errno::ESRCH) }
}

fn reap_forever() {
    loop {
        match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Ok(ended) => reap(&ended),
            Err(Errno::EINTR) => {}
            // No child at all. Orphans only come from children, so the next child is what to wait for.
            Err(_) => drop(STARTED.wait_while(children(), |children| children.is_empty())),
        }
    }
}

fn reap(ended: &WaitStatus) {
    let Some(pid) = ended.pid() else { return };
    let mut children = children();
    // Whatever this says, the child is gone: the program could not be executed and `spawn` reaped it itself.
    let status = waitpid(pid, Some(WaitPidFlag::WNOHANG));
    let on_exit = children.remove(&pid.as_raw());
    drop(children);
    let cause = match status {
        Ok(WaitStatus::Exited(_, code)) => ExitCause::Code(code),
        Ok(WaitStatus::Signaled(_, signal, _)) => ExitCause::Signal(signal as i32),
        _ => return,
    };
    if let Some(on_exit) = on_exit {
        on_exit(cause);
    }
}

/// Whether /proc is that of this process' PID namespace, in which the ids of children mean what they mean here.
pub(super) fn has_own_proc() -> bool {
    fs::read_link("/proc/self").is_ok_and(|own| own.to_str() == Some(&std::process::id().to_string()))
}

/// The state letter of a child as `/proc/<pid>/stat` has it: `T` is stopped by a signal, `S` sleeping, `R` running.
/// `None` when there is no such process.
///
/// Where the lab could not mount a /proc of its own, only `T` and, for everything else, `R` are told apart.
pub(super) fn state_of(pid: Pid) -> Option<char> {
    if has_own_proc() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses, which may hold spaces and parentheses itself.
        return stat.rsplit_once(')')?.1.trim_start().chars().next();
    }
    match waitid(Id::Pid(pid), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
        Ok(WaitStatus::Stopped(..)) => Some('T'),
        Ok(_) => Some('R'),
        Err(_) => None,
    }
}
