//! Finding the server's binary and learning what it is.

use std::fs;
use std::io::{self, Read, Seek};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::vocab::ServerVersion;

/// How long a binary may take to print its version, or to refuse a file.
const VERSION_BOUND: Duration = Duration::from_secs(5);

/// How often a binary is asked whether it has printed its version.
const VERSION_POLL: Duration = Duration::from_millis(2);

/// How much of what a binary printed is worth repeating, in bytes.
pub(super) const PRINTED_BYTES_MAX: u64 = 1_024;

/// How much of what a binary says of a configuration is read, in bytes.
const SAID_BYTES_MAX: u64 = 64 * 1_024;

/// The environment variable that names the server's binary, a path or a name on PATH.
pub const SERVER_VARIABLE: &str = "REDIS_SERVER";

/// A server's binary, whose version is known from running it once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerBinary {
    /// Its absolute path.
    pub path: PathBuf,
    /// Its version.
    pub version: ServerVersion,
}

/// Why there is no server to run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nothing was named and nothing is on PATH.
    #[error(
        "no redis-server and no valkey-server is on PATH: install one (apt-get install redis-server) or set \
         REDIS_SERVER to the binary's path"
    )]
    NoneFound,
    /// The scenario or `REDIS_SERVER` names a binary that does not exist or is not executable.
    #[error("{named_by} names the server `{name}`, which is no executable file{on_path}")]
    NotFound {
        /// Who named it.
        named_by: &'static str,
        /// The name.
        name: String,
        /// ` on PATH` if it was searched for there.
        on_path: &'static str,
    },
    /// The binary could not be run.
    #[error("cannot run {path}: {source}")]
    Run {
        /// The binary.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The binary did not print its version in time.
    #[error("{path} --version did not end within {} s", VERSION_BOUND.as_secs())]
    Silent {
        /// The binary.
        path: PathBuf,
    },
    /// The binary is not a server.
    #[error("{path} is neither Redis nor Valkey: `--version` ended with {status} and printed: {printed}")]
    NotAServer {
        /// The binary.
        path: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The first line of what it printed.
        printed: String,
    },
    /// The server is too old for the harness.
    #[error("{path} is {version}; the harness needs Redis 6.2 or later, or Valkey")]
    TooOld {
        /// The binary.
        path: PathBuf,
        /// Its version.
        version: ServerVersion,
    },
}

impl ServerBinary {
    /// Finds the server and asks for its version. It is the scenario's `binary` (a path or a name on PATH), else the
    /// environment's `REDIS_SERVER`, else `redis-server` on PATH, else `valkey-server` on PATH.
    ///
    /// It runs the binary for at most 5 seconds. Once a provider has started processes, use [`super::Provider::program`]
    /// instead, because then all children of the harness are reaped elsewhere.
    pub fn find(binary: Option<&str>) -> Result<Self, ServerError> {
        let path = locate(binary)?;
        let version = ask_version(&path)?;
        if version.is_too_old() {
            return Err(ServerError::TooOld { path, version });
        }
        Ok(Self { path, version })
    }

    /// See [`super::ServerProgram::says_of`].
    pub(super) fn says_of(&self, config: &str) -> io::Result<String> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("redis.conf");
        fs::write(&path, config)?;
        let mut command = Command::new(&self.path);
        // Where it stands it would leave nothing behind, should it leave anything.
        let (status, said) = run_bounded(command.arg(&path).current_dir(directory.path()), SAID_BYTES_MAX)?;
        let went_on = || io::Error::new(io::ErrorKind::TimedOut, "it went on where it should have refused the file");
        status.map(|_| said).ok_or_else(went_on)
    }
}

/// The server named by the environment, if any.
pub fn named_server() -> Option<String> {
    std::env::var(SERVER_VARIABLE).ok().filter(|name| !name.is_empty())
}

fn locate(binary: Option<&str>) -> Result<PathBuf, ServerError> {
    if let Some(name) = binary {
        return executable(name).ok_or_else(|| not_found("the scenario", name));
    }
    if let Some(name) = named_server() {
        return executable(&name).ok_or_else(|| not_found(SERVER_VARIABLE, &name));
    }
    ["redis-server", "valkey-server"].into_iter().find_map(executable).ok_or(ServerError::NoneFound)
}

