//! Taking turns on the machine: a run that measures time may not share it with another.

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

use super::Cancel;
use crate::load::Pace;
use crate::plan::Plan;

/// How a run shares the machine with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// It measures time, or would spoil the time of others: nothing else may run.
    Alone,
    /// What it claims does not hang on how quick the machine is: others like it may run at the same time.
    Together,
}

impl Sharing {
    /// What the scenario needs: alone if any SLO is about time, or if a load takes all that the machine can give.
    ///
    /// An `Until` and `Promotions` have bounds in time, too, but wide ones, as a rule: such scenarios share the machine, for a
    /// suite of them would take several times as long otherwise. A miss is then judged by what the machine took while they
    /// waited (`check::machine`), so that company alone never makes a run fail.
    pub fn of(plan: &Plan) -> Self {
        let timed = plan.slos.iter().any(|planned| planned.slo.is_timed());
        let greedy = plan.loads.iter().any(|load| load.pace == Pace::Closed);
        if timed || greedy { Self::Alone } else { Self::Together }
    }
}

/// A turn on the machine. It ends when this is dropped, or the process with it.
#[derive(Debug)]
pub struct Turn {
    /// Says to others whose turn it is; goes before the lock does. Without it they wait all the same.
    _card: Option<NamedTempFile>,
    _lock: File,
    sharing: Sharing,
}

impl Turn {
    /// Whether no other run has a turn at the same time.
    pub fn is_alone(&self) -> bool {
        self.sharing == Sharing::Alone
    }
}

/// Whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The scenario's name.
    scenario: String,
    /// The process that runs it.
    process: u32,
    /// Whose process that is.
    user: String,
    /// Since when, in seconds since 1970 UTC.
    since: i64,
}

impl Holder {
    /// Whether it is a run of this very process, whose user knows of it.
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

impl fmt::Display for Holder {
    /// `failover/master_kill (process 1234 of root) for 34 s, since 16:02:11 UTC`. What others wrote cannot steer a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        write!(f, "{} (process {} of {})", plain(&self.scenario), self.process, plain(&self.user))?;
        let seconds = jiff::Timestamp::now().as_second().saturating_sub(self.since).max(0);
        let since = jiff::Timestamp::from_second(self.since).map(|since| since.strftime("%H:%M:%S").to_string());
        write!(f, " for {seconds} s, since {} UTC", since.unwrap_or_default())
    }
}

/// The longest anyone waits for a turn: longer than the longest suite.
const PATIENCE: Duration = Duration::from_hours(1);

/// How often whoever waits looks whether it is still to wait.
const POLL: Duration = Duration::from_millis(50);

/// Nobody needs to know of a shorter wait.
const WORTH_TELLING: Duration = Duration::from_millis(200);

/// Who waits on is told again after as long as it has waited, but no sooner and no later than this.
const TELL_AGAIN: [Duration; 2] = [Duration::from_secs(10), Duration::from_mins(1)];

/// What the cards' names begin with.
const CARD: &str = "redis-harness.turn-";

/// Why there was no turn.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// The lock could not be had.
    #[error("cannot take a turn on the machine: {path}: {source}")]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else had it all the time.
    #[error("another run has held {path} for {} s", PATIENCE.as_secs())]
    Overdue {
        /// The lock's file.
        path: PathBuf,
    },
    /// The user interrupted the waiting.
    #[error("interrupted while another run had the machine")]
    Interrupted,
}

/// Waits for a turn, unless it is interrupted. `on_wait` hears who has it, now and again.
///
/// The locks are empty files that all users of the machine share; the kernel releases them with the process. Whoever
/// waits stands in a queue, so that runs together, which come and go, do not keep one out that wants to be alone.
pub fn take_turn(
    scenario: &str,
    sharing: Sharing,
    cancel: &Cancel,
    on_wait: impl FnMut(&[Holder]),
) -> Result<Turn, TurnError> {
    let mut queuing = Queuing { cancel, on_wait, began: Instant::now(), tell_after: WORTH_TELLING };
    let _head_of_the_queue = queuing.lock("redis-harness.queue", Sharing::Alone)?;
    let lock = queuing.lock("redis-harness.lock", sharing)?;
    Ok(Turn { _card: leave_card(&Holder::of(scenario)).ok(), _lock: lock, sharing })
}

struct Queuing<'a, F> {
    cancel: &'a Cancel,
    on_wait: F,
    began: Instant,
    tell_after: Duration,
}

