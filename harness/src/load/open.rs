//! An open loop: starts on a schedule, whatever became of those before. What waits for one shard keeps no other waiting.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};

use super::LoadError;
use super::client::Due;
use super::draw::Draw;
use super::pacing::{Alarm, Schedule};
use super::places::{Place, Places, Start, Task, WAITING_MAX};
use super::shared::Shared;
use super::worker::{StopSignal, Worker};
use crate::vocab::{Instant, Slot};

/// Starts that are handed out in one go when the schedule is behind: then the workers have their turn.
const BURST: u64 = 64;

/// Runs the load until it is done or stopped. Returns whether it is done.
pub(crate) async fn run(shared: &Rc<Shared>, per_second: u32, stop: &StopSignal) -> Result<bool, LoadError> {
    let open = Rc::new(Open {
        places: RefCell::new(Places::new(shared.shards.count(), shared.load.workers(), shared.keys.count())),
        shared: Rc::clone(shared),
        stop: stop.clone(),
        workers_made: Cell::new(0),
        under_way: Cell::new(0),
        all_ended: Notify::new(),
        closing: Cell::new(false),
        key: RefCell::new(Vec::new()),
    });
    let mut workers = JoinSet::new();
    let paced = open.pace(per_second, &mut workers).await;
    open.close();
    while let Some(ended) = workers.join_next().await {
        ended.map_err(|_| LoadError::BrokeDown { load: shared.load.name.clone() })?;
    }
    paced.map_err(|source| LoadError::Resources { load: shared.load.name.clone(), source })
}

struct Open {
    shared: Rc<Shared>,
    stop: StopSignal,
    places: RefCell<Places<Rc<Desk>>>,
    workers_made: Cell<u16>,
    /// Starts that were due and have not ended, those that wait among them.
    under_way: Cell<u64>,
    all_ended: Notify,
    /// Whether no start comes any more.
    closing: Cell<bool>,
    /// Where a key's text is put together.
    key: RefCell<Vec<u8>>,
}

/// Where a worker that is free gets its next task.
#[derive(Default)]
struct Desk {
    task: Cell<Option<Task>>,
    filled: Notify,
}

impl Open {
    /// Hands out every start when it is due. Returns whether all of them ended: not when the load was stopped before.
    async fn pace(self: &Rc<Self>, per_second: u32, workers: &mut JoinSet<()>) -> io::Result<bool> {
        let clock = self.shared.clock;
        let alarm = Alarm::new(clock)?;
        let mut starts = starts(&self.shared, Schedule { origin: clock.now(), per_second }).peekable();
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
                self.leave(starts);
                return Ok(false);
            }
            self.offer(start, workers);
            starts.next();
            behind += 1;
        }
        while self.under_way.get() > 0 {
            tokio::select! {
                () = self.all_ended.notified() => {}
                () = self.stop.given() => {
                    self.leave(std::iter::empty());
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn offer(self: &Rc<Self>, start: Start, workers: &mut JoinSet<()>) {
        let shard = self.shard_of(&start);
        self.under_way.update(|under_way| under_way + 1);
        let place = self.places.borrow_mut().place(shard, start);
        match place {
            Place::Free(desk, task) => {
                desk.task.set(Some(task));
                desk.filled.notify_one();
            }
            Place::New(task) => {
                let number = self.workers_made.get();
                self.workers_made.set(number + 1);
                workers.spawn_local(Rc::clone(self).work(shard, number, task));
            }
            Place::Waits => {}
            Place::Dropped => {
                self.under_way.update(|under_way| under_way - 1);
                self.shared.tally.borrow_mut().dropped(1);
            }
        }
    }

    /// A worker's life: what waits for its shard, then what is put on its desk.
    async fn work(self: Rc<Self>, shard: usize, number: u16, first: Task) {
        let mut worker = Worker::new(Rc::clone(&self.shared), number, self.stop.clone());
        let desk = Rc::new(Desk::default());
        let mut task = Some(first);
        while let Some((start, ready)) = task {
            let ended = worker.entry(&start.choice, Some(Due { intended: start.intended, ready })).await;
            task = self.next(shard, &start, ended);
            if task.is_none() && !self.closing.get() {
                self.places.borrow_mut().rest(shard, Rc::clone(&desk), ended);
                desk.filled.notified().await;
                task = desk.task.take();
            }
        }
    }

    fn next(&self, shard: usize, done: &Start, ended: Instant) -> Option<Task> {
        self.under_way.update(|under_way| under_way - 1);
        if self.under_way.get() == 0 {
            self.all_ended.notify_one();
        }
        if self.stop.is_given() { None } else { self.places.borrow_mut().next(shard, done, ended) }
    }

    /// Lets the workers end: those that are free now, the others when they have done what they do.
    fn close(&self) {
        self.closing.set(true);
        for desk in self.places.borrow_mut().free() {
            desk.filled.notify_one();
        }
    }

    /// Records every start that was due when the load was stopped and that nobody has begun: what waits, and those that the driver
    /// itself had not come to.
    fn leave(&self, unoffered: impl Iterator<Item = Start>) {
        let stopped = self.stop.since().unwrap_or_else(|| self.shared.clock.now());
        let is_due = |start: &Start| start.intended < stopped;
        let waiting = self.places.borrow_mut().left();
        for start in waiting.iter().filter(|start| is_due(start)) {
            self.never_begun(start, stopped, stopped);
        }
        let mut late = unoffered.take_while(is_due);
        for start in late.by_ref().take(WAITING_MAX) {
            let ready = self.places.borrow().ready(self.shard_of(&start), &start);
            self.never_begun(&start, ready.unwrap_or(stopped).min(stopped), stopped);
        }
        self.shared.tally.borrow_mut().dropped(late.count() as u64);
    }

    fn never_begun(&self, start: &Start, ready: Instant, stopped: Instant) {
        let due = Due { intended: start.intended, ready };
        for command in start.choice.commands(&self.shared.load.mix) {
            self.shared.ended(command.not_started(self.shared.index, due, stopped));
        }
    }

    fn shard_of(&self, start: &Start) -> usize {
        let mut key = self.key.borrow_mut();
        self.shared.keys.text(start.choice.key, &mut key);
        self.shared.shards.of_slot(Slot::of_key(&key))
    }
}

/// All that the load starts. The same seed has it start the same, whatever the servers do.
fn starts(shared: &Rc<Shared>, schedule: Schedule) -> impl Iterator<Item = Start> + use<> {
    let shared = Rc::clone(shared);
    let mut draw = Draw::new(shared.seed, shared.index, 0, shared.keys.clone());
    (0..shared.load.operations.unwrap_or(u64::MAX))
        .map_while(move |nth| Some(Start { intended: schedule.intended(nth), choice: draw.choice(&shared.load.mix)? }))
}
