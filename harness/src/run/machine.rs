//! Measures what the machine takes from a run.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::machine_lock;
use crate::evidence::{EventKind, Journal, MachineSample};
use crate::load::LoadRest;
use crate::provider::{WaitReader, pressure_nanos};
use crate::vocab;

const TICK: Duration = Duration::from_millis(5);
const TICKS_PER_SAMPLE: u32 = 20;

/// Other runs come and go by the second.
const SAMPLES_PER_LOOK_AROUND: u32 = 10;

/// `/proc/stat` counts in hundredths of a second (`USER_HZ`).
const NANOS_PER_TICK: u64 = 10_000_000;

/// A thread that wakes up every 5 ms, and journals every 100 ms how late it was and what the kernel says of everybody's waits.
#[derive(Debug)]
pub(crate) struct MachineWatch {
    stop: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl MachineWatch {
    pub(crate) fn start(journal: Journal, waits: Box<dyn WaitReader>, loads: LoadRest) -> std::io::Result<Self> {
        let (stop, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, sum) = (Arc::clone(&stop), Arc::clone(&lost));
        let mut meter = Meter::new(journal.clone(), waits, loads);
        let thread = thread::Builder::new().name("machine".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let sample = meter.measure(&stopped);
                sum.fetch_add(sample.sight_delay_nanos(), Ordering::Relaxed);
                journal.record(EventKind::Machine(sample));
            }
        })?;
        Ok(Self { stop, lost, thread: Some(thread) })
    }

    /// The most that the machine can have delayed so far what the observer sees, in all.
    pub(crate) fn lost(&self) -> Duration {
        Duration::from_nanos(self.lost.load(Ordering::Relaxed))
    }
}

impl Drop for MachineWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the watch has been printed by its own hook; there is nothing to add here.
            let _ = thread.join();
        }
    }
}

/// What is read again and again, and what it said last.
struct Meter {
    journal: Journal,
    waits: Box<dyn WaitReader>,
    loads: LoadRest,
    pressure: Option<(File, u64)>,
    stolen: Vec<u64>,
    from: vocab::Instant,
    samples: u32,
    other_runs: usize,
}

impl Meter {
    fn new(journal: Journal, mut waits: Box<dyn WaitReader>, loads: LoadRest) -> Self {
        waits.read();
        let pressure = File::open("/proc/pressure/cpu").ok();
        let pressure = pressure.and_then(|file| pressed(&file).map(|nanos| (file, nanos)));
        let from = journal.clock().now();
        Self { journal, waits, loads, pressure, stolen: stolen(), from, samples: 0, other_runs: 0 }
    }

    /// The sample of the coming stretch.
    fn measure(&mut self, stopped: &AtomicBool) -> MachineSample {
        let late = sleep_through(stopped);
        if self.samples.is_multiple_of(SAMPLES_PER_LOOK_AROUND) {
            self.other_runs = machine_lock::holders().len().saturating_sub(1);
        }
        self.samples = self.samples.wrapping_add(1);
        let clock = self.journal.clock();
        let before = std::mem::replace(&mut self.stolen, stolen());
        let (from, now) = (self.from, clock.now());
        self.from = now;
        let most_stolen = self.stolen.iter().zip(&before).map(|(now, before)| now.saturating_sub(*before)).max();
        MachineSample {
            timer_late_nanos: u64::try_from(late.as_nanos()).unwrap_or(u64::MAX),
            waits: self.waits.read(),
            pressure_nanos: self.pressure.as_mut().and_then(|(file, before)| {
                let now = pressed(file)?;
                Some(now.saturating_sub(std::mem::replace(before, now)))
            }),
            stolen_nanos: most_stolen.unwrap_or(0),
            wall_ahead_us: clock.wall_ahead_us(),
            other_runs: self.other_runs,
            overload_nanos: self.loads.overload_nanos(now.nanos_since(from)),
            from,
        }
    }
}

/// Sleeps tick by tick; the largest lateness.
fn sleep_through(stopped: &AtomicBool) -> Duration {
    let mut late = Duration::ZERO;
    for _ in 0..TICKS_PER_SAMPLE {
        if stopped.load(Ordering::Relaxed) {
            break;
        }
        let due = Instant::now() + TICK;
        thread::sleep(TICK);
        late = late.max(due.elapsed());
    }
    late
}

/// For how long somebody has waited for a processor since the machine was booted, in nanoseconds.
fn pressed(file: &File) -> Option<u64> {
    let mut text = [0; 256];
    let length = file.read_at(&mut text, 0).ok()?;
    pressure_nanos(std::str::from_utf8(&text[..length]).ok()?, "some")
}

/// What was stolen from each processor since the machine booted, in nanoseconds: the eighth number of its line.
fn stolen() -> Vec<u64> {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    let ticks = lines.map(|line| line.split_whitespace().nth(8).and_then(|ticks| ticks.parse::<u64>().ok()));
    ticks.map(|ticks| ticks.unwrap_or(0).saturating_mul(NANOS_PER_TICK)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_kernel_is_understood() {
        let mut file = tempfile::tempfile().unwrap();
        write!(file, "some avg10=11.08 avg60=13.87 avg300=13.13 total=77650437\nfull avg10=0.00 total=5\n").unwrap();
        assert_eq!(pressed(&file), Some(77_650_437_000));
        assert_eq!(stolen().len(), fs::read_to_string("/proc/stat").unwrap().matches("\ncpu").count());
    }
}
