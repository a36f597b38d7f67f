//! An open loop: it starts entries of the mix on a schedule, whether or not earlier ones have ended. A shard that is slow delays no
//! other.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};

use super::LoadError;
use super::climb::{Climb, ClimbEnd};
use super::draw::{Choice, RandomChoices};
use super::end::LoadEnd;
use super::op::MixCommand;
use super::orders::{HeardOrders, PaceChange};
use super::pacing::{Due, PreciseTimer};
use super::shared::Shared;
use super::worker::{StopSignal, Worker};
use super::worker_pool::{Assignment, DueEntry, ReadyEntry, Shards, WAITING_MAX, WorkerPool};
use crate::evidence::EventKind;
use crate::vocab::{Arrivals, Instant};

/// Starts that are handed out in one go when the schedule is behind: then the workers have their turn.
const BURST: u64 = 64;

/// Runs the load until it is done or stopped.
pub(crate) async fn run(
    shared: &Rc<Shared>,
    arrivals: Arrivals,
    orders: &mut HeardOrders,
) -> Result<LoadEnd, LoadError> {
    let open = Rc::new(OpenLoop {
        pool: RefCell::new(WorkerPool::new(shared.shards.count(), shared.load.workers(), shared.keys.highest())),
        shared: Rc::clone(shared),
        stop: orders.stop.clone(),
        workers_made: Cell::new(0),
        under_way: Cell::new(0),
        all_offered: Cell::new(false),
        ended: Notify::new(),
        closing: Cell::new(false),
    });
    let mut workers = JoinSet::new();
    let paced = open.pace(arrivals, orders, &mut workers).await;
    open.close();
    while let Some(ended) = workers.join_next().await {
        ended.map_err(|_| LoadError::BrokeDown { load: shared.load.name.clone() })?;
    }
    let end = |all_ended: bool| if all_ended { LoadEnd::Finished } else { LoadEnd::Stopped };
    paced.map(end).map_err(|source| LoadError::Resources { load: shared.load.name.clone(), source })
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
}

/// Where a free worker is handed its next entry.
#[derive(Default)]
struct WorkerInbox {
    task: Cell<Option<ReadyEntry>>,
    filled: Notify,
}

impl OpenLoop {
    /// Hands out every start when it is due. Returns whether all of them ended: not when the load was stopped before.
    async fn pace(
        self: &Rc<Self>,
        arrivals: Arrivals,
        orders: &mut HeardOrders,
        workers: &mut JoinSet<()>,
    ) -> io::Result<bool> {
        let clock = self.shared.clock;
        let alarm = PreciseTimer::new(clock)?;
        let mut starts = Schedule::new(&self.shared, arrivals);
        let mut behind = 0;
        while !self.stop.is_given() {
            let next = starts.peek();
            if starts.is_exhausted() {
                break;
            }
            if self.has_climbed(next.map(|start| start.intended)) {
                starts.end();
                break;
            }
            if let Some(start) = next.filter(|start| start.intended <= clock.now()) {
                if behind == BURST {
                    yield_now().await;
                    behind = 0;
                }
                self.offer(start, workers);
                starts.advance();
                behind += 1;
                continue;
            }
            behind = 0;
            let judgement = self.shared.climb.borrow().as_ref().and_then(Climb::next_judgement);
            let wakes = next.map(|start| start.intended).into_iter().chain(judgement).min();
            tokio::select! {
                waited = alarm.wait_until(wakes.unwrap_or_default()), if wakes.is_some() => waited?,
                Some(change) = orders.pace.recv() => starts.change(change),
                () = self.stop.given() => {}
            }
        }
        // Who changes the pace from now on is told that it is too late.
        orders.pace.close();
        while orders.pace.try_recv().is_ok() {}
        self.all_offered.set(true);
        while self.under_way.get() > 0 && !self.stop.is_given() {
            tokio::select! {
                () = self.ended.notified() => {}
                () = self.stop.given() => {}
            }
        }
        let all_ended = starts.is_exhausted() && self.under_way.get() == 0;
        self.wind_up(starts, workers).await;
        Ok(all_ended)
    }

