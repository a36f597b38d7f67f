//! A walk through all keys of every shard, a step at a time.

use super::key_space::KeySet;
use crate::system::NodeIndex;
use crate::vocab::Position;

/// A walk through all keys of every shard: on the node that owns it from the first cursor to the last, one shard after the other.
pub(crate) struct Iteration {
    /// A place in each shard.
    shards: Vec<Position>,
    /// How many of them are done.
    done: usize,
    /// The node that gave the cursor; none if the shard begins.
    node: Option<NodeIndex>,
    cursor: u64,
    /// What the last reply brought: where the next step begins, 0 if nowhere, and the load's keys of values.
    pub(crate) brought: (u64, Vec<u32>),
    /// How many keys came from the shards that are done.
    of_done: u64,
    /// How many came from this one.
    of_this: u64,
    /// The keys that are looked for, if any are.
    looked_for: Option<LookedFor>,
}

/// Keys that a walk is to find.
struct LookedFor {
    keys: KeySet,
    /// Those of them that came from the shards that are done.
    of_done: KeySet,
    /// Those that came from this one.
    of_this: KeySet,
}

impl Iteration {
    /// A walk through the shards that have these places; at least one.
    pub(crate) fn new(shards: Vec<Position>) -> Self {
        Self {
            shards,
            done: 0,
            node: None,
            cursor: 0,
            brought: (0, Vec::new()),
            of_done: 0,
            of_this: 0,
            looked_for: None,
        }
    }

    /// The same, which is to find these of `count` keys.
    pub(crate) fn looking_for(self, keys: KeySet, count: u32) -> Self {
        let [of_done, of_this] = [KeySet::none_of(count), KeySet::none_of(count)];
        Self { looked_for: Some(LookedFor { keys, of_done, of_this }), ..self }
    }

    /// Where the shard lies that it is at.
    pub(crate) fn position(&self) -> Position {
        self.shards.get(self.done).or(self.shards.last()).copied().unwrap_or(Position(0))
    }

    /// The cursor to ask that node for. It means something to the process alone that gave it, so at any other the shard begins anew.
    pub(crate) fn cursor_at(&mut self, node: NodeIndex) -> u64 {
        if self.node != Some(node) {
            self.begin_anew();
            self.node = Some(node);
        }
        self.cursor
    }

    /// The shard begins anew: nobody knows whether the process that gave the cursor is still there.
    pub(crate) fn begin_anew(&mut self) {
        (self.node, self.cursor, self.of_this) = (None, 0, 0);
        if let Some(looked_for) = &mut self.looked_for {
            looked_for.of_this.clear();
        }
    }

    /// A step brought that key.
    pub(crate) fn found(&mut self, key: u32) {
        if let Some(looked_for) = &mut self.looked_for {
            looked_for.of_this.insert(key);
        }
    }

