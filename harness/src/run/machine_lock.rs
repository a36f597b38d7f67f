//! The lock on the machine: a run that measures time has it alone, others share it as far as it goes.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::{User, geteuid};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::cancel::Cancel;
use crate::load::Load;
use crate::plan::Plan;

/// How many nodes, with their observer and a load in an open loop, a quarter of a processor is set aside for. Six of them use a
/// quarter to a third of a processor on average, so half of the machine is left for their peaks.
const NODES_PER_QUARTER: usize = 3;

/// Where a server must do as told sooner than this, one more quarter is set aside, so that its bound is about the server.
const SOON: Duration = Duration::from_secs(5);

/// How much of the machine a run needs. The smallest share is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineShare {
    /// This many quarters of a processor. Others may run at the same time on the rest.
    Quarters(usize),
    /// All of it: the run measures something that company would change, or it takes all that the machine can give.
    Whole,
}

impl MachineShare {
    /// What the scenario needs: the whole machine if any SLO is about a throughput or a time shorter than a second, or if
    /// a load is in a closed loop and neither thinks nor holds locks all the time; half of a processor for every six nodes otherwise, and a quarter more if a server must do as
    /// told within less than five seconds.
    ///
    /// Company can only make times longer, so it never lets a run pass that would fail alone. A miss is judged by what the
    /// machine took meanwhile (`check::machine`), so company alone never makes one fail, either. That goes for SLOs, `Until`
    /// and `Promotions` alike.
    pub fn of(plan: &Plan) -> Self {
        let holds = |load: &Load| load.mix.iter().all(|op| op.kind().lock().is_some());
        let restless = |load: &Load| load.pace.is_closed() && load.think.is_none() && !load.is_idle() && !holds(load);
        let closed_loop = plan.loads.iter().any(restless);
        if closed_loop || plan.slos.iter().any(|planned| planned.slo.needs_idle_machine()) {
            return Self::Whole;
        }
        let quarters = plan.nodes.len().div_ceil(NODES_PER_QUARTER);
        let mut demands = plan.steps.iter().filter_map(|planned| plan.demand(&planned.step));
        let soon = demands.any(|demand| demand.within < SOON);
        Self::Quarters(quarters + usize::from(soon))
    }
}

/// How many quarters of a processor the machine has, and so how many runs at once.
pub fn quarters() -> usize {
    4 * thread::available_parallelism().map_or(1, usize::from)
}

/// A run's lock on its share of the machine. Dropping it releases it, and so does the end of the process.
#[derive(Debug)]
pub struct MachineLock {
    /// Tells others who holds the lock; goes before the lock does. Without it they wait all the same.
    _holder: Option<NamedTempFile>,
    /// A file for each quarter of a processor, unless the share is the whole machine.
    _quarters: Vec<File>,
    _machine: File,
    share: MachineShare,
}

impl MachineLock {
    /// Whether no other run holds a lock at the same time.
    pub fn is_alone(&self) -> bool {
        self.share == MachineShare::Whole
    }
}

/// Who holds a lock on the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The scenario's name.
    scenario: String,
    /// The process that runs it.
    process: u32,
    /// The user who started that process.
    user: String,
    /// Since when, in seconds since 1970 UTC.
    since: i64,
}

impl LockHolder {
    /// Whether it is a run of this very process.
    pub fn is_own(&self) -> bool {
        self.process == std::process::id()
    }

    fn of(scenario: &str) -> Self {
        let user = User::from_uid(geteuid()).ok().flatten();
        Self {
            scenario: scenario.to_owned(),
            process: std::process::id(),
            user: user.map_or_else(|| format!("user {}", geteuid()), |user| user.name),
            since: jiff::Timestamp::now().as_second(),
        }
    }
}

impl fmt::Display for LockHolder {
    /// `failover/master_kill (process 1234 of root) for 34 s, since 16:02:11 UTC`. Control characters that others wrote do not reach the terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        write!(f, "{} (process {} of {})", plain(&self.scenario), self.process, plain(&self.user))?;
        let seconds = jiff::Timestamp::now().as_second().saturating_sub(self.since).max(0);
        let since = jiff::Timestamp::from_second(self.since).map(|since| since.strftime("%H:%M:%S").to_string());
        write!(f, " for {seconds} s, since {} UTC", since.unwrap_or_default())
    }
}

/// The longest that anyone waits for the lock: longer than the longest suite.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// How often a waiting run looks whether it may go on, or should give up.
const POLL: Duration = Duration::from_millis(50);

/// A shorter wait is not worth a message.
const FIRST_MESSAGE_AFTER: Duration = Duration::from_millis(200);

/// The next message comes after as long as the run has waited so far, within these bounds.
const NEXT_MESSAGE_AFTER: [Duration; 2] = [Duration::from_secs(10), Duration::from_mins(1)];

/// What the names of the files that tell of holders begin with.
const HOLDER_PREFIX: &str = "redis-harness.holder-";

