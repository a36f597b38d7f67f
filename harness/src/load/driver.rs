//! The driver: starts every load on a thread of its own, and stops them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval};

use super::key_space::{KeySet, KeySpace};
use super::recorder::{HistoryRecorder, Outbox};
use super::shared::{Shared, value_bytes_max};
use super::value::ID_BYTES;
use super::worker::StopSignal;
use super::worker_pool::Shards;
use super::{LoadError, LoadTask, Op, closed, open};
use crate::evidence::{Clock, EventKind, Journal, LoadIndex, LoadTotals, MIX_ENTRIES_MAX, NO_WORKER};
use crate::vocab::Instant;

/// How often a load reports.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How much longer than its deadline a load may take to end: for a machine that is busy.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// Loads that run. Dropping them stops them too, but nobody learns what came of it.
pub struct RunningLoads {
    loads: Vec<RunningLoad>,
    recorder: HistoryRecorder,
    history: PathBuf,
    clock: Clock,
    stop: watch::Sender<Option<Instant>>,
    finished: watch::Receiver<BTreeSet<String>>,
}

struct RunningLoad {
    name: String,
    stops_within: Duration,
    done: oneshot::Receiver<Result<LoadDone, LoadError>>,
}

/// Loads that have ended, and whose history is on disk.
#[derive(Debug)]
pub struct LoadsDone {
    /// The file that holds the history.
    pub history: PathBuf,
    /// Each load, in the order of its start.
    pub loads: Vec<LoadDone>,
}

/// A load that has ended.
#[derive(Debug)]
pub struct LoadDone {
    /// Its name.
    pub name: String,
    /// What it counted.
    pub totals: LoadTotals,
    pub(crate) index: LoadIndex,
    pub(crate) keys: KeySpace,
    pub(crate) shards: Shards,
    /// Every key it attempted to write.
    pub(crate) written: KeySet,
    pub(crate) value_bytes_max: usize,
}

impl RunningLoads {
    /// Starts every load on an OS thread of its own, with a runtime of its own, so that neither the observer nor another
    /// load disturbs it. The history is created at `history`.
    ///
    /// Each load journals `LoadStarted`, `Progress` every second, `SlowOperation` and `LoadEnded`.
    pub fn start(tasks: Vec<LoadTask>, journal: Journal, history: PathBuf) -> Result<Self, LoadError> {
        for task in &tasks {
            check(task)?;
        }
        let clock = journal.clock();
        let recorder = HistoryRecorder::start(&history, journal)?;
        let (stop, stop_signal) = StopSignal::new();
        let (tell_finished, finished) = watch::channel(BTreeSet::new());
        let start = |task| start(task, clock, recorder.outbox(), stop_signal.clone(), tell_finished.clone());
        let loads = tasks.into_iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self { loads, recorder, history, clock, stop, finished })
    }

    /// The names of the loads that have done all their `operations`, to wait for changes of.
    pub fn watch_finished(&self) -> watch::Receiver<BTreeSet<String>> {
        self.finished.clone()
    }

    /// Begins nothing that was not due before, lets what is under way end, and closes the history. What was due and has no
    /// worker for as long as an attempt may take is told to be never begun. Takes at most the longest timeout and deadline of a
    /// load's client and a margin, whatever the servers do.
    ///
    /// An error means that the history has a hole and must not be judged.
    pub async fn stop(self) -> Result<LoadsDone, LoadError> {
        self.stop.send_replace(Some(self.clock.now()));
        let mut ended = Vec::with_capacity(self.loads.len());
        for load in self.loads {
            let outcome = tokio::time::timeout(load.stops_within, load.done).await;
            let name = load.name;
            ended.push(match outcome {
                Ok(Ok(done)) => done,
                Ok(Err(_)) => Err(LoadError::BrokeDown { load: name }),
                Err(_) => return Err(LoadError::Stuck { load: name }),
            });
        }
        self.recorder.finish().await?;
        let loads = ended.into_iter().collect::<Result<_, _>>()?;
        Ok(LoadsDone { history: self.history, loads })
    }
}

