//! Inside the lab: how this binary, started again, makes the namespaces and becomes their first process.
//!
//! Stage 1 makes the namespaces but stays outside the PID namespace, because only a child can be its first process;
//! stage 2 is that child. If the outer process, stage 1 or stage 2 dies, the kernel ends everything inside: stage 1 and
//! stage 2 each get SIGKILL when their parent dies (PDEATHSIG), and when the first process of a PID namespace ends, all
//! others in it do.

use std::convert::Infallible;
use std::fs;
use std::io::{self, BufRead, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::sync::LazyLock;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::unistd::{getppid, setsid};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::missing::{KernelFeature, KernelSettings, explain, explain_network};
use super::stage::{CANCEL, INNER, OUTER, OWN_PROGRAM, PARENT, REQUEST, STAGE};
use super::tried::{Tried, try_out};
use super::user::{self, errno};
use crate::network;
use crate::vocab::Missing;

/// The exit code of a lab that could not be made, or whose creator is gone.
const EXIT_NO_LAB: u8 = 4;

/// The first line that a lab writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::provider) enum Greeting {
    /// The namespaces exist; everything that follows comes from the lab's `main`.
    Ready,
    /// Answers to a lab that was only made to try things out; it then ends.
    Tried(Tried),
    /// The namespaces could not be made.
    Missing(Missing),
}

impl Greeting {
    /// Says it to whoever asked for the lab.
    pub(in crate::provider) fn send(&self) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        let mut stdout = io::stdout().lock();
        stdout.write_all(&line)?;
        stdout.flush()
    }
}

static CANCELLED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Becomes true when the lab is asked to finish.
pub fn cancelled() -> watch::Receiver<bool> {
    CANCELLED.subscribe()
}

/// See [`super::enter_if_asked`].
pub(super) fn enter_if_asked(main: fn(&str) -> u8) {
    if std::env::var_os(STAGE).is_some() {
        // A program that handles signals in a separate thread blocks them in all others, and children inherit that:
        // servers would not receive SIGTERM.
        let _ = SigSet::empty().thread_set_mask();
    }
    let code = match std::env::var(STAGE).as_deref() {
        Ok(OUTER) => make_namespaces().map(mirror),
        Ok(INNER) => run_as_first_process(main),
        _ => return,
    };
    let code = code.unwrap_or_else(|missing| {
        // Nobody reads it if the creator is gone.
        let _ = Greeting::Missing(missing).send();
        EXIT_NO_LAB
    });
    std::process::exit(i32::from(code));
}

/// Stage 1: makes the namespaces, starts stage 2 in them and waits for its end.
fn make_namespaces() -> Result<ExitStatus, Missing> {
    // Ctrl-C in a terminal must reach only the outer process, which then asks the lab to finish.
    let _ = setsid();
    // Read before `unshare`: in the new user namespace, some of it may no longer be readable.
    let settings = KernelSettings::read();
    let refused = |need| move |error| explain(need, error, settings);
    user::enter_namespace().map_err(|(need, error)| explain(need, error, settings))?;
    unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWIPC,
    )
    .map_err(refused(KernelFeature::Namespaces))?;
    // Not earlier, because a change of credentials clears it.
    set_pdeathsig(Signal::SIGKILL).map_err(refused(KernelFeature::FirstProcess))?;
    if std::env::var(PARENT).ok() != Some(getppid().to_string()) {
        std::process::exit(i32::from(EXIT_NO_LAB));
    }
    let started = start_first_process().map_err(|error| errno(&error));
    started.map_err(refused(KernelFeature::FirstProcess))
}

fn start_first_process() -> io::Result<ExitStatus> {
    let (alive, keep_alive) = io::pipe()?;
    let mut command = Command::new(OWN_PROGRAM);
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    // Servers log local time, which the harness reads as UTC.
    command.env(STAGE, INNER).env("TZ", "UTC");
    let keep_alive_fd = keep_alive.as_raw_fd();
    #[expect(unsafe_code, reason = "PDEATHSIG must be set in the child before it becomes the lab")]
    // SAFETY: between fork and exec the closure makes only system calls (prctl, close, poll), which are
    // async-signal-safe, and neither allocates nor locks.
    unsafe {
        command.pre_exec(move || die_with_parent(&alive, keep_alive_fd));
    }
    let mut child = command.spawn()?;
    let status = child.wait();
    drop::<PipeWriter>(keep_alive);
    status
}

/// Makes the kernel end this process when its parent ends; fails if the parent has ended already.
///
/// `getppid` cannot tell whether it has, because it is 0 in a new PID namespace. The pipe can: once this process has
/// closed its copy of the writing end, only the parent holds one.
fn die_with_parent(alive: &PipeReader, copy_of_writing_end: i32) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    nix::unistd::close(copy_of_writing_end)?;
    let mut parent = [PollFd::new(alive.as_fd(), PollFlags::POLLIN)];
    if poll(&mut parent, PollTimeout::ZERO)? == 0 { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
}

/// Ends this process the way stage 2 ended, because the outer process sees only this one.
fn mirror(ended: ExitStatus) -> u8 {
    if let Some(signal) = ended.signal().and_then(|signal| Signal::try_from(signal).ok()) {
        // If this process survives the signal, use the exit code that shells use for it.
        let _ = raise(signal);
        return 128 + u8::try_from(signal as i32).unwrap_or_default();
    }
    ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(EXIT_NO_LAB)
}

/// Stage 2: process 1 of the lab.
fn run_as_first_process(main: fn(&str) -> u8) -> Result<u8, Missing> {
    let request = std::env::var(REQUEST).ok();
    #[expect(unsafe_code, reason = "servers and nested labs must not inherit what makes a process a lab")]
    // SAFETY: `enter_if_asked` is the first thing in main(), so no other thread can read the environment.
    unsafe {
        std::env::remove_var(STAGE);
        std::env::remove_var(PARENT);
        std::env::remove_var(REQUEST);
    }
    let settings = KernelSettings::read();
    make_mounts().map_err(|error| explain(KernelFeature::Mounts, error, settings))?;
    write("/proc/sys/net/ipv4/ip_forward", "1").map_err(|error| explain(KernelFeature::Forwarding, error, settings))?;
    let network = if request.is_some() { network::prepare_router() } else { network::try_out() };
    network.map_err(|error| explain_network(KernelFeature::Network, &error, settings))?;
    let Some(request) = request else {
        // Nobody reads it if the creator is gone.
        let _ = Greeting::Tried(try_out(settings)).send();
        return Ok(0);
    };
    // If the creator is gone, the thread below notices.
    let _ = Greeting::Ready.send();
    let watcher = thread::Builder::new().name("lab-lifeline".to_owned()).spawn(hold_lifeline);
    if watcher.is_err() {
        return Ok(EXIT_NO_LAB);
    }
    Ok(main(&request))
}

fn make_mounts() -> nix::Result<()> {
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    // Best effort: the kernel denies it where parts of /proc are masked, as in containers. The lab can make do with the
    // /proc of the outer PID namespace (see `reaper::state_of`).
    let _ = mount(Some("proc"), "/proc", Some("proc"), flags, nothing);
    Ok(())
}

/// Reads the lab's standard input; ends the lab at once when its creator is gone.
fn hold_lifeline() -> Infallible {
    let mut lines = io::stdin().lock();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        if line == CANCEL {
            CANCELLED.send_replace(true);
        }
        line.clear();
    }
    std::process::exit(i32::from(EXIT_NO_LAB))
}

fn write(path: &str, text: &str) -> nix::Result<()> {
    fs::write(path, text).map_err(|error| errno(&error))
}
