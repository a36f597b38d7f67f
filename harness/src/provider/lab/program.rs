//! Programs of the scenario's own that run on a host.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, setresgid, setresuid};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::as_root::file_user;
use super::reaper;
use crate::provider::{ProgramEnd, ProviderError, ServerSpec};
use crate::vocab::HostName;

/// How much of what a program prints is kept.
const PRINTED_BYTES: usize = 64 * 1_024;

/// How long the rest of what it printed may take to be read: what left its group may still have its output.
const READ_BOUND: Duration = Duration::from_secs(1);

/// Kills the program and what it started when it is dropped: it leads a process group, which exists as long as any of them does.
struct KilledOnDrop(Pid);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

/// What a program finds in its environment.
pub(super) type Variables = Vec<(String, OsString)>;

/// What tells where a node's server listens.
pub(super) fn address_of(server: &ServerSpec) -> [(String, OsString); 3] {
    let ServerSpec { node, address, .. } = server;
    [
        (node.to_string(), address.to_string().into()),
        (format!("{node}_HOST"), address.ip().to_string().into()),
        (format!("{node}_PORT"), address.0.port().to_string().into()),
    ]
}

/// See [`crate::provider::Provider::run_program`]. The namespace is that of the host.
pub(super) async fn run(
    (host, namespace): (&HostName, File),
    command: &[String],
    variables: Variables,
    within: Duration,
) -> Result<ProgramEnd, ProviderError> {
    let program = command.first().cloned().unwrap_or_default();
    let failed = |source| ProviderError::Program { program: program.clone(), host: host.clone(), source };
    let (output, mut ended, program) = start(namespace, command, variables).map_err(failed)?;
    let printed = Arc::new(Mutex::new(Vec::new()));
    let all_read = read(output, Arc::clone(&printed)).map_err(failed)?;
    let in_time = timeout(within, &mut ended).await;
    // With what it may have left behind.
    drop(program);
    let (cause, cpu) = match &in_time {
        Ok(ended) => ended.clone(),
        Err(_) => ended.await,
    }
    .map_err(|_| failed(io::Error::other("nobody knows how it ended")))?;
    let _ = timeout(READ_BOUND, all_read).await;
    let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
    let printed = &printed[printed.len().saturating_sub(PRINTED_BYTES)..];
    Ok(ProgramEnd { cause, in_time: in_time.is_ok(), cpu, printed: String::from_utf8_lossy(printed).into_owned() })
}

type Ended = oneshot::Receiver<(crate::evidence::ExitCause, Duration)>;

fn start(namespace: File, command: &[String], variables: Variables) -> io::Result<(PipeReader, Ended, KilledOnDrop)> {
    let (output, input) = io::pipe()?;
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).process_group(0).stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
    command.envs(variables);
    // Not as root of the lab, where that is somebody else.
    let (user, group) = file_user();
    #[expect(unsafe_code, reason = "a process can only be put on a host by itself, before it becomes the program")]
    // SAFETY: between fork and exec the closure makes only system calls (setns, setresgid, setresuid) in a process with a
    // single thread, and neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET)?;
            setresgid(group, group, group)?;
            Ok(setresuid(user, user, user)?)
        });
    }
    let (tell, ended) = oneshot::channel();
    // Nobody listens any more when the program was dropped, and killed with it.
    let on_exit = Box::new(move |cause, cpu| {
        let _ = tell.send((cause, cpu));
    });
    let pid = reaper::spawn(&mut command, |_| {}, on_exit)?;
    Ok((output, ended, KilledOnDrop(pid)))
}

/// Reads everything on a thread of its own, so that the program never waits for a reader, and keeps the end of it. What is
/// returned is dropped when all is read.
fn read(mut output: PipeReader, kept: Arc<Mutex<Vec<u8>>>) -> io::Result<oneshot::Receiver<()>> {
    let (reading, all_read) = oneshot::channel::<()>();
    let body = move || {
        let _reading = reading;
        let mut buffer = [0; 8 * 1_024];
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&buffer[..read]);
            let surplus = kept.len().saturating_sub(2 * PRINTED_BYTES);
            kept.drain(..surplus);
        }
    };
    thread::Builder::new().name("program".to_owned()).spawn(body)?;
    Ok(all_read)
}