/// Why the machine could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum MachineLockError {
    /// The lock's file could not be opened or locked.
    #[error("cannot lock the machine for the run: {path}: {source}")]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another run held it all the time.
    #[error("another run has held {path} for {} s", WAIT_MAX.as_secs())]
    Overdue {
        /// The lock's file.
        path: PathBuf,
    },
    /// The user interrupted the waiting.
    #[error("interrupted while another run had the machine")]
    Interrupted,
}

/// Waits until the run may have its share of the machine, unless it is interrupted. `on_wait` hears now and again who has it.
///
/// The locks are empty files that all users of the machine share; the kernel releases them with the process. Runs wait in a
/// queue, so that small ones, which come and go, cannot keep out one that needs the whole machine.
pub fn lock_machine(
    scenario: &str,
    share: MachineShare,
    cancel: &Cancel,
    on_wait: impl FnMut(&[LockHolder]),
) -> Result<MachineLock, MachineLockError> {
    let mut waiting = Waiting { cancel, on_wait, began: Instant::now(), message_after: FIRST_MESSAGE_AFTER };
    let _head_of_the_queue = waiting.lock("redis-harness.queue", File::lock)?;
    let (machine, quarters) = match share {
        MachineShare::Whole => (waiting.lock("redis-harness.lock", File::lock)?, Vec::new()),
        MachineShare::Quarters(count) => {
            (waiting.lock("redis-harness.lock", File::lock_shared)?, waiting.lock_quarters(count)?)
        }
    };
    Ok(MachineLock {
        _holder: leave_holder(&LockHolder::of(scenario)).ok(),
        _quarters: quarters,
        _machine: machine,
        share,
    })
}

struct Waiting<'a, F> {
    cancel: &'a Cancel,
    on_wait: F,
    began: Instant,
    message_after: Duration,
}

impl<F: FnMut(&[LockHolder])> Waiting<'_, F> {
    /// The file of that name, locked.
    fn lock(&mut self, name: &str, lock: fn(&File) -> io::Result<()>) -> Result<File, MachineLockError> {
        let path = std::env::temp_dir().join(name);
        let failed = |source| MachineLockError::Lock { path: path.clone(), source };
        let file = open(&path).map_err(failed)?;
        // The kernel's wait for a lock has no time limit and cannot be interrupted, so a thread waits. If the lock comes
        // too late, nobody takes the file from the channel, and the lock goes with it.
        let (sender, locked) = mpsc::channel();
        let wait = move || {
            let _ = sender.send(lock(&file).map(|()| file));
        };
        thread::Builder::new().name("machine-lock".to_owned()).spawn(wait).map_err(failed)?;
        loop {
            match locked.recv_timeout(POLL) {
                Ok(file) => return file.map_err(failed),
                Err(_) => self.go_on(&path)?,
            }
        }
    }

    /// Files for this many quarters of a processor, or for all that the machine has, locked as they become free.
    fn lock_quarters(&mut self, count: usize) -> Result<Vec<File>, MachineLockError> {
        let total = quarters();
        let mut unlocked = Vec::with_capacity(total);
        for index in 0..total {
            let path = std::env::temp_dir().join(format!("redis-harness.quarter-{index}"));
            let file = open(&path).map_err(|source| MachineLockError::Lock { path: path.clone(), source })?;
            unlocked.push((path, file));
        }
        let wanted = count.clamp(1, total);
        let mut locked = Vec::with_capacity(wanted);
        loop {
            let mut busy = Vec::with_capacity(unlocked.len());
            for (path, file) in unlocked {
                if locked.len() == wanted {
                    return Ok(locked);
                }
                match file.try_lock() {
                    Ok(()) => locked.push(file),
                    Err(TryLockError::WouldBlock) => busy.push((path, file)),
                    Err(TryLockError::Error(source)) => return Err(MachineLockError::Lock { path, source }),
                }
            }
            let Some((path, _)) = busy.first().filter(|_| locked.len() < wanted) else { return Ok(locked) };
            thread::sleep(POLL);
            self.go_on(path)?;
            unlocked = busy;
        }
    }

    /// Called again and again while the run waits for this file.
    fn go_on(&mut self, path: &Path) -> Result<(), MachineLockError> {
        let waited = self.began.elapsed();
        if self.cancel.is_cancelled() {
            return Err(MachineLockError::Interrupted);
        }
        if waited > WAIT_MAX {
            return Err(MachineLockError::Overdue { path: path.to_owned() });
        }
        if waited > self.message_after {
            (self.on_wait)(&holders());
            self.message_after = waited + waited.clamp(NEXT_MESSAGE_AFTER[0], NEXT_MESSAGE_AFTER[1]);
        }
        Ok(())
    }
}

/// Opens a lock's file and makes it if need be. Another user's file in a sticky directory may be opened, but not with
/// `O_CREAT` (`fs.protected_regular`).
fn open(path: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o644).open(path);
    File::open(path).or_else(|_| create())
}

/// Writes a file that everybody may read. It is locked for as long as the process lives that wrote it.
fn leave_holder(holder: &LockHolder) -> io::Result<NamedTempFile> {
    let mut file =
        tempfile::Builder::new().prefix(HOLDER_PREFIX).permissions(Permissions::from_mode(0o644)).tempfile()?;
    file.as_file().lock()?;
    file.write_all(&serde_json::to_vec(holder)?)?;
    Ok(file)
}

