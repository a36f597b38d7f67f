//! The driver: starts every load on threads of its own, and stops them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::crowd::{Crowd, IdleSeen};
use super::end::LoadEnd;
use super::key_space::{KeySpace, WrittenKeys};
use super::listeners::Listeners;
use super::orders::{HeardOrders, Orders};
use super::parts::{Part, PartEnd, Parts, cpu_of_thread_nanos};
use super::recorder::{HistoryRecorder, Outbox};
use super::shared::{Shared, value_bytes_max, written_bytes_max};
use super::subscribers::{self, Subscribers};
use super::value::ID_BYTES;
use super::worker_pool::Shards;
use super::{LoadError, LoadTask, Op, closed, open};
use crate::evidence::{Clock, EventKind, Journal, LoadIndex, LoadTotals, MIX_ENTRIES_MAX, NO_WORKER, RunDirectory};
use crate::system::System;
use crate::vocab::{self, Arrivals};

/// How often a load reports.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How long a load waits at most to learn who owns what before it begins.
const FIRST_LOOK_BOUND: Duration = Duration::from_millis(500);

/// By then a load has noticed which of its idle connections are closed: those of a process that is gone are closed by its kernel.
const LOSS_NOTICED: Duration = Duration::from_millis(50);

/// How much longer than its deadline a load may take to end: for a machine that is busy.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// Loads that run. Dropping them stops them too, but nobody learns what came of it.
pub struct RunningLoads {
    loads: Vec<RunningLoad>,
    recorder: HistoryRecorder,
    history: PathBuf,
    clock: Clock,
    ended: watch::Receiver<LoadEnds>,
}

struct RunningLoad {
    name: String,
    stops_within: Duration,
    /// How many idle connections it is to have.
    idle: u32,
    orders: Orders,
    done: oneshot::Receiver<Result<LoadDone, LoadError>>,
}

/// How each load ended that did.
type LoadEnds = BTreeMap<String, LoadEnd>;

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
    /// The system that it drove.
    pub(crate) system: Arc<dyn System>,
    /// That one's nodes, by their indexes in the plan.
    pub(crate) nodes: Vec<u16>,
    /// Every key it attempted to write.
    pub(crate) written: WrittenKeys,
    /// How many keys a group of them has.
    pub(crate) group_keys: u16,
    /// The size of the largest value that was written to them.
    pub(crate) written_bytes_max: usize,
    /// The size of the largest value that may be read.
    pub(crate) value_bytes_max: usize,
}

