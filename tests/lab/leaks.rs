//! Nothing may outlive the lab, whichever of its processes is killed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdout, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::provider::Sandbox;
use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Names the run directory in a process that is only there to hold a lab, and to be killed.
pub(super) const HOLDER: &str = "LAB_TEST_HOLDER";

const BOUND: Duration = Duration::from_secs(10);

/// A process, told from a later one with the same id by its start time.
type Identity = (i32, String);

/// Holds a lab until it is killed; says the id of the lab's outermost process and its PID namespace.
pub(super) fn hold(directory: &Path) -> ExitCode {
    let Ok((mut lab, namespace)) = start_holding("hold", directory) else { return ExitCode::FAILURE };
    let _ = writeln!(std::io::stdout(), "{} {namespace}", lab.id());
    let _ = lab.wait();
    ExitCode::FAILURE
}

fn start_holding(what: &str, directory: &Path) -> Result<(Sandbox, String), Failed> {
    let mut lab = super::start(what, directory)?;
    let mut namespace = String::new();
    let mut events = BufReader::new(lab.take_events().ok_or("no events")?);
    events.read_line(&mut namespace)?;
    if !namespace.starts_with("pid:") {
        events.read_to_string(&mut namespace)?;
        return Err(namespace.into());
    }
    Ok((lab, namespace.trim().to_owned()))
}

/// The fields of `/proc/<pid>/stat` after the program's name: the state first, the start time twentieth.
fn stat(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn identity(pid: i32) -> Option<Identity> {
    Some((pid, stat(pid)?.get(19)?.clone()))
}

fn lives((pid, started): &Identity) -> bool {
    stat(*pid).is_some_and(|stat| stat.get(19) == Some(started) && stat[0] != "Z" && stat[0] != "X")
}

/// Every process of the lab, seen from outside: stage 1, stage 2, six servers and their children.
fn processes(outermost: i32, namespace: &str) -> Result<BTreeSet<Identity>, Failed> {
    let mut found: BTreeSet<_> = identity(outermost).into_iter().collect();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let its_namespace = fs::read_link(format!("/proc/{pid}/ns/pid")).unwrap_or_default();
        if its_namespace.as_os_str() == namespace {
            found.extend(identity(pid));
        }
    }
    // More while servers save for their replicas.
    if found.len() >= 8 { Ok(found) } else { Err(format!("the lab is {found:?}").into()) }
}

fn all_gone(processes: &BTreeSet<Identity>) -> Result<(), Failed> {
    let deadline = Instant::now() + BOUND;
    loop {
        let left: Vec<_> = processes.iter().filter(|process| lives(process)).collect();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("still there after {BOUND:?}: {left:?}").into());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Nothing but evidence is in the run directory, and none of the lab's mounts is to be seen outside.
fn only_evidence(directory: &Path) -> Result<(), Failed> {
    let mut left = BTreeSet::new();
    for entry in fs::read_dir(directory)? {
        left.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    if !left.iter().eq(["events.jsonl", "lab.log", "nodes", "replication.jsonl", "topology.jsonl"]) {
        return Err(format!("the run directory holds {left:?}").into());
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    match mounts.lines().find(|line| line.contains(" /proc/fs/A ")) {
        None => Ok(()),
        Some(mount) => Err(format!("still mounted: {mount}").into()),
    }
}

pub(super) fn outer_killed() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let mut holder = Command::new(std::env::current_exe()?)
        .env(HOLDER, directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let processes = holder.stdout.take().ok_or("no output".into()).and_then(held_by);
    // SIGKILL, which the holder cannot handle.
    holder.kill()?;
    holder.wait()?;
    all_gone(&processes?)?;
    only_evidence(directory.path())
}

fn held_by(holder: ChildStdout) -> Result<BTreeSet<Identity>, Failed> {
    let mut line = String::new();
    BufReader::new(holder).read_line(&mut line)?;
    let (outermost, namespace) = line.trim().split_once(' ').ok_or("the holder failed")?;
    processes(outermost.parse()?, namespace)
}

pub(super) fn stage_one_killed() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let (mut lab, namespace) = start_holding("hold", directory.path())?;
    let processes = processes(lab.id(), &namespace)?;
    kill(Pid::from_raw(lab.id()), Signal::SIGKILL)?;
    lab.wait()?;
    all_gone(&processes)?;
    only_evidence(directory.path())
}

/// Whoever serves a slow disk must not wait for it when it dies.
pub(super) fn slow_disk() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let (mut lab, namespace) = start_holding("hold-slow", directory.path())?;
    let processes = processes(lab.id(), &namespace)?;
    kill(Pid::from_raw(lab.id()), Signal::SIGKILL)?;
    lab.wait()?;
    all_gone(&processes)
}

pub(super) fn stage_two_killed() -> Result<(), Failed> {
    use std::os::unix::process::ExitStatusExt;
    let directory = tempfile::tempdir()?;
    let (mut lab, namespace) = start_holding("hold", directory.path())?;
    let processes = processes(lab.id(), &namespace)?;
    let parent = lab.id().to_string();
    let is_child = |pid: i32| stat(pid).is_some_and(|stat| stat.get(1) == Some(&parent));
    let stage_two = processes.iter().find(|(pid, _)| is_child(*pid)).ok_or("no stage 2")?;
    kill(Pid::from_raw(stage_two.0), Signal::SIGKILL)?;
    let status = lab.wait()?;
    if status.signal() != Some(Signal::SIGKILL as i32) {
        return Err(format!("the lab's end looked like {status}").into());
    }
    all_gone(&processes)?;
    only_evidence(directory.path())
}

pub(super) fn dropped() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let (lab, namespace) = start_holding("hold", directory.path())?;
    let processes = processes(lab.id(), &namespace)?;
    drop(lab);
    all_gone(&processes)?;
    only_evidence(directory.path())
}
