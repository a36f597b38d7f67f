//! Outside the lab: how the process that makes a lab starts it, stops it and hears from it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::reexec::{self, Greeting};
use super::stage::{self, OWN_PROGRAM};
use super::tried::Tried;
use crate::provider::lab::pid_of;
use crate::vocab::Missing;

/// How long a lab may take to start. It takes about 20 ms; the bound is for a machine that swaps.
const GREETING_BOUND: Duration = Duration::from_secs(30);

/// The name of the lab's processes in `ps`.
const PROCESS_NAME: &str = "redis-harness-lab";

static PREPARED: AtomicBool = AtomicBool::new(false);

/// See [`crate::provider::enter_if_asked`].
pub(in crate::provider) fn enter_if_asked(main: fn(request: &str) -> u8) {
    PREPARED.store(true, Ordering::Relaxed);
    reexec::enter_if_asked(main);
}

/// Why there is no lab.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// This machine does not allow it.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// `main()` of this binary does not begin with `enter_if_asked`.
    #[error("this binary cannot become a lab: its main() does not call lab::enter_if_asked first")]
    NotPrepared,
    /// The binary could not be started again.
    #[error("cannot start this binary again as the lab: {0}")]
    Spawn(#[source] io::Error),
    /// The lab ended before its `main` began.
    #[error("the lab ended before it began: {0}; its log tells more")]
    Ended(ExitStatus),
    /// The lab did not start in time.
    #[error("the lab did not come to life within {} s", GREETING_BOUND.as_secs())]
    Silent,
    /// The lab's first line was not a greeting.
    #[error("the lab began with `{0}`")]
    Garbled(String),
}

impl From<Greeting> for SandboxError {
    /// For a greeting other than the expected one.
    fn from(greeting: Greeting) -> Self {
        match greeting {
            Greeting::Missing(missing) => missing.into(),
            Greeting::Ready | Greeting::Tried(_) => Self::Garbled(format!("{greeting:?}")),
        }
    }
}

/// Which process stage 1 is, the one that makes the lab and stays outside of it.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Outer {
    /// The value of [`stage::STAGE`] by which it knows.
    pub(in crate::provider) stage: &'static str,
    /// What else it is told.
    pub(in crate::provider) variables: Vec<(&'static str, String)>,
}

impl Outer {
    /// The one that makes the lab's namespaces.
    pub(in crate::provider) const NAMESPACES: Self = Self { stage: stage::OUTER, variables: Vec::new() };
}

/// A running lab, seen from outside. Dropping this ends the lab, with every server and interface in it.
#[derive(Debug)]
pub struct Sandbox {
    lifeline: Arc<Mutex<Option<ChildStdin>>>,
    events: Option<ChildStdout>,
    process: Arc<OutermostProcess>,
    guardian: Option<JoinHandle<io::Result<ExitStatus>>>,
    status: Option<ExitStatus>,
}

/// Ends a lab from any thread, gracefully or at once.
#[derive(Clone, Debug)]
pub struct Stopper {
    lifeline: Arc<Mutex<Option<ChildStdin>>>,
    process: Arc<OutermostProcess>,
}

impl Stopper {
    /// Asks the lab to finish, which it learns through [`super::cancelled`]. It is no error if the lab has already
    /// ended.
    pub fn cancel(&self) {
        if let Some(lifeline) = self.lifeline.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let _ = lifeline.write_all(stage::CANCEL);
        }
    }

    /// Ends the lab at once.
    pub fn kill(&self) {
        self.process.kill();
    }
}

/// The lab's outermost process. Its id is used only while the process has not been reaped.
#[derive(Debug)]
struct OutermostProcess {
    pid: Pid,
    is_alive: Mutex<bool>,
}

impl OutermostProcess {
    fn kill(&self) {
        if *self.is_alive.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }
}

impl Sandbox {
    /// Starts this binary again as a lab with this request, made by that stage 1; returns when its namespaces exist.
    pub(in crate::provider) fn spawn(outer: &Outer, request: &str, log: File) -> Result<Self, SandboxError> {
        match Self::start(outer, Some(request), log.into())? {
            (sandbox, Greeting::Ready) => Ok(sandbox),
            // Dropping the sandbox ends whatever exists of the lab.
            (_, other) => Err(other.into()),
        }
    }

    /// Starts this binary again as a lab that only tries what it can do; returns when that lab has ended.
    pub(in crate::provider) fn try_out(outer: &Outer) -> Result<Tried, SandboxError> {
        match Self::start(outer, None, Stdio::null())? {
            (mut sandbox, Greeting::Tried(tried)) => {
                sandbox.wait().map_err(SandboxError::Spawn)?;
                Ok(tried)
            }
            (_, other) => Err(other.into()),
        }
    }

