//! The run's one clock, and the one way for every module to say what happened.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Event, EventKind, ReplicationRecord, RunDirectory, TopologyRecord};
use crate::vocab::Instant;

/// Two readings that are no further apart than this are of one moment.
const BOTH_NANOS: u64 = 20_000;

/// How often the clocks are read again where they were further apart.
const BOTH_TRIES: usize = 5;

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
        let mut clock = Self { origin: std::time::Instant::now(), started_unix_us: 0 };
        let (now, wall_us) = clock.both();
        clock.started_unix_us = wall_us - i64::try_from(now.0 / 1_000).unwrap_or(0);
        clock
    }

    /// Now.
    pub fn now(&self) -> Instant {
        Instant(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The wall clock when this clock started, in microseconds since 1970 UTC.
    pub fn started_unix_us(&self) -> i64 {
        self.started_unix_us
    }

    /// A wall-clock time in microseconds since 1970 UTC that was just read, such as in a server's log, as an instant of the run.
    ///
    /// It is as long ago as the wall clock says now: one that was set or slewed since the run began shifts no time but of what
    /// was written just before and read just after.
    pub fn instant_of_unix_us(&self, unix_us: i64) -> Instant {
        let (now, wall_us) = self.both();
        ago(now, wall_us.saturating_sub(unix_us))
    }

    /// By how many microseconds the wall clock is ahead of this clock, compared with the start.
    pub fn wall_ahead_us(&self) -> i64 {
        let (now, wall_us) = self.both();
        let since_start = i64::try_from(now.0 / 1_000).unwrap_or(i64::MAX);
        wall_us.saturating_sub(self.started_unix_us).saturating_sub(since_start)
    }

    /// Both clocks at one moment. Who is kept from a processor between the two readings reads again.
    fn both(&self) -> (Instant, i64) {
        let read = || {
            let before = self.now();
            let wall_us = unix_us(SystemTime::now());
            (self.now().nanos_since(before), before, wall_us)
        };
        let mut best = read();
        for _ in 0..BOTH_TRIES {
            if best.0 <= BOTH_NANOS {
                break;
            }
            best = best.min(read());
        }
        (best.1, best.2)
    }

    /// The instant as the standard library's, for timers.
    pub fn std_instant(&self, at: Instant) -> std::time::Instant {
        self.origin + std::time::Duration::from_nanos(at.0)
    }
}

fn unix_us(time: SystemTime) -> i64 {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX)
}

/// This many microseconds before `now`: nothing that was read lies in the future, or before the run.
fn ago(now: Instant, microseconds: i64) -> Instant {
    let nanos = u64::try_from(microseconds).unwrap_or(0).saturating_mul(1_000);
    Instant(now.0.saturating_sub(nanos))
}

/// Receives every event as it is recorded, in order.
pub trait Recorder: Send {
    /// Takes one event.
    fn record(&mut self, event: &Event);
}

/// Where every module says what happened. Copies write to the same place.
#[derive(Clone)]
pub struct Journal {
    clock: Clock,
    sinks: Arc<Mutex<Sinks>>,
}

struct Sinks {
    events: BufWriter<File>,
    topology: BufWriter<File>,
    replication: BufWriter<File>,
    live: Box<dyn Recorder>,
    /// Those who wait for something to happen.
    watchers: Vec<UnboundedSender<Event>>,
    failed: Option<std::io::Error>,
}

impl Journal {
    /// Opens the journal of a run directory; `live` hears every event too.
    pub fn create(directory: &RunDirectory, clock: Clock, live: Box<dyn Recorder>) -> std::io::Result<Self> {
        let sinks = Sinks {
            events: BufWriter::new(File::create(directory.events())?),
            topology: BufWriter::new(File::create(directory.topology())?),
            replication: BufWriter::new(File::create(directory.replication())?),
            live,
            watchers: Vec::new(),
            failed: None,
        };
        Ok(Self { clock, sinks: Arc::new(Mutex::new(sinks)) })
    }

    /// The run's clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Records that something happened now.
    pub fn record(&self, kind: EventKind) {
        self.with(|sinks, at| {
            let event = Event { at, kind };
            sinks.live.record(&event);
            sinks.watchers.retain(|watcher| watcher.send(event.clone()).is_ok());
            write_line(&mut sinks.events, &event)
        });
    }

    /// Everything that is recorded from now on, until the receiver is dropped.
    pub fn watch(&self) -> UnboundedReceiver<Event> {
        let (sender, events) = unbounded_channel();
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).watchers.push(sender);
        events
    }

    /// Records that a node's view changed.
    pub fn record_view(&self, record: &TopologyRecord) {
        self.with(|sinks, _| write_line(&mut sinks.topology, record));
    }

    /// Records how far a node is in its replication history.
    pub fn record_replication(&self, record: &ReplicationRecord) {
        self.with(|sinks, _| write_line(&mut sinks.replication, record));
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The wall clock moved by this much at 5 s; a log line was written at 6 s and read 8 ms later.
    #[rstest]
    #[case::steady(0)]
    #[case::set_forward(3_600_000)]
    #[case::set_back(-3_600_000)]
    #[case::slewed(7)]
    fn a_wall_clock_that_steps_shifts_no_time(#[case] step_ms: i64) {
        let started_unix_us = 1_700_000_000_000_000_i64;
        let line = started_unix_us + (6_000 + step_ms) * 1_000;
        let wall_now = started_unix_us + (6_008 + step_ms) * 1_000;
        assert_eq!(ago(Instant::from_millis(6_008), wall_now - line), Instant::from_millis(6_000));
    }

    /// Written before the clock was set back, read after.
    #[test]
    fn nothing_that_was_read_lies_in_the_future() {
        assert_eq!(ago(Instant::from_millis(6_008), -3_600_000_000), Instant::from_millis(6_008));
        assert_eq!(ago(Instant::from_millis(6_008), 3_600_000_000), Instant::default());
    }

    #[test]
    fn the_clocks_of_this_machine_go_together() {
        let clock = Clock::new();
        let (before, now) = (clock.now(), clock.instant_of_unix_us(unix_us(SystemTime::now())));
        assert!(now.nanos_since(before) < 1_000_000_000 && before.nanos_since(now) < 2_000, "{before:?} {now:?}");
        assert!(clock.wall_ahead_us().abs() < 1_000_000, "{}", clock.wall_ahead_us());
    }
}
