//! A closed loop: each worker begins the next entry of the mix, or pipeline of them, when the last has ended.

use std::collections::VecDeque;
use std::rc::Rc;

use tokio::task::JoinSet;

use super::draw::{Choice, RandomChoices};
use super::end::LoadEnd;
use super::key_space::{KeySpace, ShardKeys};
use super::pipeline::Pipeline;
use super::shared::Shared;
use super::worker::{StopSignal, Worker};
use super::worker_pool::Shards;
use super::{Load, LoadError, Op};
use crate::system::System;

/// Runs a thread's workers until they are done or stopped, or all have given up.
pub(crate) async fn run(shared: &Rc<Shared>, stop: &StopSignal) -> Result<LoadEnd, LoadError> {
    let mut workers = JoinSet::new();
    let reason = "a shard has fewer keys than workers that keep to it and write";
    let meaningless = || LoadError::Meaningless { load: shared.load.name.clone(), reason };
    let keeps_to = if shared.load.per_shard {
        shared
            .part
            .parts
            .shard_keys(|| shard_keys(&shared.load, &shared.keys, &shared.shards, &*shared.system))
            .ok_or_else(meaningless)?
    } else {
        &[]
    };
    for number in shared.part.workers(shared.load.workers()) {
        let keeps_to = keeps_to.get(usize::from(number)).cloned();
        let entries = Entries::new(shared, number, keeps_to);
        workers.spawn_local(work(Rc::clone(shared), number, entries, stop.clone()));
    }
    let mut ends = Vec::new();
    while let Some(ended) = workers.join_next().await {
        ends.push(ended.map_err(|_| LoadError::BrokeDown { load: shared.load.name.clone() })?);
    }
    Ok(LoadEnd::of_all(&ends))
}

/// The keys of each worker of a load that keeps to one shard; none if a writer would have none.
pub(crate) fn shard_keys(load: &Load, keys: &KeySpace, shards: &Shards, system: &dyn System) -> Option<Vec<ShardKeys>> {
    let data = load.mix.first().map(|op| op.kind().data()).unwrap_or_default();
    let by_shard = keys.by_shard(data, shards.count(), |key| {
        let position = system.position_of(key);
        (shards.of(position), position)
    });
    let of_workers = ShardKeys::of(&by_shard, load.workers(), load.contended);
    let lacks = load.mix.iter().any(Op::takes_turns) && of_workers.iter().any(|keys| keys.own.is_empty());
    (!lacks).then_some(of_workers)
}

/// Does a worker's share of the load. Returns how that ended.
async fn work(shared: Rc<Shared>, number: u16, mut entries: Entries, stop: StopSignal) -> LoadEnd {
    let mut worker = Worker::new(Rc::clone(&shared), number, stop.clone());
    let mut has_begun = false;
    while let Some((shard, batch)) = entries.next_batch(&shared) {
        if let Some(think) = shared.load.think.filter(|_| has_begun) {
            tokio::select! {
                () = tokio::time::sleep(think.0) => {}
                () = stop.given() => {}
            }
        }
        if stop.is_given() {
            return LoadEnd::Stopped;
        }
        // What other workers' servers have replied is read before more is sent: servers find more to do each time they wake.
        tokio::task::yield_now().await;
        has_begun = true;
        let done = worker.entries(shard, batch.iter().map(|choice| (*choice, None))).await;
        if let Some(failed) = done.failed.filter(|_| shared.load.client.gives_up) {
            shared.gave_up(&failed);
            return LoadEnd::GaveUp;
        }
    }
    LoadEnd::Finished
}

/// How many choices are drawn together.
const DRAWN_TOGETHER: usize = 16;

/// What a worker does, in batches.
struct Entries {
    draw: RandomChoices,
    /// What was drawn and comes next.
    drawn: VecDeque<Choice>,
    pipeline: Pipeline,
    /// How many are yet to be drawn.
    left: u64,
}

impl Entries {
    fn new(shared: &Shared, worker: u16, keeps_to: Option<ShardKeys>) -> Self {
        let whose = (shared.seed, shared.index, worker);
        let draw = RandomChoices::new(whose, &shared.places, keeps_to);
        let pipeline = Pipeline::new(shared.load.pipeline(), shared.shards.count());
        Self { draw, drawn: VecDeque::new(), pipeline, left: share(&shared.load, worker) }
    }

    /// The next batch, and the shard that its keys are in.
    fn next_batch(&mut self, shared: &Shared) -> Option<(usize, Vec<Choice>)> {
        while let Some(choice) = self.next(shared) {
            let of_shard = self.draw.shard().unwrap_or_else(|| shared.shards.of(choice.position));
            if let Some(full) = self.pipeline.add(of_shard, choice) {
                return Some((of_shard, full));
            }
        }
        self.pipeline.rest()
    }

    fn next(&mut self, shared: &Shared) -> Option<Choice> {
        if self.drawn.is_empty() {
            let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(DRAWN_TOGETHER);
            self.drawn.extend(self.draw.choices(&shared.mix, count));
            // Where fewer come, no key is left to write, or no entry has a weight.
            self.left = if self.drawn.len() == count { self.left - count as u64 } else { 0 };
        }
        self.drawn.pop_front()
    }
}

/// How many mix entries the worker does: the load's operations are divided evenly, so that the same seed does the same.
fn share(load: &Load, worker: u16) -> u64 {
    let Some(operations) = load.operations else { return u64::MAX };
    let workers = u64::from(load.workers());
    operations / workers + u64::from(u64::from(worker) < operations % workers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::testing::load;

    #[test]
    fn operations_are_divided_over_the_workers() {
        let load = load("app", "mix: [Get()], keys: Uniform(10), workers: 3, operations: 11");
        assert_eq!([0, 1, 2].map(|worker| share(&load, worker)), [4, 4, 3]);
        let endless = crate::load::Load { operations: None, ..load };
        assert_eq!(share(&endless, 0), u64::MAX);
    }
}