impl<F: FnMut(&[Holder])> Queuing<'_, F> {
    /// The file of that name, locked.
    fn lock(&mut self, name: &str, sharing: Sharing) -> Result<File, TurnError> {
        let path = std::env::temp_dir().join(name);
        let failed = |source| TurnError::Lock { path: path.clone(), source };
        let file = open(&path).map_err(failed)?;
        // The kernel has no bound for waiting and no way to be interrupted, so a thread waits. When it is too late, the
        // lock goes with the file that nobody takes.
        let (sender, locked) = mpsc::channel();
        let wait = move || {
            let locked = match sharing {
                Sharing::Alone => file.lock(),
                Sharing::Together => file.lock_shared(),
            };
            let _ = sender.send(locked.map(|()| file));
        };
        thread::Builder::new().name("turn".to_owned()).spawn(wait).map_err(failed)?;
        loop {
            match locked.recv_timeout(POLL) {
                Ok(file) => return file.map_err(failed),
                Err(_) if self.cancel.is_cancelled() => return Err(TurnError::Interrupted),
                Err(_) if self.began.elapsed() > PATIENCE => return Err(TurnError::Overdue { path }),
                Err(_) => self.tell(),
            }
        }
    }

    fn tell(&mut self) {
        let waited = self.began.elapsed();
        if waited > self.tell_after {
            (self.on_wait)(&holders());
            self.tell_after = waited + waited.clamp(TELL_AGAIN[0], TELL_AGAIN[1]);
        }
    }
}

/// Another user's file in a sticky directory may be opened, but not with `O_CREAT` (`fs.protected_regular`).
fn open(path: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o644).open(path);
    File::open(path).or_else(|_| create())
}

/// A file of the holder's own that everybody may read. It is locked for as long as its holder lives; a dead one's is not.
fn leave_card(holder: &Holder) -> io::Result<NamedTempFile> {
    let mut card = tempfile::Builder::new().prefix(CARD).permissions(Permissions::from_mode(0o644)).tempfile()?;
    card.as_file().lock()?;
    card.write_all(&serde_json::to_vec(holder)?)?;
    Ok(card)
}

/// Everybody who has a turn now and says so.
pub(super) fn holders() -> Vec<Holder> {
    let cards = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    let cards = cards.filter(|entry| entry.file_name().to_string_lossy().starts_with(CARD));
    let mut holders: Vec<_> = cards.filter_map(|entry| read_card(&entry.path())).collect();
    holders.sort_by_key(|holder| holder.since);
    holders
}

fn read_card(path: &Path) -> Option<Holder> {
    let mut file = File::open(path).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => serde_json::from_str(&text).ok(),
        // Its holder was killed; one without a text is only just being written.
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

    use super::*;

    /// What has the machine alone. A bound of an `Until`, or how many took over, is no reason.
    #[rstest]
    #[case::until_and_promotions(
        "Open(per_second: 10)",
        "Promotions(max: 0), LostWrites(max: 0), ErrorRate(max: 0)",
        Sharing::Together
    )]
    #[case::failover("Open(per_second: 10)", "Failover(max: \"3s\")", Sharing::Alone)]
    #[case::latency("Open(per_second: 10)", "Latency(quantile: 99, max: \"3s\")", Sharing::Alone)]
    #[case::throughput("Open(per_second: 10)", "Throughput(min: 5)", Sharing::Alone)]
    #[case::greedy("Closed", "LostWrites(max: 0)", Sharing::Alone)]
    fn who_measures_time_is_alone(#[case] pace: &str, #[case] slos: &str, #[case] sharing: Sharing) {
        let text = format!(
            "(about: \"x\", topology: Cluster(masters: 3, replicas: 1), \
             load: [(name: \"app\", mix: [Set(value: \"16B\")], keys: Uniform(10), pace: {pace})], \
             timeline: [Kill(node: \"A\"), Until(condition: Promoted(\"A1\"), within: \"5s\")], slos: [{slos}])"
        );
        let plan = crate::plan::plan(Path::new("family/x.ron"), &text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(Sharing::of(&plan), sharing);
    }

    #[test]
    fn a_card_lasts_as_long_as_its_holder() {
        let holder = Holder::of("failover/master_kill");
        let card = leave_card(&holder).unwrap();
        let path = card.path().to_owned();
        assert_eq!(read_card(&path), Some(holder.clone()));
        assert!(holders().contains(&holder));
        // The holder is killed: the card stays, its lock does not.
        let (file, kept) = card.keep().unwrap();
        drop(file);
        assert!(kept.exists());
        assert_eq!(read_card(&path), None);
        assert!(!path.exists());
    }

    #[test]
    fn a_holder_is_told_in_a_line() {
        let since = jiff::Timestamp::now().as_second() - 34;
        let holder = Holder { scenario: "a/b\u{1b}[2J\n".to_owned(), process: 1_234, user: "root".to_owned(), since };
        let text = holder.to_string();
        assert!(text.starts_with("a/b[2J (process 1234 of root) for 34 s, since "), "{text:?}");
        assert!(text.ends_with(" UTC") && !text.contains(char::is_control), "{text:?}");
    }
}