impl RunningLoads {
    /// Starts every load on OS threads of its own, each with a runtime of its own, so that neither the observer nor another
    /// load disturbs it. The history is created in that directory.
    ///
    /// Each load journals `LoadStarted`, `Progress` every second, `SlowOperation` and `LoadEnded`.
    pub fn start(tasks: &[LoadTask], journal: Journal, directory: &RunDirectory) -> Result<Self, LoadError> {
        for task in tasks {
            check(task)?;
        }
        let clock = journal.clock();
        let recorder = HistoryRecorder::start(directory, journal)?;
        let (tell_ended, ended) = watch::channel(LoadEnds::new());
        let start = |task| start(task, clock, || recorder.outbox(), &tell_ended);
        let loads = tasks.iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self { loads, recorder, history: directory.history(), clock, ended })
    }

    /// How a load ended; none if it does not within that time.
    pub async fn end_of(&self, load: &str, within: Duration) -> Option<LoadEnd> {
        let mut ended = self.ended.clone();
        let end = tokio::time::timeout(within, ended.wait_for(|ended| ended.contains_key(load))).await.ok()?;
        match end {
            Ok(ended) => ended.get(load).copied(),
            // A load that broke down tells nothing. Why is for the end of the run to say.
            Err(_) => Some(LoadEnd::Stopped),
        }
    }

    /// Waits until a load has ended like that; else says how it is after that time.
    pub async fn await_end(&self, load: &str, wanted: LoadEnd, within: Duration) -> Result<(), String> {
        match self.end_of(load, within).await {
            Some(end) if end == wanted => Ok(()),
            Some(end) => Err(format!("load `{load}` {end}")),
            None => Err(format!("load `{load}` still runs")),
        }
    }

    /// Waits until so many idle connections of a load are open, as seen a while after `since`; else says how many are after that
    /// time.
    pub async fn await_connected(
        &self,
        load: &str,
        count: u32,
        since: vocab::Instant,
        within: Duration,
    ) -> Result<(), String> {
        let running = self.running(load).map_err(|error| error.to_string())?;
        let mut seen = running.orders.idle();
        let noticed = since.plus_nanos(vocab::Duration(LOSS_NOTICED).as_nanos());
        let enough = |seen: &IdleSeen| seen.at >= noticed && seen.open >= count;
        let met = tokio::time::timeout(within, seen.wait_for(enough)).await.is_ok_and(|seen| seen.is_ok());
        if met {
            return Ok(());
        }
        let open = seen.borrow().open;
        Err(format!("{open} of {} idle connections of load `{load}` are open", running.idle))
    }

    /// Has a load begin that waits for it.
    pub fn begin(&self, load: &str) -> Result<(), LoadError> {
        self.running(load)?.orders.begin();
        Ok(())
    }

    /// Has a load go on at another pace: what was due before is started before. Errors if it has ended, or cannot follow.
    pub async fn change_pace(&self, load: &str, arrivals: Arrivals) -> Result<(), LoadError> {
        let running = self.running(load)?;
        let failed = |reason| LoadError::NotRunning { load: load.to_owned(), reason };
        match tokio::time::timeout(STOP_MARGIN, running.orders.change_pace(arrivals)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(failed("had ended before its pace could be changed")),
            Err(_) => Err(failed("was so far behind its schedule that its pace could not be changed")),
        }
    }

    /// Stops one load, as [`Self::stop`] stops them all, and waits until it has ended.
    pub async fn stop_one(&self, load: &str) -> Result<(), LoadError> {
        let running = self.running(load)?;
        running.orders.stop(self.clock.now());
        let end = self.end_of(load, running.stops_within).await;
        end.map(drop).ok_or_else(|| LoadError::Stuck { load: load.to_owned() })
    }

    /// Now, on the run's clock.
    #[cfg(test)]
    pub(crate) fn now(&self) -> vocab::Instant {
        self.clock.now()
    }

    fn running(&self, load: &str) -> Result<&RunningLoad, LoadError> {
        let unknown = || LoadError::NotRunning { load: load.to_owned(), reason: "does not exist" };
        self.loads.iter().find(|running| running.name == load).ok_or_else(unknown)
    }

    /// Begins nothing that was not due before, lets what is under way end, and closes the history. What was due and has no
    /// worker for as long as an attempt may take is told to be never begun. Takes at most the longest timeout and deadline of a
    /// load's client and a margin, whatever the servers do.
    ///
    /// An error means that the history has a hole and must not be judged.
    pub async fn stop(self) -> Result<LoadsDone, LoadError> {
        let now = self.clock.now();
        self.loads.iter().for_each(|load| load.orders.stop(now));
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
    let shares_keys = load.pace.is_closed() && !load.contended && load.mix.iter().any(Op::takes_turns);
    let workers = usize::from(load.workers()) * if load.pace.is_closed() { 1 } else { task.shards.len() + 1 };
    let reason = if task.index > LoadIndex::from(u8::MAX) {
        "there are more than 256 loads"
    } else if load.workers() == 0 {
        "it has no workers"
    } else if workers >= usize::from(NO_WORKER) {
        "it has more than 65534 workers"
    } else if load.is_idle() {
        return Ok(());
    } else if load.keys.count() == 0 {
        "it has no keys"
    } else if shares_keys && load.keys.count() < u32::from(load.workers()) {
        "it has fewer keys than workers, and each key is written by one worker"
    } else if load.mix.iter().all(|op| op.weight() == 0) {
        "its mix has nothing to choose from"
    } else if load.mix.len() > MIX_ENTRIES_MAX {
        "its mix has more than 65535 entries"
    } else if load.mix.iter().filter_map(|op| op.kind().value()).any(|size| size.bytes_min() < ID_BYTES as u64) {
        "a value is smaller than the 16 bytes of its id"
    } else if load.pace.arrivals().is_some_and(|arrivals| arrivals.due_nanos(0).is_none()) {
        "its rate is zero"
    } else if load.connections.shared().is_some_and(|count| count < load.threads()) {
        "it has fewer connections than threads"
    } else {
        return Ok(());
    };
    Err(LoadError::Meaningless { load: load.name.clone(), reason })
}