/// Refuses what would divide by zero, repeat values or never do anything.
fn check(task: &LoadTask) -> Result<(), LoadError> {
    let load = &task.load;
    let shares_keys = load.pace.is_closed() && load.mix.iter().any(Op::writes);
    let workers = usize::from(load.workers()) * if load.pace.is_closed() { 1 } else { task.shards.len() + 1 };
    let reason = if task.index > LoadIndex::from(u8::MAX) {
        "there are more than 256 loads"
    } else if load.workers() == 0 {
        "it has no workers"
    } else if workers >= usize::from(NO_WORKER) {
        "it has more than 65534 workers"
    } else if load.keys.count() == 0 {
        "it has no keys"
    } else if shares_keys && load.keys.count() < u32::from(load.workers()) {
        "it has fewer keys than workers, and each key is written by one worker"
    } else if load.mix.iter().all(|op| op.weight() == 0) {
        "its mix has nothing to choose from"
    } else if load.mix.len() > MIX_ENTRIES_MAX {
        "its mix has more than 65535 entries"
    } else if load.mix.iter().filter_map(Op::value_bytes).any(|bytes| bytes < ID_BYTES as u64) {
        "a value is smaller than the 16 bytes of its id"
    } else if load.pace.arrivals().is_some_and(|arrivals| arrivals.due_nanos(0).is_none()) {
        "its rate is zero"
    } else {
        return Ok(());
    };
    Err(LoadError::Meaningless { load: load.name.clone(), reason })
}

fn start(
    task: LoadTask,
    clock: Clock,
    outbox: Outbox,
    stop: StopSignal,
    finished: watch::Sender<BTreeSet<String>>,
) -> Result<RunningLoad, LoadError> {
    let (index, name) = (task.index, task.load.name.clone());
    let client = task.load.client;
    let stops_within = client.deadline.0 + client.timeout.0 + STOP_MARGIN;
    let resources = |source| LoadError::Resources { load: name.clone(), source };
    let runtime = Builder::new_current_thread().enable_all().build().map_err(resources)?;
    let (tell, done) = oneshot::channel();
    let body = move || {
        // Nobody listens any more when the loads were dropped instead of stopped.
        let _ = tell.send(run(&runtime, task, clock, outbox, &stop, &finished));
    };
    thread::Builder::new().name(format!("load-{index}")).spawn(body).map_err(resources)?;
    Ok(RunningLoad { name, stops_within, done })
}

/// Runs a load to its end on this thread.
fn run(
    runtime: &Runtime,
    task: LoadTask,
    clock: Clock,
    outbox: Outbox,
    stop: &StopSignal,
    finished: &watch::Sender<BTreeSet<String>>,
) -> Result<LoadDone, LoadError> {
    let shared = Shared::new(task, clock, outbox);
    let name = shared.load.name.clone();
    let outcome = LocalSet::new().block_on(runtime, drive(&shared, stop));
    for event in shared.counters.borrow_mut().end_interval(clock.now()) {
        shared.outbox.borrow_mut().event(event);
    }
    let totals = shared.counters.borrow().totals().clone();
    shared.outbox.borrow_mut().event(EventKind::LoadEnded { load: name.clone(), totals: totals.clone() });
    shared.outbox.borrow_mut().flush();
    if outcome? {
        finished.send_if_modified(|finished| finished.insert(name.clone()));
    }
    if shared.outbox.borrow().overrun() {
        return Err(LoadError::Overrun { load: name });
    }
    Ok(LoadDone {
        name,
        totals,
        index: shared.index,
        keys: shared.keys.clone(),
        shards: shared.shards.clone(),
        written: shared.written.borrow().clone(),
        value_bytes_max: value_bytes_max(&shared.load),
    })
}

/// Runs the loop and reports every second. Returns whether the load did all that it was to do.
async fn drive(shared: &Rc<Shared>, stop: &StopSignal) -> Result<bool, LoadError> {
    shared.outbox.borrow_mut().event(EventKind::LoadStarted { load: shared.load.name.clone() });
    // The first operations should not pay for learning who owns what; workers cope when nobody tells.
    let _ = tokio::time::timeout(shared.load.client.timeout.0, shared.ask_around(None)).await;
    let work = async {
        match shared.load.pace.arrivals() {
            None => closed::run(shared, stop).await,
            Some(arrivals) => open::run(shared, arrivals, stop).await,
        }
    };
    let mut work = pin!(work);
    let mut progress = interval(PROGRESS_INTERVAL);
    progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
    progress.tick().await;
    loop {
        tokio::select! {
            ended = &mut work => return ended,
            _ = progress.tick() => report(shared),
        }
    }
}

fn report(shared: &Shared) {
    let events = shared.counters.borrow_mut().end_interval(shared.clock.now());
    let mut outbox = shared.outbox.borrow_mut();
    outbox.flush();
    for event in events {
        outbox.event(event);
    }
}

#[cfg(test)]
mod tests;
