//! Notices a machine that is too busy to measure anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::evidence::{Journal, What};

const TICK: Duration = Duration::from_millis(5);
const TICKS_PER_REPORT: u32 = 200;

/// A thread that does nothing but wake up every 5 ms, and journals how late it was at most in each second.
///
/// It competes for the processors like any server of the cluster: what it waits, they wait.
#[derive(Debug)]
pub(crate) struct StarvationWatch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StarvationWatch {
    pub(crate) fn start(journal: Journal) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("starvation".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                journal.record(What::MachineLag { lag_ms_max: watch_a_second(&stopped) });
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

/// The largest lateness in milliseconds in the coming second.
fn watch_a_second(stopped: &AtomicBool) -> f64 {
    let mut late = Duration::ZERO;
    for _ in 0..TICKS_PER_REPORT {
        if stopped.load(Ordering::Relaxed) {
            break;
        }
        let due = Instant::now() + TICK;
        thread::sleep(TICK);
        late = late.max(due.elapsed());
    }
    late.as_secs_f64() * 1e3
}

impl Drop for StarvationWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the watch has been printed by its own hook; there is nothing to add here.
            let _ = thread.join();
        }
    }
}
