//! An open loop: starts on a schedule, whatever became of those before. What waits for one shard keeps no other waiting.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
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
use crate::vocab::{Instant, Position};

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
        all_offered: Cell::new(false),
        ended: Notify::new(),
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
    /// Whether the schedule is at its end, or the load was stopped.
    all_offered: Cell<bool>,
    /// Told of every start that ends from then on.
    ended: Notify,
    /// Whether nothing is begun any more.
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
    async fn wind_up(self: &Rc<Self>, starts: impl Iterator<Item = Start>, workers: &mut JoinSet<()>) {
        let clock = self.shared.clock;
        let stopped = self.stop.since().unwrap_or_else(|| clock.now());
        let mut due = starts.take_while(|start| start.intended < stopped);
        for start in due.by_ref().take(WAITING_MAX) {
            self.offer(start, workers);
        }
        self.shared.tally.borrow_mut().dropped(due.count() as u64);
        let mut patience = pin!(tokio::time::sleep(self.shared.load.client.timeout.0));
        while self.places.borrow().waiting() > 0 {
            tokio::select! {
                () = self.ended.notified() => {}
                () = &mut patience => break,
            }
        }
        self.closing.set(true);
        let left = self.places.borrow_mut().left();
        let now = clock.now();
        for start in left.iter().filter(|start| start.intended < stopped) {
            let shard = self.shared.shards.planned(self.position_of(start));
            for command in start.choice.commands(&self.shared.load.mix) {
                let due = Due { intended: start.intended, ready: now };
                self.shared.ended(command.not_started(self.shared.index, shard, due, now));
            }
        }
    }

    fn offer(self: &Rc<Self>, start: Start, workers: &mut JoinSet<()>) {
        let shard = self.shared.shards.of(self.position_of(&start));
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
        let next = if self.closing.get() { None } else { self.places.borrow_mut().next(shard, done, ended) };
        if self.all_offered.get() {
            self.ended.notify_one();
        }
        next
    }

    /// Lets the workers end: those that are free now, the others when they have done what they do.
    fn close(&self) {
        self.closing.set(true);
        for desk in self.places.borrow_mut().free() {
            desk.filled.notify_one();
        }
    }

    fn position_of(&self, start: &Start) -> Position {
        let mut key = self.key.borrow_mut();
        self.shared.keys.text(start.choice.key, &mut key);
        self.shared.deployment.system().position_of(&key)
    }
}

/// All that the load starts. The same seed has it start the same, whatever the servers do.
fn starts(shared: &Rc<Shared>, schedule: Schedule) -> impl Iterator<Item = Start> + use<> {
    let shared = Rc::clone(shared);
    let mut draw = Draw::new(shared.seed, shared.index, 0, shared.keys.clone());
    (0..shared.load.operations.unwrap_or(u64::MAX))
        .map_while(move |nth| Some(Start { intended: schedule.intended(nth), choice: draw.choice(&shared.load.mix)? }))
}