    /// Offers what was due when the load was stopped, and has what waits begun if that takes no longer than an attempt may: on a
    /// shard that serves nothing is left by an accident of the last instant. The rest is recorded as never begun.
    async fn wind_up(self: &Rc<Self>, starts: Schedule, workers: &mut JoinSet<()>) {
        let clock = self.shared.clock;
        // The stop may be heard in the midst of a burst, which belongs together.
        let begun = starts.last.map_or(Instant::default(), |last| last.plus_nanos(1));
        let stopped = self.stop.since().unwrap_or_else(|| clock.now()).max(begun);
        let mut due = starts.take_while(|start| start.intended < stopped);
        for start in due.by_ref().take(WAITING_MAX) {
            self.offer(start, workers);
        }
        self.shared.counters().dropped(due.count() as u64);
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
            let shard = Shards::planned(self.shared.shards.of(start.choice.position));
            let due = Due { intended: start.intended, ready: now };
            let commands = start.choice.commands(0, &self.shared.mix);
            let not_started = |command: MixCommand<'_>| command.not_started(self.shared.index, shard, due, now);
            let not_started: Vec<_> = commands.map(not_started).collect();
            self.shared.ended(not_started.iter().map(|operation| (operation, &[][..])));
        }
    }

    /// Whether a staircase is at its end, by what has become of its stairs; `next` is when the next start is due.
    fn has_climbed(&self, next: Option<Instant>) -> bool {
        let judge = |climb: &mut Climb| climb.judge(self.shared.clock.now(), next);
        let Some(end) = self.shared.climb.borrow_mut().as_mut().and_then(judge) else { return false };
        let ClimbEnd { carried, broke_at } = end;
        let event = EventKind::ClimbEnded { load: self.shared.load.name.clone(), carried, broke_at };
        self.shared.outbox.borrow_mut().event(event);
        true
    }

    fn offer(self: &Rc<Self>, start: DueEntry, workers: &mut JoinSet<()>) {
        if let Some(climb) = self.shared.climb.borrow_mut().as_mut() {
            climb.due(start.intended);
        }
        let shard = self.shared.shards.of(start.choice.position);
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
                self.shared.counters().dropped(1);
            }
        }
    }

    /// A worker's life: it does its first entry, then what waits for its shard, then what is put into its inbox.
    async fn work(self: Rc<Self>, shard: usize, number: u16, first: ReadyEntry) {
        let mut worker = Worker::new(Rc::clone(&self.shared), number, self.stop.clone());
        let inbox = Rc::new(WorkerInbox::default());
        let mut tasks = vec![first];
        while !tasks.is_empty() {
            let start = |&(DueEntry { choice, intended }, ready): &ReadyEntry| (choice, Some(Due { intended, ready }));
            let ended = worker.entries(shard, tasks.iter().map(start)).await.ended;
            tasks = self.next(shard, &tasks, ended);
            if tasks.is_empty() && !self.closing.get() {
                self.pool.borrow_mut().add_free(shard, Rc::clone(&inbox), ended);
                inbox.filled.notified().await;
                tasks.extend(inbox.task.take());
            }
        }
    }

    fn next(&self, shard: usize, done: &[ReadyEntry], ended: Instant) -> Vec<ReadyEntry> {
        self.under_way.update(|under_way| under_way - done.len() as u64);
        let done: Vec<_> = done.iter().map(|(start, _)| *start).collect();
        let at_most = self.shared.load.pipeline().into();
        let next =
            if self.closing.get() { Vec::new() } else { self.pool.borrow_mut().next(shard, &done, ended, at_most) };
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
}

/// Everything that the load starts: the same for the same seed, whatever the servers do.
struct Schedule {
    shared: Rc<Shared>,
    draw: RandomChoices,
    arrivals: Arrivals,
    /// When the pace began.
    origin: Instant,
    /// How many starts were taken at this pace.
    taken: u64,
    /// How many are left in all.
    left: u64,
    /// When the last one that was taken was due.
    last: Option<Instant>,
    /// What the next one is to do, once anybody asked.
    choice: Option<Choice>,
}

impl Schedule {
    fn new(shared: &Rc<Shared>, arrivals: Arrivals) -> Self {
        let origin = shared.clock.now();
        let limit = shared.load.pace.kind().limit();
        *shared.climb.borrow_mut() = limit.map(|limit| Climb::new(limit, &arrivals, origin));
        Self {
            draw: RandomChoices::new((shared.seed, shared.index, 0), &shared.places, None),
            arrivals,
            origin,
            taken: 0,
            left: shared.load.operations.unwrap_or(u64::MAX),
            last: None,
            choice: None,
            shared: Rc::clone(shared),
        }
    }

    /// Whether there is nothing left to start: all operations are, or the last of a trace is.
    fn is_exhausted(&self) -> bool {
        self.left == 0 || self.arrivals.count().is_some_and(|count| self.taken >= count)
    }

    /// The next start; none if none is due at this pace.
    fn peek(&mut self) -> Option<DueEntry> {
        let intended = self.origin.plus_nanos(self.arrivals.due_nanos(self.taken).filter(|_| self.left > 0)?);
        let Some(choice) = self.choice.or_else(|| self.draw.choice(&self.shared.mix)) else {
            // No key is left to write.
            self.left = 0;
            return None;
        };
        self.choice = Some(choice);
        Some(DueEntry { intended, choice })
    }

    /// Goes on to the start after the next one.
    fn advance(&mut self) {
        self.last = self.peek().map(|start| start.intended);
        self.choice = None;
        self.taken += 1;
        self.left -= 1;
    }

    /// Starts nothing more.
    fn end(&mut self) {
        self.left = 0;
    }

    /// Goes on at another pace.
    fn change(&mut self, change: PaceChange) {
        let PaceChange { arrivals, applied } = change;
        // Its stairs are at an end.
        *self.shared.climb.borrow_mut() = None;
        // What became due just now is the first start at the new pace.
        let (now, next) = (self.shared.clock.now(), self.peek());
        self.origin = next.map_or(now, |start| start.intended.min(now));
        self.taken = 0;
        let load = self.shared.load.name.clone();
        let event = EventKind::PaceChanged { load, from: self.origin, arrivals: arrivals.clone() };
        self.shared.outbox.borrow_mut().event(event);
        self.arrivals = arrivals;
        // Who changed it may have given up.
        let _ = applied.send(());
    }
}

impl Iterator for Schedule {
    type Item = DueEntry;

    fn next(&mut self) -> Option<DueEntry> {
        let next = self.peek()?;
        self.advance();
        Some(next)
    }
}
