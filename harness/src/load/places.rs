//! Who begins a start of an open loop: a free worker of its key's shard, or the next that becomes free.

use std::collections::VecDeque;

use super::draw::Choice;
use super::keys::Turns;
use crate::vocab::{Instant, Ownership, Position};

/// Starts of a load that may wait. Whoever asks for more than that asks for nothing that could be worked off.
pub(crate) const WAITING_MAX: usize = 1_000_000;

/// Which shard a key belongs to: what one master owns at the start is one, whoever owns it later.
#[derive(Clone, Debug)]
pub(crate) struct Shards {
    /// The shard of each position; of those behind the last it is 0.
    by_position: Vec<u16>,
    count: usize,
}

impl Shards {
    /// What is in none of these sets is one more shard.
    pub(crate) fn new(sets: &[Ownership]) -> Self {
        let ends = sets.iter().flat_map(Ownership::ranges).map(|range| usize::from(range.last) + 1);
        let mut by_position = vec![0; ends.max().unwrap_or(0)];
        for (shard, set) in (1..).zip(sets) {
            for range in set.ranges() {
                by_position[usize::from(range.first)..=usize::from(range.last)].fill(shard);
            }
        }
        Self { by_position, count: sets.len() + 1 }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The shard of the keys at a position, from 0.
    pub(crate) fn of(&self, position: Position) -> usize {
        self.by_position.get(usize::from(position.0)).map_or(0, |&shard| usize::from(shard))
    }

    /// The shard of the keys at a position, by its place in the plan; none for what nobody owned at the start.
    pub(crate) fn planned(&self, position: Position) -> Option<u16> {
        self.by_position.get(usize::from(position.0))?.checked_sub(1)
    }
}

/// A start of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// When it is due.
    pub(crate) intended: Instant,
    /// What it is to do.
    pub(crate) choice: Choice,
}

/// A start that a worker may begin, and since when it could have.
pub(crate) type Task = (Start, Instant);

/// Who begins a start that is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<W> {
    /// A worker that was free.
    Free(W, Task),
    /// A new worker.
    New(Task),
    /// Whoever is free next.
    Waits,
    /// Nobody: too many wait.
    Dropped,
}

/// A shard's workers and what waits for them.
#[derive(Debug)]
struct Shard<W> {
    /// Workers that are free, and since when: who has been for longest comes first, so that all have something to do.
    free: VecDeque<(W, Instant)>,
    /// How many workers there are. They are made when they are needed.
    made: u16,
    waiting: VecDeque<Start>,
}

/// The workers of a load that are free, and the starts that wait. `W` is how a worker is reached.
#[derive(Debug)]
pub(crate) struct Places<W> {
    shards: Vec<Shard<W>>,
    turns: Turns<Start>,
    workers_max: u16,
    waiting: usize,
    waiting_max: usize,
}

impl<W> Places<W> {
    /// Places of at most so many workers on each shard, for a load with so many keys.
    pub(crate) fn new(shards: usize, workers_max: u16, keys: u32) -> Self {
        let shard = || Shard { free: VecDeque::new(), made: 0, waiting: VecDeque::new() };
        Self {
            shards: (0..shards).map(|_| shard()).collect(),
            turns: Turns::new(keys),
            workers_max,
            waiting: 0,
            waiting_max: WAITING_MAX,
        }
    }

    /// Finds a worker for a start that is due. A write of a key that is being written waits for its turn and keeps no worker.
    pub(crate) fn place(&mut self, shard: usize, start: Start) -> Place<W> {
        let written = start.choice.written_key();
        let queue = &mut self.shards[shard];
        let free_since = queue.free_since(self.workers_max);
        let in_turn = written.filter(|key| self.turns.is_taken(*key));
        match (free_since, in_turn) {
            (Some(since), None) => {
                written.map(|key| self.turns.take(key));
                let task = (start, since.max(start.intended));
                let free = queue.free.pop_front();
                queue.made += u16::from(free.is_none());
                free.map_or(Place::New(task), |(worker, _)| Place::Free(worker, task))
            }
            _ if self.waiting >= self.waiting_max => Place::Dropped,
            (free_since, in_turn) => {
                self.waiting += 1;
                match in_turn.filter(|_| free_since.is_some()) {
                    Some(key) => self.turns.wait(key, start),
                    None => queue.waiting.push_back(start),
                }
                Place::Waits
            }
        }
    }

    /// What a worker begins that has just ended a start: the next write of the key that it wrote, else what has waited longest.
    pub(crate) fn next(&mut self, shard: usize, done: &Start, ended: Instant) -> Option<Task> {
        let in_turn = done.choice.written_key().and_then(|key| self.turns.pass(key));
        let next = in_turn.or_else(|| self.longest_waiting(shard))?;
        self.waiting -= 1;
        Some((next, ended.max(next.intended)))
    }

    fn longest_waiting(&mut self, shard: usize) -> Option<Start> {
        while let Some(start) = self.shards[shard].waiting.pop_front() {
            match start.choice.written_key() {
                Some(key) if !self.turns.take(key) => self.turns.wait(key, start),
                _ => return Some(start),
            }
        }
        None
    }

    /// A worker has nothing to do since a moment.
    pub(crate) fn rest(&mut self, shard: usize, worker: W, since: Instant) {
        self.shards[shard].free.push_back((worker, since));
    }

    /// How many starts wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes what still waits, in the order in which it was due.
    pub(crate) fn left(&mut self) -> Vec<Start> {
        let queued = self.shards.iter_mut().flat_map(|shard| shard.waiting.drain(..));
        let mut left: Vec<_> = queued.chain(self.turns.left()).collect();
        left.sort_by_key(|start| start.intended);
        self.waiting = 0;
        left
    }

    /// Takes the workers that have nothing to do.
    pub(crate) fn free(&mut self) -> impl Iterator<Item = W> {
        self.shards.iter_mut().flat_map(|shard| shard.free.drain(..)).map(|(worker, _)| worker)
    }
}

impl<W> Shard<W> {
    /// Since when there has been a worker for one more start; none if there is none. One that has yet to be made was always there.
    fn free_since(&self, workers_max: u16) -> Option<Instant> {
        if self.made < workers_max { Some(Instant::default()) } else { self.free.front().map(|(_, since)| *since) }
    }
}

#[cfg(test)]
mod tests;
