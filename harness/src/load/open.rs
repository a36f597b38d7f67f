//! An open loop: it starts entries of the mix on a schedule, whether or not earlier ones have ended. A shard that is slow delays no
//! other.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};

use super::LoadError;
use super::draw::RandomChoices;
use super::pacing::{Due, PreciseTimer};
use super::shared::Shared;
use super::worker::{StopSignal, Worker};
use super::worker_pool::{Assignment, DueEntry, ReadyEntry, WAITING_MAX, WorkerPool};
use crate::vocab::{Arrivals, Instant, Position};

/// Starts that are handed out in one go when the schedule is behind: then the workers have their turn.
const BURST: u64 = 64;

/// Runs the load until it is done or stopped. Returns whether it is done.
pub(crate) async fn run(shared: &Rc<Shared>, arrivals: Arrivals, stop: &StopSignal) -> Result<bool, LoadError> {
    let open = Rc::new(OpenLoop {
        pool: RefCell::new(WorkerPool::new(shared.shards.count(), shared.load.workers(), shared.keys.count())),
        shared: Rc::clone(shared),
        stop: stop.clone(),
        workers_made: Cell::new(0),
        under_way: Cell::new(0),
        all_offered: Cell::new(false),
        ended: Notify::new(),
        closing: Cell::new(false),
        key: RefCell::new(Vec::new()),
    });
    let mut workers = JoinSet::new();
    let paced = open.pace(arrivals, &mut workers).await;
    open.close();
    while let Some(ended) = workers.join_next().await {
        ended.map_err(|_| LoadError::BrokeDown { load: shared.load.name.clone() })?;
    }
    paced.map_err(|source| LoadError::Resources { load: shared.load.name.clone(), source })
}

struct OpenLoop {
    shared: Rc<Shared>,
    stop: StopSignal,
    pool: RefCell<WorkerPool<Rc<WorkerInbox>>>,
    workers_made: Cell<u16>,
    /// Starts that were due and have not ended, those that wait among them.
    under_way: Cell<u64>,
    /// Whether the schedule is at its end, or the load was stopped.
    all_offered: Cell<bool>,
    /// Told of every start that ends from then on.
    ended: Notify,
    /// Whether nothing is begun any more.
    closing: Cell<bool>,
    /// Where a key's text is put together.
    key: RefCell<Vec<u8>>,
}

/// Where a free worker is handed its next entry.
#[derive(Default)]
struct WorkerInbox {
    task: Cell<Option<ReadyEntry>>,
    filled: Notify,
}

impl OpenLoop {
    /// Hands out every start when it is due. Returns whether all of them ended: not when the load was stopped before.
    async fn pace(self: &Rc<Self>, arrivals: Arrivals, workers: &mut JoinSet<()>) -> io::Result<bool> {
        let clock = self.shared.clock;
        let alarm = PreciseTimer::new(clock)?;
        let mut starts = starts(&self.shared, arrivals, clock.now()).peekable();
        let mut behind = 0;
        while let Some(&start) = starts.peek() {
            if clock.now() < start.intended {
                tokio::select! {
                    waited = alarm.wait_until(start.intended) => waited?,
                    () = self.stop.given() => {}
                }
                behind = 0;
            } else if behind == BURST {
                yield_now().await;
                behind = 0;
            }
            if self.stop.is_given() {
                break;
            }
            self.offer(start, workers);
            starts.next();
            behind += 1;
        }
        self.all_offered.set(true);
        while self.under_way.get() > 0 && !self.stop.is_given() {
            tokio::select! {
                () = self.ended.notified() => {}
                () = self.stop.given() => {}
            }
        }
        let all_ended = starts.peek().is_none() && self.under_way.get() == 0;
        self.wind_up(starts, workers).await;
        Ok(all_ended)
    }

