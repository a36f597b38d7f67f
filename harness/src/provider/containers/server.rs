//! A server that the engine starts in a node's container.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
use testcontainers::bollard::Docker;
use testcontainers::bollard::container::LogOutput;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::exec::{CreateExecOptions, StartExecResults};
use testcontainers::bollard::models::ExecInspectResponse;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::control_group;
use super::engine::failed;
use super::idle::Idle;
use crate::evidence::ExitCause;
use crate::provider::lab::{OnExit, ServerProcess};

/// How long the engine may take to start a server, or to say how one ended. Both take milliseconds.
const ENGINE_BOUND: Duration = Duration::from_secs(10);
const ENGINE_POLL: Duration = Duration::from_millis(1);

/// How long the last words of a server that has ended may take through the engine. What it forked may hold its output open.
const LAST_WORDS_BOUND: Duration = Duration::from_millis(50);

/// What engines add to the number of the signal that ended a process.
const BY_SIGNAL: i64 = 128;

/// What a server prints.
type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, DockerError>> + Send>>;

/// A process for good, whoever has its id later.
type Handle = Arc<AsyncFd<OwnedFd>>;

/// A server that the engine started.
pub(super) struct ContainerServer {
    /// Its id in the lab. That of one that ended before it was seen is the engine's.
    pid: Pid,
    /// None if it ended before it was seen, as one does that refuses its configuration.
    handle: Option<Handle>,
}

impl ContainerServer {
    /// Starts it; see [`crate::provider::lab::NodeHosts::start`].
    pub(super) async fn start(
        docker: &Docker,
        idle: &Idle,
        command: Vec<String>,
        log: File,
        born: Box<dyn FnOnce(Pid) + Send + '_>,
        on_exit: OnExit,
    ) -> io::Result<Self> {
        idle.evidence.open_to_all()?;
        let (exec, output) = Exec::start(docker, idle, command).await?;
        let last_words = tokio::spawn(write_down(output, log));
        let (pid, handle) = exec.server(idle).await?;
        born(pid);
        let end = tell_end(exec.clone(), handle.clone(), last_words, on_exit);
        tokio::spawn(async move {
            // It may have ended, and it does without.
            let _ = exec.share_processors(pid).await;
            end.await;
        });
        Ok(Self { pid, handle })
    }
}

impl ServerProcess for ContainerServer {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn signal(&self, signal: Signal) -> nix::Result<()> {
        let handle = self.handle.as_ref().ok_or(Errno::ESRCH)?;
        let signal = rustix::process::Signal::from_named_raw(signal as i32).ok_or(Errno::EINVAL)?;
        pidfd_send_signal(handle.get_ref(), signal).map_err(|error| Errno::from_raw(error.raw_os_error()))
    }

    fn kill_group(&self) -> nix::Result<()> {
        // It is there until the engine has reaped it, so the group is its own.
        self.signal(Signal::SIGKILL)?;
        killpg(self.pid, Signal::SIGKILL)
    }
}

/// A command that the engine runs in a container.
#[derive(Clone)]
struct Exec {
    docker: Docker,
    id: String,
}