fn not_found(named_by: &'static str, name: &str) -> ServerError {
    let on_path = if name.contains('/') { "" } else { " on PATH" };
    ServerError::NotFound { named_by, name: name.to_owned(), on_path }
}

/// The executable file that a shell would run for `name`, as an absolute path.
fn executable(name: &str) -> Option<PathBuf> {
    let runs = |path: &Path| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    let absolute = |path: PathBuf| std::path::absolute(path).ok();
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| runs(path)).and_then(absolute);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| runs(path)).and_then(absolute)
}

fn ask_version(path: &Path) -> Result<ServerVersion, ServerError> {
    let cannot = |source| ServerError::Run { path: path.to_owned(), source };
    let asked = run_bounded(Command::new(path).arg("--version"), PRINTED_BYTES_MAX).map_err(cannot)?;
    let (Some(status), text) = asked else { return Err(ServerError::Silent { path: path.to_owned() }) };
    text.parse().map_err(|()| ServerError::NotAServer {
        path: path.to_owned(),
        status,
        printed: text.trim().lines().next().unwrap_or("nothing").to_owned(),
    })
}

/// Runs a binary that should end by itself. Returns how it did, or none if it did not in time and was killed, and the beginning of what
/// it printed.
pub(super) fn run_bounded(command: &mut Command, bytes_max: u64) -> io::Result<(Option<ExitStatus>, String)> {
    // A file, not a pipe: a pipe would stay open as long as any grandchild of a wrapper script lives.
    let mut printed = tempfile::tempfile()?;
    let output = (printed.try_clone()?, printed.try_clone()?);
    let mut asked = BoundedChild::start(command.stdin(Stdio::null()).stdout(output.0).stderr(output.1))?;
    let (deadline, mut status) = (Instant::now() + VERSION_BOUND, None);
    while status.is_none() && Instant::now() < deadline {
        status = asked.0.try_wait()?;
        if status.is_none() {
            thread::sleep(VERSION_POLL);
        }
    }
    let mut text = Vec::new();
    printed.rewind()?;
    printed.take(bytes_max).read_to_end(&mut text)?;
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

/// A child process outside of any run, and everything that it starts (it may be a script). Dropping this kills them
/// all.
pub(crate) struct BoundedChild(pub(crate) Child);

impl BoundedChild {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).spawn().map(Self)
    }
}

impl Drop for BoundedChild {
    fn drop(&mut self) {
        // It leads its own process group, which exists as long as any member does; if none is left, nothing needs to be
        // killed.
        let _ = i32::try_from(self.0.id()).map(|id| killpg(Pid::from_raw(id), Signal::SIGKILL));
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// A script may start a process that does not end by itself.
    #[test]
    fn what_a_binary_started_ends_with_it() {
        let (status, said) = run_bounded(Command::new("sh").args(["-c", "sleep 600 & echo $!"]), 100).unwrap();
        assert!(status.unwrap().success());
        let state = std::path::PathBuf::from(format!("/proc/{}/stat", said.trim()));
        // It may still be a zombie.
        let runs = || std::fs::read_to_string(&state).is_ok_and(|stat| !stat.contains(") Z "));
        let deadline = Instant::now() + VERSION_BOUND;
        while runs() {
            assert!(Instant::now() < deadline, "{said} still runs");
            thread::sleep(VERSION_POLL);
        }
    }

    #[test]
    fn a_binary_that_is_no_server_is_named_with_what_it_printed() {
        let error = ServerBinary::find(Some("ls")).unwrap_err().to_string();
        assert!(error.contains("/ls is neither Redis nor Valkey") && error.contains("coreutils"), "{error}");
    }

    #[rstest]
    #[case("no-such-server", "the scenario names the server `no-such-server`, which is no executable file on PATH")]
    #[case("/etc/passwd", "the scenario names the server `/etc/passwd`, which is no executable file")]
    fn a_name_that_leads_nowhere_is_refused(#[case] name: &str, #[case] message: &str) {
        assert_eq!(ServerBinary::find(Some(name)).unwrap_err().to_string(), message);
    }
}
