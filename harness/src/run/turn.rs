//! Taking turns on the machine: a run that measures time may not share it with another.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::thread;
use std::time::{Duration, Instant};

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

/// Waits for a turn. `on_wait` is called once if somebody else has it.
///
/// The lock is an empty file that all users of the machine share; the kernel releases it with the process.
pub fn take_turn(sharing: Sharing, on_wait: impl FnOnce()) -> io::Result<Turn> {
    let path = std::env::temp_dir().join("redis-harness.lock");
    // Another user's file in a sticky directory may be opened, but not with O_CREAT (fs.protected_regular).
    let file = File::open(&path)
        .or_else(|_| OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o644).open(&path))?;
    let mut on_wait = Some(on_wait);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let attempt = match sharing {
            Sharing::Alone => file.try_lock(),
            Sharing::Together => file.try_lock_shared(),
        };
        match attempt {
            Ok(()) => return Ok(Turn(file)),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("another run has held {} for {} s", path.display(), PATIENCE.as_secs()),
                ));
            }
            Err(TryLockError::WouldBlock) => {
                if let Some(on_wait) = on_wait.take() {
                    on_wait();
                }
                // The lock cannot be waited for with a bound, so it is asked for again.
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}
