//! The threads of a load, and what they have in common.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::counters::LoadCounters;
use super::end::LoadEnd;
use super::key_space::{ShardKeys, WrittenKeys};
use super::{Load, LoadError};
use crate::evidence::{Clock, ConnectionTotals, IdleTotals};

/// One thread of a load.
#[derive(Clone)]
pub(crate) struct Part {
    /// Which of them, from 0.
    pub(crate) number: u16,
    /// What it has in common with the others.
    pub(crate) parts: Arc<Parts>,
}

/// What the threads of a load have in common.
pub(crate) struct Parts {
    count: u16,
    /// What they count, since the first of them began.
    counters: OnceLock<Mutex<LoadCounters>>,
    /// The keys of each worker, where each keeps to a shard; none if there are too few.
    shard_keys: OnceLock<Option<Vec<ShardKeys>>>,
    ended: Mutex<Vec<PartEnd>>,
}

/// What a thread of a load leaves, or all of them.
pub(crate) struct PartEnd {
    pub(crate) outcome: Result<LoadEnd, LoadError>,
    /// Every key that was attempted to be written.
    pub(crate) written: WrittenKeys,
    /// Whether something could not be recorded.
    pub(crate) overrun: bool,
    /// What became of its connections.
    pub(crate) connections: ConnectionTotals,
    /// What became of its idle connections, if it has any.
    pub(crate) idle: Option<IdleTotals>,
    /// The processor time that it took, in nanoseconds.
    pub(crate) cpu_nanos: u64,
}

impl Parts {
    /// The threads of a load: at least one.
    pub(crate) fn of(count: u16) -> Vec<Part> {
        let parts =
            Arc::new(Self { count, counters: OnceLock::new(), shard_keys: OnceLock::new(), ended: Mutex::default() });
        (0..count).map(|number| Part { number, parts: Arc::clone(&parts) }).collect()
    }

    /// What they count, from the first call on.
    pub(crate) fn counters(&self, load: &Load, clock: Clock) -> MutexGuard<'_, LoadCounters> {
        let counters = self.counters.get_or_init(|| Mutex::new(LoadCounters::new(load, clock.now())));
        counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys of each worker, which the first who asks divides.
    pub(crate) fn shard_keys(&self, divide: impl FnOnce() -> Option<Vec<ShardKeys>>) -> Option<&[ShardKeys]> {
        self.shard_keys.get_or_init(divide).as_deref()
    }

    /// Takes what a thread leaves. Returns what all of them leave if it was the last.
    pub(crate) fn end(&self, part: PartEnd) -> Option<PartEnd> {
        let (mut written, mut connections) = (part.written.clone(), ConnectionTotals::default());
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push(part);
        if ended.len() < usize::from(self.count) {
            return None;
        }
        for end in ended.iter() {
            written.add(&end.written);
            connections.add(&end.connections);
        }
        let overrun = ended.iter().any(|end| end.overrun);
        let idle = ended.iter().find_map(|end| end.idle.clone());
        let cpu_nanos = ended.iter().map(|end| end.cpu_nanos).sum();
        let outcomes: Result<Vec<_>, _> = ended.drain(..).map(|end| end.outcome).collect();
        Some(PartEnd {
            outcome: outcomes.map(|ends| LoadEnd::of_all(&ends)),
            written,
            overrun,
            connections,
            idle,
            cpu_nanos,
        })
    }
}

impl Part {
    /// The only thread of a load.
    #[cfg(test)]
    pub(crate) fn whole() -> Self {
        Parts::of(1).remove(0)
    }

    /// Whether it is the one that tells of all.
    pub(crate) fn is_first(&self) -> bool {
        self.number == 0
    }

    /// Its share of so many workers, by their numbers.
    pub(crate) fn workers(&self, all: u16) -> impl Iterator<Item = u16> + use<> {
        (self.number..all).step_by(self.parts.count.into())
    }
}

/// The processor time that this thread has taken, in nanoseconds.
pub(crate) fn cpu_of_thread_nanos() -> u64 {
    let taken = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from);
    taken.as_nanos().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worker_lives_on_one_thread() {
        let workers = |threads: u16, workers: u16| -> Vec<Vec<u16>> {
            Parts::of(threads).iter().map(|part| part.workers(workers).collect()).collect()
        };
        assert_eq!(workers(1, 3), [vec![0, 1, 2]]);
        assert_eq!(workers(3, 7), [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
    }
}