    /// The keys that it was to find and did not, at its end.
    pub(crate) fn missing(&self) -> impl Iterator<Item = u32> + '_ {
        let looked_for = self.looked_for.iter();
        looked_for.flat_map(|all| all.keys.iter().filter(|key| !all.of_done.contains(*key)))
    }

    /// Takes what a step brought: so many keys, and the cursor of the next step, 0 after the last. How many keys came in all, if this
    /// was the last step in the last shard.
    pub(crate) fn step(&mut self, keys: u64, cursor: u64) -> Option<u64> {
        (self.cursor, self.of_this) = (cursor, self.of_this + keys);
        if cursor != 0 {
            return None;
        }
        self.of_done += self.of_this;
        if let Some(looked_for) = &mut self.looked_for {
            looked_for.of_done.add(&looked_for.of_this);
        }
        self.done += 1;
        self.begin_anew();
        (self.done >= self.shards.len()).then_some(self.of_done)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::evidence::{HistoryReader, Operation, Outcome, Value};
    use crate::load::testing::{Act, Fake, Redis, journal, load, scanned, task};
    use crate::load::{LoadEnd, LoadTask, RunningLoads};
    use crate::system::cluster::share;

    #[test]
    fn every_shard_is_walked_through() {
        let mut walk = Iteration::new(vec![Position(0), Position(100)]);
        assert_eq!((walk.position(), walk.cursor_at(3)), (Position(0), 0));
        assert_eq!(walk.step(10, 7), None);
        assert_eq!((walk.position(), walk.cursor_at(3)), (Position(0), 7));
        assert_eq!(walk.step(5, 0), None);
        assert_eq!((walk.position(), walk.cursor_at(4)), (Position(100), 0));
        assert_eq!(walk.step(1, 0), Some(16));
    }

    #[test]
    fn a_cursor_is_the_word_of_one_process() {
        let mut walk = Iteration::new(vec![Position(0)]);
        assert_eq!((walk.cursor_at(3), walk.step(10, 7)), (0, None));
        // Another node, and then the first one, which may be another process by now.
        assert_eq!((walk.cursor_at(4), walk.step(20, 9)), (0, None));
        walk.begin_anew();
        assert_eq!((walk.cursor_at(4), walk.step(30, 0)), (0, Some(30)));
    }

    #[test]
    fn what_was_looked_for_and_not_found_is_told() {
        let mut keys = KeySet::none_of(9);
        for key in [1, 2, 3, 9] {
            keys.insert(key);
        }
        let mut walk = Iteration::new(vec![Position(0), Position(100)]).looking_for(keys, 9);
        let _ = walk.cursor_at(3);
        walk.found(1);
        walk.found(7);
        assert_eq!(walk.step(2, 5), None);
        // What another node had said counts for nothing.
        let _ = walk.cursor_at(4);
        walk.found(2);
        assert_eq!(walk.step(1, 0), None);
        walk.found(9);
        assert_eq!((walk.step(1, 0), walk.missing().collect::<Vec<_>>()), (Some(2), vec![1, 3]));
    }

    /// What became of the operations of a load, one after the other.
    async fn run(task: LoadTask) -> Vec<Operation> {
        let (_temporary, directory, journal) = journal();
        let running = RunningLoads::start(&[task], journal, &directory).unwrap();
        assert_eq!(running.end_of("app", Duration::from_secs(20)).await, Some(LoadEnd::Finished));
        running.stop().await.unwrap();
        HistoryReader::new(std::fs::File::open(directory.history()).unwrap())
            .unwrap()
            .read_all()
            .unwrap()
            .iter()
            .collect()
    }

    /// The first master's connection breaks before its last step, so it is asked for all its keys again; the second has one step.
    #[tokio::test]
    async fn one_master_after_the_other_is_asked() {
        let (a, b) = (Fake::bind().await, Fake::bind().await);
        let owners = [a.address, b.address];
        let a = a.serve_for(&owners, |command, nth| match (command, nth) {
            ("SCAN 7 COUNT 2", 1) => Act::SayAndClose(String::new()),
            ("SCAN 0 COUNT 2", _) => Act::Say(scanned(7, &["a", "b"])),
            _ => Act::Say(scanned(0, &["c"])),
        });
        let b = b.serve_for(&owners, |_, _| Act::Say(scanned(0, &["d", "e", "f"])));
        let load = load("app", "mix: [Scan(count: 2)], keys: Uniform(1), workers: 1, operations: 1");
        let shards = vec![share(0, 2), share(1, 2)];
        let history = run(LoadTask { shards, ..task(load, &[a, b]) }).await;
        let [scan] = &history[..] else { panic!("{history:?}") };
        assert_eq!((scan.outcome, scan.value, scan.attempts), (Outcome::Ok, Value::Number(6), 2));
    }

    #[tokio::test]
    async fn all_keys_of_a_server_come() {
        let redis = Redis::start().await;
        let fields = r#"mix: [Set(value: "16B"), Scan(count: 10, weight: 0)], keys: WriteOnce(500)"#;
        run(task(load("app", fields), &[redis.address])).await;
        let load = load("app", "mix: [Scan(count: 10)], keys: Uniform(1), workers: 1, operations: 3");
        for scan in run(task(load, &[redis.address])).await {
            // What is moved meanwhile to a larger table may come twice.
            assert!(matches!(scan.value, Value::Number(500..=1_000)), "{scan:?}");
        }
    }
}
