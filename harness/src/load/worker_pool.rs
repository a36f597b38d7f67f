//! The workers of an open loop. What is due goes to a free worker of its key's shard, or to the next one that becomes free.

use std::collections::VecDeque;

use super::draw::Choice;
use super::key_space::WriteLocks;
use crate::vocab::{Instant, Ownership, Position};

/// How many starts of a load may wait. A load that is further behind than this would never catch up.
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

    /// The first position of each, in their order, without those that nobody owned.
    pub(crate) fn first_positions(&self) -> Vec<Position> {
        let first = |shard| self.by_position.iter().position(|owner| usize::from(*owner) == shard);
        let positions = (1..self.count).filter_map(first).filter_map(|position| u16::try_from(position).ok());
        positions.map(Position).collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The shard of the keys at a position, from 0.
    pub(crate) fn of(&self, position: Position) -> usize {
        self.by_position.get(usize::from(position.0)).map_or(0, |&shard| usize::from(shard))
    }

    /// A shard's place in the plan; none for what nobody owned at the start.
    pub(crate) fn planned(shard: usize) -> Option<u16> {
        u16::try_from(shard.checked_sub(1)?).ok()
    }
}

/// An entry of the mix that the schedule starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DueEntry {
    /// When it is due.
    pub(crate) intended: Instant,
    /// What it is to do.
    pub(crate) choice: Choice,
}

/// An entry that a worker may start now, and since when it could have been started.
pub(crate) type ReadyEntry = (DueEntry, Instant);

/// Who starts an entry that is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Assignment<W> {
    /// A worker that was free.
    Free(W, ReadyEntry),
    /// A new worker.
    New(ReadyEntry),
    /// Nobody yet: it waits for the next free worker, or for its key's lock.
    Waits,
    /// Nobody: too many wait.
    Dropped,
}

/// A shard's workers and what waits for them.
#[derive(Debug)]
struct ShardQueue<W> {
    /// The free workers, and since when they are free. The one that has been free longest is next, so that the work is spread.
    free: VecDeque<(W, Instant)>,
    /// How many workers there are: they are made when they are needed.
    made: u16,
    waiting: VecDeque<DueEntry>,
}

/// A load's free workers, and the entries that wait for one. `W` is how a worker is reached.
#[derive(Debug)]
pub(crate) struct WorkerPool<W> {
    shards: Vec<ShardQueue<W>>,
    locks: WriteLocks<DueEntry>,
    workers_max: u16,
    waiting: usize,
    waiting_max: usize,
}

impl<W> WorkerPool<W> {
    /// A pool of at most `workers_max` workers on each shard, for a load with this many keys.
    pub(crate) fn new(shards: usize, workers_max: u16, keys: u32) -> Self {
        let shard = || ShardQueue { free: VecDeque::new(), made: 0, waiting: VecDeque::new() };
        Self {
            shards: (0..shards).map(|_| shard()).collect(),
            locks: WriteLocks::new(keys),
            workers_max,
            waiting: 0,
            waiting_max: WAITING_MAX,
        }
    }

    /// Finds a worker for an entry that is due. A write of a key that is being written waits for the key's lock without a worker.
    pub(crate) fn assign(&mut self, shard: usize, start: DueEntry) -> Assignment<W> {
        let written = start.choice.written_key();
        let queue = &mut self.shards[shard];
        let free_since = queue.free_since(self.workers_max);
        let next_writer = written.filter(|key| self.locks.is_held(*key));
        match (free_since, next_writer) {
            (Some(since), None) => {
                written.map(|key| self.locks.try_lock(key));
                let task = (start, since.max(start.intended));
                let free = queue.free.pop_front();
                queue.made += u16::from(free.is_none());
                free.map_or(Assignment::New(task), |(worker, _)| Assignment::Free(worker, task))
            }
            _ if self.waiting >= self.waiting_max => Assignment::Dropped,
            (free_since, next_writer) => {
                self.waiting += 1;
                match next_writer.filter(|_| free_since.is_some()) {
                    Some(key) => self.locks.enqueue(key, start),
                    None => queue.waiting.push_back(start),
                }
                Assignment::Waits
            }
        }
    }

    /// What a worker starts next after it has done entries, at most so many: the next writes of the same keys, then what has waited
    /// longest. No two write the same key.
    pub(crate) fn next(&mut self, shard: usize, done: &[DueEntry], ended: Instant, at_most: usize) -> Vec<ReadyEntry> {
        let mut next = Vec::new();
        for done in done {
            next.extend(done.choice.written_key().and_then(|key| self.locks.unlock(key)));
        }
        while next.len() < at_most {
            let Some(start) = self.longest_waiting(shard) else { break };
            next.push(start);
        }
        self.waiting -= next.len();
        next.into_iter().map(|start| (start, ended.max(start.intended))).collect()
    }

    fn longest_waiting(&mut self, shard: usize) -> Option<DueEntry> {
        while let Some(start) = self.shards[shard].waiting.pop_front() {
            match start.choice.written_key() {
                Some(key) if !self.locks.try_lock(key) => self.locks.enqueue(key, start),
                _ => return Some(start),
            }
        }
        None
    }

    /// Adds a worker that has been free since that moment.
    pub(crate) fn add_free(&mut self, shard: usize, worker: W, since: Instant) {
        self.shards[shard].free.push_back((worker, since));
    }

    /// How many entries wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes the entries that still wait, in the order in which they were due.
    pub(crate) fn take_waiting(&mut self) -> Vec<DueEntry> {
        let queued = self.shards.iter_mut().flat_map(|shard| shard.waiting.drain(..));
        let mut left: Vec<_> = queued.chain(self.locks.take_waiting()).collect();
        left.sort_by_key(|start| start.intended);
        self.waiting = 0;
        left
    }

    /// Takes the free workers.
    pub(crate) fn take_free(&mut self) -> impl Iterator<Item = W> {
        self.shards.iter_mut().flat_map(|shard| shard.free.drain(..)).map(|(worker, _)| worker)
    }
}

impl<W> ShardQueue<W> {
    /// Since when a worker has been free for one more entry, if one is. A worker that is yet to be made has always been free.
    fn free_since(&self, workers_max: u16) -> Option<Instant> {
        if self.made < workers_max { Some(Instant::default()) } else { self.free.front().map(|(_, since)| *since) }
    }
}

#[cfg(test)]
mod tests;