fn start(
    task: &LoadTask,
    clock: Clock,
    outbox: impl Fn() -> Outbox,
    ended: &watch::Sender<LoadEnds>,
) -> Result<RunningLoad, LoadError> {
    let (index, name) = (task.index, task.load.name.clone());
    let client = &task.load.client;
    let listens_on = task.load.subscribers.map_or(Duration::ZERO, |_| subscribers::END_BOUND);
    // Who was told to stop asks each master for its lock once more at most, and gives it back on one after the other.
    let node_timeout = task.load.mix.iter().filter_map(|op| Some(op.kind().lock()?.node_timeout.0)).max();
    let asked = u32::try_from(2 * task.seeds.len()).unwrap_or(u32::MAX);
    let gives_back = node_timeout.unwrap_or_default().saturating_mul(asked);
    let stops_within = client.deadline.0 + client.timeout.0 + gives_back + listens_on + STOP_MARGIN;
    let resources = |source| LoadError::Resources { load: name.clone(), source };
    let (tell, done) = oneshot::channel();
    let tell = Arc::new(Mutex::new(Some(tell)));
    let (orders, heard) = Orders::new(task.waits);
    let others: Vec<_> = (1..task.load.threads()).map(|_| heard.also()).collect();
    for (part, heard) in Parts::of(task.load.threads()).into_iter().zip(std::iter::once(heard).chain(others)) {
        let mut runtime = Builder::new_current_thread();
        task.rest.watch(runtime.enable_all());
        let runtime = runtime.build().map_err(resources)?;
        // The readers of waits for a processor know the threads by this.
        let thread_name =
            if part.is_first() { format!("load-{index}") } else { format!("load-{index}.{}", part.number) };
        let (task, outbox, ended, tell) = (task.clone(), outbox(), ended.clone(), Arc::clone(&tell));
        let body = move || {
            let Some(done) = run(&runtime, task, part, clock, outbox, heard, &ended) else { return };
            if let Some(tell) = tell.lock().unwrap_or_else(PoisonError::into_inner).take() {
                // Nobody listens any more when the loads were dropped instead of stopped.
                let _ = tell.send(done);
            }
        };
        thread::Builder::new().name(thread_name).spawn(body).map_err(resources)?;
    }
    Ok(RunningLoad { name, stops_within, idle: task.load.idle.unwrap_or(0), orders, done })
}

/// Runs a part of a load to its end on this thread. Returns what came of the load if no other part is left.
fn run(
    runtime: &Runtime,
    task: LoadTask,
    part: Part,
    clock: Clock,
    outbox: Outbox,
    mut orders: HeardOrders,
    ended: &watch::Sender<LoadEnds>,
) -> Option<Result<LoadDone, LoadError>> {
    let begins = runtime.block_on(orders.begins());
    let recorder_began_nanos = outbox.recorder_cpu_nanos();
    let shared = Shared::new(task, part, clock, outbox);
    let tasks = LocalSet::new();
    let (outcome, subscribers) =
        if begins { tasks.block_on(runtime, drive(&shared, orders)) } else { (Ok(LoadEnd::Stopped), None) };
    shared.outbox.borrow_mut().flush();
    let parts = &shared.part.parts;
    let (written, overrun) = (shared.written.borrow().clone(), shared.outbox.borrow().overrun());
    let connections = shared.dialer.totals();
    for (kind, text) in shared.dialer.refusals() {
        shared.counters().error_replied(kind, &text);
    }
    let idle = shared.idle.take();
    let cpu_nanos = cpu_of_thread_nanos();
    let all = parts.end(PartEnd { outcome, written, overrun, connections, idle, cpu_nanos })?;
    for event in shared.counters().end_interval(clock.now()) {
        shared.outbox.borrow_mut().event(event);
    }
    let name = shared.load.name.clone();
    let recorder_nanos = shared.outbox.borrow().recorder_cpu_nanos().saturating_sub(recorder_began_nanos);
    let totals = LoadTotals {
        connections: all.connections,
        idle: all.idle,
        cpu_nanos: all.cpu_nanos + recorder_nanos,
        ..shared.counters().totals().clone()
    };
    if begins {
        shared.outbox.borrow_mut().event(EventKind::LoadEnded { load: name.clone(), totals: totals.clone() });
    }
    if let Some(subscribers) = subscribers {
        tasks.block_on(runtime, subscribers.finish());
        shared.outbox.borrow_mut().flush();
    }
    // Also of one that broke down: who waits for its end must not wait in vain.
    let end = all.outcome.as_ref().copied().unwrap_or(LoadEnd::Stopped);
    ended.send_modify(|ended| {
        ended.insert(name.clone(), end);
    });
    let overrun = all.overrun || shared.outbox.borrow().overrun();
    Some(all.outcome.and_then(|_| {
        if overrun {
            return Err(LoadError::Overrun { load: name.clone() });
        }
        Ok(LoadDone {
            name,
            totals,
            index: shared.index,
            keys: shared.keys.clone(),
            shards: shared.shards.clone(),
            system: Arc::clone(&shared.system),
            nodes: shared.nodes.clone(),
            written: all.written,
            group_keys: shared.load.mix.iter().find_map(|op| op.kind().keys()).unwrap_or(0),
            written_bytes_max: written_bytes_max(&shared.load).unwrap_or(0),
            value_bytes_max: value_bytes_max(&shared.load),
        })
    }))
}