/// Everybody who holds a lock on the machine now and says so.
pub(super) fn holders() -> Vec<LockHolder> {
    let files = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    let files = files.filter(|entry| entry.file_name().to_string_lossy().starts_with(HOLDER_PREFIX));
    let mut holders: Vec<_> = files.filter_map(|entry| read_holder(&entry.path())).collect();
    holders.sort_by_key(|holder| holder.since);
    holders
}

fn read_holder(path: &Path) -> Option<LockHolder> {
    let mut file = File::open(path).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => serde_json::from_str(&text).ok(),
        // The process was killed. A file without text is still being written.
        Ok(()) if !text.is_empty() => {
            let _ = fs::remove_file(path);
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::MachineShare::{Quarters, Whole};
    use super::*;

    /// What a run with these loads and SLOs needs on this many nodes.
    #[rstest]
    #[case::no_time(
        "Open(per_second: 10)",
        "Promotions(max: 0), LostWrites(max: 0), ErrorRate(max: 0)",
        1,
        Quarters(2)
    )]
    #[case::more_nodes("Open(per_second: 10)", "Promotions(max: 0)", 2, Quarters(3))]
    #[case::failover("Open(per_second: 10)", "Failover(max: \"3s\")", 1, Quarters(2))]
    #[case::a_second("Open(per_second: 10)", "Unavailability(max: \"1s\")", 1, Quarters(2))]
    #[case::timed_on_more_nodes("Open(per_second: 10)", "Failover(max: \"3s\")", 2, Quarters(3))]
    #[case::below_a_second("Open(per_second: 10)", "Failover(max: \"999ms\")", 1, Whole)]
    #[case::unavailability("Open(per_second: 10)", "Promotions(max: 0), Unavailability(max: \"100ms\")", 1, Whole)]
    #[case::latency("Open(per_second: 10)", "Latency(quantile: 99, max: \"10ms\")", 1, Whole)]
    #[case::throughput("Open(per_second: 10)", "Throughput(min: 5)", 1, Whole)]
    #[case::closed_loop("Closed", "LostWrites(max: 0)", 1, Whole)]
    fn a_run_has_the_share_that_it_needs(
        #[case] pace: &str,
        #[case] slos: &str,
        #[case] replicas: usize,
        #[case] share: MachineShare,
    ) {
        let text = format!(
            "(about: \"x\", topology: Cluster(masters: 3, replicas: {replicas}), \
             load: [(name: \"app\", mix: [Set(value: \"16B\")], keys: Uniform(10), pace: {pace})], \
             timeline: [Kill(node: \"A\"), Until(condition: Promoted(\"A1\"), within: \"5s\")], slos: [{slos}])"
        );
        let plan = crate::plan::plan(Path::new("family/x.ron"), &text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(MachineShare::of(&plan), share);
    }

    #[test]
    fn who_holds_locks_leaves_room_for_others() {
        let text = "(about: \"x\", topology: Independent(masters: 5), \
             load: [(name: \"app\", mix: [Redlock(ttl: \"1s\", hold: \"10ms\")], keys: Uniform(10))], \
             timeline: [Run(for: \"2s\")])";
        let plan = crate::plan::plan(Path::new("family/x.ron"), text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(MachineShare::of(&plan), Quarters(2));
    }

    /// A server that must start again, and how soon.
    #[rstest]
    #[case::in_time("", Quarters(2))]
    #[case::not_soon(", within: \"5s\"", Quarters(2))]
    #[case::soon(", within: \"4999ms\"", Quarters(3))]
    fn a_server_that_must_hurry_gets_more(#[case] within: &str, #[case] share: MachineShare) {
        let text = format!(
            "(about: \"x\", topology: Cluster(masters: 3, replicas: 1), \
             timeline: [Kill(node: \"A\"), Start(node: \"A\"{within})])"
        );
        let plan = crate::plan::plan(Path::new("family/x.ron"), &text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(MachineShare::of(&plan), share);
    }

    #[test]
    fn a_holders_file_lasts_as_long_as_the_holder() {
        let holder = LockHolder::of("failover/master_kill");
        let file = leave_holder(&holder).unwrap();
        let path = file.path().to_owned();
        assert_eq!(read_holder(&path), Some(holder.clone()));
        assert!(holders().contains(&holder));
        // As if the holder was killed: its file stays, the lock on it does not.
        let (file, kept) = file.keep().unwrap();
        drop(file);
        assert!(kept.exists());
        assert_eq!(read_holder(&path), None);
        assert!(!path.exists());
    }

    #[test]
    fn a_holder_is_told_in_a_line() {
        let since = jiff::Timestamp::now().as_second() - 34;
        let holder =
            LockHolder { scenario: "a/b\u{1b}[2J\n".to_owned(), process: 1_234, user: "root".to_owned(), since };
        let text = holder.to_string();
        assert!(text.starts_with("a/b[2J (process 1234 of root) for 34 s, since "), "{text:?}");
        assert!(text.ends_with(" UTC") && !text.contains(char::is_control), "{text:?}");
    }
}
