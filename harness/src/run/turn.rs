//! Taking turns on the machine: a run that measures time may not share it with another.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::Cancel;
use crate::load::Pace;
use crate::plan::Plan;

/// How a run shares the machine with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// It measures time, or would spoil the time of others: nothing else may run.
    Alone,
    /// It only looks at what happens: others like it may run at the same time.
    Together,
}

impl Sharing {
    /// What the scenario needs: alone if any SLO is about time, or if a load takes all that the machine can give.
    pub fn of(plan: &Plan) -> Self {
        let timed = plan.slos.iter().any(|planned| planned.slo.is_timed());
        let greedy = plan.loads.iter().any(|load| load.pace == Pace::Closed);
        if timed || greedy { Self::Alone } else { Self::Together }
    }
}

/// A turn on the machine. It ends when this is dropped, or the process with it.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held for its lock")] File);

/// The longest anyone waits for a turn: longer than the longest suite.
const PATIENCE: Duration = Duration::from_hours(1);

/// How often whoever waits looks whether it is still to wait.
const POLL: Duration = Duration::from_millis(50);

/// Nobody needs to know of a shorter wait.
const WORTH_TELLING: Duration = Duration::from_millis(200);

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

/// Waits for a turn, unless it is interrupted. `on_wait` is called once if somebody else has it.
///
/// The locks are empty files that all users of the machine share; the kernel releases them with the process. Whoever
/// waits stands in a queue, so that runs together, which come and go, do not keep one out that wants to be alone.
pub fn take_turn(sharing: Sharing, cancel: &Cancel, on_wait: impl FnOnce()) -> Result<Turn, TurnError> {
    let mut queuing = Queuing { cancel, on_wait: Some(on_wait), began: Instant::now() };
    let _head_of_the_queue = queuing.lock("redis-harness.queue", Sharing::Alone)?;
    queuing.lock("redis-harness.lock", sharing).map(Turn)
}

struct Queuing<'a, F> {
    cancel: &'a Cancel,
    on_wait: Option<F>,
    began: Instant,
}

impl<F: FnOnce()> Queuing<'_, F> {
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
        if self.began.elapsed() > WORTH_TELLING
            && let Some(on_wait) = self.on_wait.take()
        {
            on_wait();
        }
    }
}

/// Another user's file in a sticky directory may be opened, but not with `O_CREAT` (`fs.protected_regular`).
fn open(path: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o644).open(path);
    File::open(path).or_else(|_| create())
}