    /// Offers what was due when the load was stopped, and has what waits begun if that takes no longer than an attempt may: on a
    /// shard that serves nothing is left by an accident of the last instant. The rest is recorded as never begun.
    async fn wind_up(self: &Rc<Self>, starts: impl Iterator<Item = DueEntry>, workers: &mut JoinSet<()>) {
        let clock = self.shared.clock;
        let stopped = self.stop.since().unwrap_or_else(|| clock.now());
        let mut due = starts.take_while(|start| start.intended < stopped);
        for start in due.by_ref().take(WAITING_MAX) {
            self.offer(start, workers);
        }
        self.shared.counters.borrow_mut().dropped(due.count() as u64);
        let mut grace = pin!(tokio::time::sleep(self.shared.load.client.timeout.0));
        while self.pool.borrow().waiting() > 0 {
            tokio::select! {
                () = self.ended.notified() => {}
                () = &mut grace => break,
            }
        }
        self.closing.set(true);
        let left = self.pool.borrow_mut().take_waiting();
        let now = clock.now();
        for start in left.iter().filter(|start| start.intended < stopped) {
            let shard = self.shared.shards.planned(self.position_of(start));
            for command in start.choice.commands(&self.shared.load.mix) {
                let due = Due { intended: start.intended, ready: now };
                self.shared.ended(command.not_started(self.shared.index, shard, due, now));
            }
        }
    }

    fn offer(self: &Rc<Self>, start: DueEntry, workers: &mut JoinSet<()>) {
        let shard = self.shared.shards.of(self.position_of(&start));
        self.under_way.update(|under_way| under_way + 1);
        let assignment = self.pool.borrow_mut().assign(shard, start);
        match assignment {
            Assignment::Free(inbox, task) => {
                inbox.task.set(Some(task));
                inbox.filled.notify_one();
            }
            Assignment::New(task) => {
                let number = self.workers_made.get();
                self.workers_made.set(number + 1);
                workers.spawn_local(Rc::clone(self).work(shard, number, task));
            }
            Assignment::Waits => {}
            Assignment::Dropped => {
                self.under_way.update(|under_way| under_way - 1);
                self.shared.counters.borrow_mut().dropped(1);
            }
        }
    }

    /// A worker's life: it does its first entry, then what waits for its shard, then what is put into its inbox.
    async fn work(self: Rc<Self>, shard: usize, number: u16, first: ReadyEntry) {
        let mut worker = Worker::new(Rc::clone(&self.shared), number, self.stop.clone());
        let inbox = Rc::new(WorkerInbox::default());
        let mut task = Some(first);
        while let Some((start, ready)) = task {
            let ended = worker.entry(&start.choice, Some(Due { intended: start.intended, ready })).await;
            task = self.next(shard, &start, ended);
            if task.is_none() && !self.closing.get() {
                self.pool.borrow_mut().add_free(shard, Rc::clone(&inbox), ended);
                inbox.filled.notified().await;
                task = inbox.task.take();
            }
        }
    }

    fn next(&self, shard: usize, done: &DueEntry, ended: Instant) -> Option<ReadyEntry> {
        self.under_way.update(|under_way| under_way - 1);
        let next = if self.closing.get() { None } else { self.pool.borrow_mut().next(shard, done, ended) };
        if self.all_offered.get() {
            self.ended.notify_one();
        }
        next
    }

    /// Lets the workers end: those that are free now, the others when they have done what they do.
    fn close(&self) {
        self.closing.set(true);
        for inbox in self.pool.borrow_mut().take_free() {
            inbox.filled.notify_one();
        }
    }

    fn position_of(&self, start: &DueEntry) -> Position {
        let mut key = self.key.borrow_mut();
        self.shared.keys.text(start.choice.key, &mut key);
        self.shared.deployment.system().position_of(&key)
    }
}

/// Everything that the load starts: the same for the same seed, whatever the servers do.
fn starts(shared: &Rc<Shared>, arrivals: Arrivals, origin: Instant) -> impl Iterator<Item = DueEntry> + use<> {
    let shared = Rc::clone(shared);
    let mut draw = RandomChoices::new(shared.seed, shared.index, 0, shared.keys.clone());
    (0..shared.load.operations.unwrap_or(u64::MAX)).map_while(move |nth| {
        let intended = origin.plus_nanos(arrivals.due_nanos(nth)?);
        Some(DueEntry { intended, choice: draw.choice(&shared.load.mix)? })
    })
}