    fn start(outer: &Outer, request: Option<&str>, log: Stdio) -> Result<(Self, Greeting), SandboxError> {
        if !PREPARED.load(Ordering::Relaxed) {
            return Err(SandboxError::NotPrepared);
        }
        let mut sandbox = Self::guarded(command(outer, request, log)).map_err(SandboxError::Spawn)?;
        let greeting = sandbox.greeting()?;
        Ok((sandbox, greeting))
    }

    /// Starts the command from a thread that lives as long as the process. PDEATHSIG fires when the *thread* that
    /// started the process dies, and threads of a test runner or of tokio's pool come and go.
    fn guarded(mut command: Command) -> io::Result<Self> {
        let (sender, started) = mpsc::sync_channel(1);
        let guardian = thread::Builder::new().name("lab-guardian".to_owned()).spawn(move || {
            let mut child = command.spawn()?;
            let process = Arc::new(OutermostProcess { pid: pid_of(&child), is_alive: Mutex::new(true) });
            let _ = sender.send((child.stdin.take(), child.stdout.take(), Arc::clone(&process)));
            await_end(process.pid);
            let mut is_alive = process.is_alive.lock().unwrap_or_else(PoisonError::into_inner);
            *is_alive = false;
            child.wait()
        })?;
        let Ok((lifeline, events, process)) = started.recv() else {
            let failed = join(guardian);
            return Err(failed.err().unwrap_or_else(|| io::Error::other("it ended at once")));
        };
        Ok(Self { lifeline: Arc::new(Mutex::new(lifeline)), events, process, guardian: Some(guardian), status: None })
    }

    fn greeting(&mut self) -> Result<Greeting, SandboxError> {
        let Some(events) = self.events.as_mut() else { return Err(SandboxError::Silent) };
        let line = match read_line_bounded(events) {
            Ok(Some(line)) => line,
            Ok(None) => return Err(SandboxError::Silent),
            Err(_) => return Err(self.wait().map_or_else(SandboxError::Spawn, SandboxError::Ended)),
        };
        serde_json::from_str(&line).map_err(|_| SandboxError::Garbled(line))
    }

    /// The lab's standard output, from the first byte of its `main`. `None` if it has been taken already.
    pub fn take_events(&mut self) -> Option<ChildStdout> {
        self.events.take()
    }

    /// A handle to end the lab from elsewhere.
    pub fn stopper(&self) -> Stopper {
        Stopper { lifeline: Arc::clone(&self.lifeline), process: Arc::clone(&self.process) }
    }

    /// The id of the lab's outermost process.
    pub fn id(&self) -> i32 {
        self.process.pid.as_raw()
    }

    /// Waits until the lab has ended, and with it everything in it.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        if let Some(guardian) = self.guardian.take() {
            self.status = Some(join(guardian)?);
        }
        self.status.ok_or_else(|| io::Error::other("the lab's end was not seen"))
    }

    /// Ends the lab at once.
    pub fn kill(&self) {
        self.process.kill();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill();
        let _ = self.wait();
        // A stopper may outlive the lab, but the pipe need not.
        self.lifeline.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn command(outer: &Outer, request: Option<&str>, log: Stdio) -> Command {
    let mut command = Command::new(OWN_PROGRAM);
    command
        .arg0(PROCESS_NAME)
        .env(stage::STAGE, outer.stage)
        .envs(outer.variables.iter().cloned())
        .env(stage::PARENT, std::process::id().to_string())
        .env_remove(stage::REQUEST)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log);
    if let Some(request) = request {
        command.env(stage::REQUEST, request);
    }
    command
}

/// Returns when the child has ended but does not reap it, so that its id cannot be reused yet.
fn await_end(pid: Pid) {
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(nix::Error::EINTR) {}
}

fn join(guardian: JoinHandle<io::Result<ExitStatus>>) -> io::Result<ExitStatus> {
    guardian.join().unwrap_or_else(|_| Err(io::Error::other("the lab's guardian panicked")))
}

/// Reads a line byte by byte, so that nothing after it is consumed. `None` if it did not come in time.
fn read_line_bounded(pipe: &mut ChildStdout) -> io::Result<Option<String>> {
    let deadline = Instant::now() + GREETING_BOUND;
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut readable = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        if poll(&mut readable, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX))? == 0 {
            return Ok(None);
        }
        pipe.read_exact(&mut byte)?;
        match byte[0] {
            b'\n' => return Ok(Some(String::from_utf8_lossy(&line).into_owned())),
            other => line.push(other),
        }
    }
}
