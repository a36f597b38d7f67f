//! The command, started: what it prints goes to files, so that it never waits for a reader.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::provider::ServerBinary;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A run may first wait for its turn on the machine.
pub(super) const TURN_BOUND: Duration = Duration::from_mins(15);

/// How long a run that was told to end may take.
pub(super) const END_BOUND: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(5);

/// Asks again and again; the error is the last answer.
pub(super) fn poll<T>(bound: Duration, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + bound;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(state) if Instant::now() > deadline => panic!("after {bound:?}: {state}"),
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// The path of a scenario of the tests'.
pub(super) fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios/command").join(name).with_extension("ron")
}

/// `redis-harness` with these arguments and no influence from outside that would change what it prints.
pub(super) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-harness"));
    command.args(arguments).stdin(Stdio::null()).env("NO_COLOR", "1");
    for variable in ["GITHUB_ACTIONS", "INSTA_UPDATE", "CI", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(variable);
    }
    command
}

/// What the command came to.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    /// Panics unless this was the exit code.
    #[track_caller]
    pub(super) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        assert!(!self.stderr.contains("panicked"), "{self}");
        self
    }

    #[track_caller]
    pub(super) fn says(self, part: &str) -> Self {
        assert!(self.stdout.contains(part), "`{part}` is not in standard output of {self}");
        self
    }

    #[track_caller]
    pub(super) fn complains(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "`{part}` is not in standard error of {self}");
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// The command while it runs, with a directory of its own. Dropping it ends it.
pub(super) struct Started {
    child: Child,
    directory: TempDir,
}

impl Started {
    /// Starts the command.
    pub(super) fn new(command: Command) -> Self {
        Self::in_directory(command, tempfile::tempdir().expect("a temporary directory"))
    }

    /// `redis-harness run` of the scenario, with its run directory in the directory of its own.
    pub(super) fn run(scenario: &Path) -> Self {
        Self::run_with(scenario, &[])
    }

    /// The same with these variables in the environment.
    pub(super) fn run_with(scenario: &Path, variables: &[(&str, &Path)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = command(&["run"]);
        command.arg(scenario).arg("--out").arg(directory.path().join("out")).envs(variables.iter().copied());
        Self::in_directory(command, directory)
    }

    /// Starts the command with a directory that is its own already.
    pub(super) fn in_directory(mut command: Command, directory: TempDir) -> Self {
        let file = |name: &str| File::create(directory.path().join(name)).expect("a file");
        let child = command.stdout(file("stdout")).stderr(file("stderr")).spawn().expect("the command starts");
        Self { child, directory }
    }

    pub(super) fn id(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids are small")
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id()), signal).expect("the process has not been reaped");
    }

    /// The directory of its one run.
    pub(super) fn run_directory(&self) -> Result<PathBuf, String> {
        let mut path = self.directory.path().join("out");
        for _ in 0..3 {
            let entries = fs::read_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let directory = entries.flatten().map(|entry| entry.path()).find(|path| path.is_dir());
            path = directory.ok_or_else(|| format!("nothing in {}", path.display()))?;
        }
        Ok(path)
    }

    /// Waits until the events of the run hold `part`.
    pub(super) fn await_event(&mut self, part: &str) -> PathBuf {
        poll(TURN_BOUND, || {
            let events = self.run_directory().map(|directory| directory.join("events.jsonl"));
            let text = events.and_then(|path| fs::read_to_string(path).map_err(|error| error.to_string()));
            if text.as_ref().is_ok_and(|text| text.contains(part)) {
                return self.run_directory();
            }
            assert!(self.has_ended().is_none(), "no `{part}` came: {}", self.printed(None));
            Err(format!("`{part}` is not in {text:?}"))
        })
    }

    fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is our child")
    }

    /// What it has printed so far.
    pub(super) fn printed(&self, status: Option<ExitStatus>) -> Ended {
        let read = |name: &str| {
            String::from_utf8_lossy(&fs::read(self.directory.path().join(name)).unwrap_or_default()).into_owned()
        };
        Ended { code: status.and_then(|status| status.code()), stdout: read("stdout"), stderr: read("stderr") }
    }

    /// Waits for its end.
    pub(super) fn end(&mut self, within: Duration) -> Ended {
        let running = |this: &Self| format!("it runs ({}): {}", this.doing(), this.printed(None));
        let status = poll(within, || self.has_ended().ok_or_else(|| running(self)));
        self.printed(Some(status))
    }

    /// What it does: its state, how much of a processor's time it has had, and what it has started and waits for.
    fn doing(&self) -> String {
        let process = Path::new("/proc").join(self.id().to_string());
        let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        let stat = read(process.join("stat"));
        // Behind the name, which may have any character: `state` is the 3rd field, `utime` and `stime` are the 14th and 15th (proc(5)).
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or("?");
        let children = read(process.join("task").join(self.id().to_string()).join("children"));
        let command_line = |child: &str| read(Path::new("/proc").join(child).join("cmdline")).replace('\0', " ");
        let children: Vec<_> = children.split_whitespace().map(command_line).collect();
        format!("state {}, ticks {} + {}, children {children:?}", field(3), field(14), field(15))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server's binary in a directory: a shell script, in which `$SERVER` is the true one.
pub(super) fn server_by(directory: &Path, script: &str) -> PathBuf {
    let server = directory.join("server");
    let true_server = ServerBinary::find(None).expect("a server").path;
    fs::write(&server, format!("#!/bin/sh\nSERVER='{}'\n{script}\n", true_server.display())).expect("a file");
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).expect("it is ours");
    server
}