/// Runs the loop, reports every second and asks who owns what as often as the client does of its own accord. Subscribers outlast it.
async fn drive(shared: &Rc<Shared>, mut orders: HeardOrders) -> (Result<LoadEnd, LoadError>, Option<Subscribers>) {
    // From here on its counts go into intervals.
    drop(shared.counters());
    if shared.part.is_first() {
        shared.outbox.borrow_mut().event(EventKind::LoadStarted { load: shared.load.name.clone() });
    }
    // The first operations should not pay for learning who owns what; workers cope when nobody tells.
    // Starts are due from then on, so a silent node must not keep them for as long as a patient client waits.
    let first_look = shared.load.client.timeout.0.min(FIRST_LOOK_BOUND);
    let _ = tokio::time::timeout(first_look, shared.ask_around(None)).await;
    let _listeners = Listeners::open(shared);
    let crowd = shared.load.idle.filter(|_| shared.part.is_first());
    let crowd = crowd.map(|size| Crowd::open(shared, size, orders.idle.clone()));
    let subscribers = shared.load.subscribers.filter(|_| shared.part.is_first());
    let subscribers = subscribers.map(|count| Subscribers::open(shared, count));
    if let Some(subscribers) = &subscribers {
        subscribers.subscribed().await;
    }
    let work = async {
        if shared.load.is_idle() {
            orders.stop.given().await;
            return Ok(LoadEnd::Stopped);
        }
        match shared.load.pace.arrivals() {
            None => closed::run(shared, &orders.stop).await,
            Some(arrivals) => open::run(shared, arrivals, &mut orders).await,
        }
    };
    let mut work = pin!(work);
    let mut progress = interval_from_now(PROGRESS_INTERVAL);
    let refreshes = shared.load.client.refresh_every;
    let mut refresh = interval_from_now(refreshes.map_or(PROGRESS_INTERVAL, |every| every.0));
    loop {
        tokio::select! {
            ended = &mut work => {
                shared.idle.replace(crowd.as_ref().map(Crowd::totals));
                return (ended, subscribers);
            }
            _ = progress.tick() => report(shared),
            _ = refresh.tick(), if refreshes.is_some() => shared.refresh(None),
        }
    }
}

/// Ticks for the first time when so much has passed.
fn interval_from_now(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn report(shared: &Shared) {
    let mut outbox = shared.outbox.borrow_mut();
    outbox.flush();
    let (now, mut counters) = (shared.clock.now(), shared.counters());
    if counters.is_due(now, PROGRESS_INTERVAL) {
        counters.end_interval(now).into_iter().for_each(|event| outbox.event(event));
    }
}

#[cfg(test)]
mod tests;
