//! The run's one clock, and the one way for every room to say what happened.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Event, RunDirectory, TopologyRecord, What};
use crate::vocab::Instant;

/// The run's clock. It starts when it is made; copies tell the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
    started_unix_us: i64,
}

impl Clock {
    /// Starts the clock.
    #[expect(clippy::new_without_default, reason = "it reads the time: two defaults differ")]
    pub fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            origin: std::time::Instant::now(),
            started_unix_us: i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX),
        }
    }

    /// Now.
    pub fn now(&self) -> Instant {
        Instant(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The wall clock when this clock started, in microseconds since 1970 UTC.
    pub fn started_unix_us(&self) -> i64 {
        self.started_unix_us
    }

    /// A wall-clock time in microseconds since 1970 UTC, as an instant of the run.
    pub fn instant_of_unix_us(&self, unix_us: i64) -> Instant {
        Instant(u64::try_from((unix_us - self.started_unix_us).max(0)).unwrap_or(0) * 1_000)
    }

    /// The instant as the standard library's, for timers.
    pub fn std_instant(&self, at: Instant) -> std::time::Instant {
        self.origin + std::time::Duration::from_nanos(at.0)
    }
}

/// Receives every event as it is recorded, in order.
pub trait Recorder: Send {
    /// Takes one event.
    fn record(&mut self, event: &Event);
}

/// Where every room says what happened. Copies write to the same place.
#[derive(Clone)]
pub struct Journal {
    clock: Clock,
    sinks: Arc<Mutex<Sinks>>,
}

struct Sinks {
    events: BufWriter<File>,
    topology: BufWriter<File>,
    live: Box<dyn Recorder>,
    failed: Option<std::io::Error>,
}

impl Journal {
    /// Opens the journal of a run directory; `live` hears every event too.
    pub fn create(directory: &RunDirectory, clock: Clock, live: Box<dyn Recorder>) -> std::io::Result<Self> {
        let sinks = Sinks {
            events: BufWriter::new(File::create(directory.events())?),
            topology: BufWriter::new(File::create(directory.topology())?),
            live,
            failed: None,
        };
        Ok(Self { clock, sinks: Arc::new(Mutex::new(sinks)) })
    }

    /// The run's clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Records that something happened now.
    pub fn record(&self, what: What) {
        self.with(|sinks, at| {
            let event = Event { at, what };
            sinks.live.record(&event);
            write_line(&mut sinks.events, &event)
        });
    }

    /// Records that a node's view changed.
    pub fn record_view(&self, record: &TopologyRecord) {
        self.with(|sinks, _| write_line(&mut sinks.topology, record));
    }

    /// The first error that kept evidence from being written, if any. Evidence with a hole must not be judged.
    pub fn take_error(&self) -> Option<std::io::Error> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).failed.take()
    }

    /// The time is read under the lock, so that the file's order is the order of its times.
    fn with(&self, write: impl FnOnce(&mut Sinks, Instant) -> std::io::Result<()>) {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if let Err(error) = write(&mut sinks, now) {
            sinks.failed.get_or_insert(error);
        }
    }
}

/// Writes a line and hands it to the kernel at once: a crash of the harness loses nothing that was recorded.
fn write_line(file: &mut BufWriter<File>, record: &impl serde::Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *file, record)?;
    file.write_all(b"\n")?;
    file.flush()
}