impl Exec {
    async fn start(docker: &Docker, idle: &Idle, command: Vec<String>) -> io::Result<(Self, Output)> {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command),
            // Servers log local time, which the harness reads as UTC.
            env: Some(vec!["TZ=UTC".to_owned()]),
            working_dir: Some(idle.data.clone()),
            ..CreateExecOptions::default()
        };
        let id = docker.create_exec(&idle.id, options).await.map_err(failed("prepare the server"))?.id;
        match docker.start_exec(&id, None).await.map_err(failed("start the server"))? {
            StartExecResults::Attached { output, .. } => Ok((Self { docker: docker.clone(), id }, output)),
            StartExecResults::Detached => Err(io::Error::other("the engine does not pass on what the server prints")),
        }
    }

    /// Its process as soon as it is there, or has been.
    async fn server(&self, idle: &Idle) -> io::Result<(Pid, Option<Handle>)> {
        let deadline = Instant::now() + ENGINE_BOUND;
        loop {
            if let Some(pid) = idle.server() {
                let id = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(io::ErrorKind::NotFound)?;
                let handle = watched(pidfd_open(id, PidfdFlags::empty())?)?;
                // The id may have become another process' before it was opened.
                if idle.server() == Some(pid) {
                    return Ok((pid, Some(Arc::new(handle))));
                }
            } else if let Some((pid, _)) = self.end().await? {
                return Ok((pid, None));
            }
            if Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the engine did not start the server"));
            }
            sleep(ENGINE_POLL).await;
        }
    }

    /// The engine moves a process to its container's control group before that becomes the server, and knows it after that.
    async fn share_processors(&self, server: Pid) -> io::Result<()> {
        let is_known = async {
            while self.inspect().await?.pid.is_none_or(|pid| pid == 0) {
                sleep(ENGINE_POLL).await;
            }
            Ok::<_, io::Error>(())
        };
        timeout(ENGINE_BOUND, is_known).await??;
        control_group::join(server)
    }

    async fn inspect(&self) -> io::Result<ExecInspectResponse> {
        self.docker.inspect_exec(&self.id).await.map_err(failed("ask for the server"))
    }

    /// How it ended, and its id as the engine knows it; none if it has not ended.
    async fn end(&self) -> io::Result<Option<(Pid, ExitCause)>> {
        let seen = self.inspect().await?;
        let Some(code) = seen.exit_code.filter(|_| seen.running == Some(false)) else { return Ok(None) };
        let pid = seen.pid.and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        Ok(Some((Pid::from_raw(pid), cause(code))))
    }
}

/// The descriptor becomes readable when its process ends.
fn watched(process: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(unsafe_code, reason = "tokio cannot know that a type keeps its descriptor open")]
    // SAFETY: an `OwnedFd` is open and the same for as long as it lives, and here nobody takes it out or replaces it.
    let watched = unsafe { AsyncFd::register_with_interest(process, Interest::READABLE) };
    Ok(watched?)
}

/// How a process ended, by the code that the engine says.
fn cause(code: i64) -> ExitCause {
    let signal = i32::try_from(code - BY_SIGNAL).ok().filter(|number| Signal::try_from(*number).is_ok());
    signal.map_or_else(|| ExitCause::Code(i32::try_from(code).unwrap_or(i32::MAX)), ExitCause::Signal)
}

/// Waits for the end of a server and says how it was.
async fn tell_end(exec: Exec, handle: Option<Handle>, last_words: JoinHandle<()>, on_exit: OnExit) {
    if let Some(handle) = handle {
        let _ = handle.readable().await;
    }
    let _ = timeout(LAST_WORDS_BOUND, last_words).await;
    let told = async {
        loop {
            match exec.end().await {
                Ok(Some((_, cause))) => return Ok(cause),
                Ok(None) => sleep(ENGINE_POLL).await,
                Err(error) => return Err(error),
            }
        }
    };
    match timeout(ENGINE_BOUND, told).await {
        Ok(Ok(cause)) => on_exit(cause),
        Ok(Err(error)) => untold(&error.to_string()),
        Err(_) => untold("it does not say how"),
    }
}

/// A server whose end nobody tells counts as running, and whoever waits for its end says so.
fn untold(why: &str) {
    let _ = writeln!(io::stderr(), "a server ended, and the engine: {why}");
}

/// Appends what a server prints to its log: until it opens that by itself, its errors go there.
async fn write_down(mut output: Output, mut log: File) {
    while let Some(Ok(part)) = output.next().await {
        let _ = log.write_all(part.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, ExitCause::Code(0))]
    #[case(1, ExitCause::Code(1))]
    #[case(128, ExitCause::Code(128))]
    #[case(137, ExitCause::Signal(9))]
    #[case(139, ExitCause::Signal(11))]
    #[case(255, ExitCause::Code(255))]
    fn a_code_beyond_128_is_a_signal(#[case] code: i64, #[case] expected: ExitCause) {
        assert_eq!(cause(code), expected);
    }
}
