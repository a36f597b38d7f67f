//! Key spaces: what a key is called, who writes it, and which keys were written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::keys::KeyChooser;
use super::{Keys, Load};
use crate::evidence::{DataType, KeyNames};
use crate::system::System;
use crate::vocab::Position;

/// Of so many numbers at least one is looked for that makes a key lie where the load's keys do: no master has a smaller share.
const NUMBERS_TRIED: u32 = 1_000;

/// Of so many tags one is looked for that makes keys lie at one position.
const TAGS_TRIED: u32 = 1_000_000;

/// The keys of a load. Numbers begin at 1. Writers without a lock have a share of the keys each: of `n` writers the `w`-th writes
/// the `nth` key if `nth % n == w`. Where they are contended, every writer writes all of them.
#[derive(Clone, Debug)]
pub(crate) struct KeySpace {
    names: KeyNames,
    keys: Keys,
    writers: u16,
    contended: bool,
    preloaded: u32,
    /// The numbers of the keys, in order, where only those are taken that lie somewhere; else all from 1 on.
    numbers: Option<Arc<[u32]>>,
}

impl KeySpace {
    /// The key space of a load. It must have a key and a worker. The workers of an open loop lock each key instead.
    pub(crate) fn of(load: &Load, system: &dyn System) -> Self {
        let contended = load.contended;
        let writers = if load.pace.is_closed() && !contended { load.workers() } else { 1 };
        // Where keys of several types are kept to a place, they have hash tags, and it does not matter which one is asked for.
        let (names, data) = (load.key_names(), load.data_types().first().copied().unwrap_or_default());
        let all = Self { names, keys: load.keys.clone(), writers, contended, preloaded: load.preload(), numbers: None };
        let Some(place) = &load.only else { return all };
        let owns = place.owns(&system.nodes());
        let lies_there = |names: &KeyNames, number| {
            let mut key = Vec::new();
            names.push(data, number, &mut key);
            owns.contains(system.position_of(&key))
        };
        if place.shard().is_none() {
            // Of all keys too few lie at one position. A tag makes any key lie there.
            let tagged = |first_tag| KeyNames { first_tag, ..all.names.clone() };
            let names = (1..=TAGS_TRIED).map(tagged).find(|names| lies_there(names, 1));
            return Self { names: names.unwrap_or_else(|| all.names.clone()), ..all };
        }
        let count = load.keys.count();
        let there = (1..=count.saturating_mul(NUMBERS_TRIED)).filter(|number| lies_there(&all.names, *number));
        Self { numbers: Some(there.take(count as usize).collect()), ..all }
    }

    /// How many keys there are.
    pub(crate) fn count(&self) -> u32 {
        let found = self.numbers.as_ref().map(|numbers| u32::try_from(numbers.len()).unwrap_or(u32::MAX));
        found.unwrap_or_else(|| self.keys.count())
    }

    /// The number of the `nth` key, from 0.
    pub(crate) fn number(&self, nth: u32) -> u32 {
        self.numbers.as_ref().map_or(1 + nth, |numbers| numbers[nth as usize])
    }

    /// The highest number of a key.
    pub(crate) fn highest(&self) -> u32 {
        self.count().checked_sub(1).map_or(0, |last| self.number(last))
    }

    /// What the keys are called.
    pub(crate) fn names(&self) -> &KeyNames {
        &self.names
    }

    /// Whether several may write a key at the same time.
    pub(crate) fn contended(&self) -> bool {
        self.contended
    }

    /// Whether no key is written twice.
    pub(crate) fn writes_once(&self) -> bool {
        self.keys.writes_once()
    }

    /// The keys that are written before the load begins.
    pub(crate) fn preloaded(&self) -> impl DoubleEndedIterator<Item = u32> + use<'_> {
        (0..self.preloaded.min(self.count())).map(|nth| self.number(nth))
    }

    /// Whether a key is written before the load begins.
    pub(crate) fn is_preloaded(&self, number: u32) -> bool {
        self.preloaded().next_back().is_some_and(|last| number <= last)
    }

    /// What chooses among so many keys.
    pub(crate) fn chooser(&self, among: u32) -> Box<dyn KeyChooser> {
        self.keys.kind().chooser(among)
    }

    /// The keys of that type of each shard of so many, by the shard and the place that `place_of` says a key's text is in.
    pub(crate) fn by_shard(
        &self,
        data: DataType,
        shards: usize,
        place_of: impl Fn(&[u8]) -> (usize, Position),
    ) -> Vec<Arc<[PlacedKey]>> {
        let (mut by_shard, mut text) = (vec![Vec::new(); shards], Vec::new());
        for number in (0..self.count()).map(|nth| self.number(nth)) {
            self.text(data, number, &mut text);
            let (shard, place) = place_of(&text);
            by_shard[shard].push((number, place));
        }
        by_shard.into_iter().map(Arc::from).collect()
    }

    /// Replaces `out` by the text of the key `number` of those that hold such data.
    pub(crate) fn text(&self, data: DataType, number: u32, out: &mut Vec<u8>) {
        out.clear();
        self.names.push(data, number, out);
    }

    /// How many keys `writer` writes.
    pub(crate) fn share(&self, writer: u16) -> u32 {
        let (count, writers, writer) = (self.count(), u32::from(self.writers), self.sharer(writer));
        count / writers + u32::from(writer < count % writers)
    }

    /// The `nth` (from 0) of the keys that `writer` writes.
    pub(crate) fn of_share(&self, writer: u16, nth: u32) -> u32 {
        self.number(self.sharer(writer) + nth * u32::from(self.writers))
    }

    fn sharer(&self, writer: u16) -> u32 {
        u32::from(writer % self.writers)
    }
}

/// A key's number, and where it lies.
pub(crate) type PlacedKey = (u32, Position);

/// The keys of a worker that keeps to one shard. Where they lie stands beside them: of many keys, each look is one at cold memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShardKeys {
    /// The shard.
    pub(crate) shard: usize,
    /// All keys of the shard.
    pub(crate) any: Arc<[PlacedKey]>,
    /// Those that this worker writes.
    pub(crate) own: Arc<[PlacedKey]>,
}

impl ShardKeys {
    /// The keys of each of so many workers: these are divided over the shards that have keys, and each shard's keys over its
    /// workers, unless they are contended. There is at least one key.
    pub(crate) fn of(by_shard: &[Arc<[PlacedKey]>], workers: u16, contended: bool) -> Vec<Self> {
        let shards: Vec<_> = by_shard.iter().enumerate().filter(|(_, keys)| !keys.is_empty()).collect();
        let workers = usize::from(workers);
        let of_worker = |worker: usize| {
            let turn = worker % shards.len();
            let sharing = (turn..workers).step_by(shards.len()).count();
            let (first, each) = if contended { (0, 1) } else { (worker / shards.len(), sharing) };
            let (shard, any) = shards[turn];
            let own = any.iter().copied().skip(first).step_by(each).collect();
            Self { shard, any: Arc::clone(any), own }
        };
        (0..workers).map(of_worker).collect()
    }
}

/// A set of keys of one key space, a bit each.
#[derive(Clone, Debug)]
pub(crate) struct KeySet(Vec<u64>);

impl KeySet {
    /// No key of `count`.
    pub(crate) fn none_of(count: u32) -> Self {
        Self(vec![0; (count as usize).div_ceil(64)])
    }

    /// Adds the key `number` (from 1). Whether it was not in there.
    pub(crate) fn insert(&mut self, number: u32) -> bool {
        let Some((word, bit)) = self.bit(number) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Takes all keys away.
    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Whether it holds the key `number`.
    pub(crate) fn contains(&self, number: u32) -> bool {
        let bit = number.saturating_sub(1);
        self.0.get((bit / 64) as usize).is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }

    /// Takes the key `number` away.
    pub(crate) fn remove(&mut self, number: u32) {
        if let Some((word, bit)) = self.bit(number) {
            *word &= !bit;
        }
    }

    /// Adds all of another set of the same key space.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    fn bit(&mut self, number: u32) -> Option<(&mut u64, u64)> {
        let bit = number.saturating_sub(1);
        Some((self.0.get_mut((bit / 64) as usize)?, 1 << (bit % 64)))
    }

    /// The keys in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (1..).zip(self.0.iter()).flat_map(|(word_number, &word): (u32, &u64)| {
            (1..=64).filter(move |bit| word & (1 << (bit - 1)) != 0).map(move |bit| (word_number - 1) * 64 + bit)
        })
    }
}

/// A set of keys of each type of data in one key space.
#[derive(Clone, Debug)]
pub(crate) struct WrittenKeys {
    count: u32,
    by_type: [Option<KeySet>; DataType::ALL.len()],
}

impl WrittenKeys {
    /// No key of `count` of each type.
    pub(crate) fn none_of(count: u32) -> Self {
        Self { count, by_type: [const { None }; DataType::ALL.len()] }
    }

    /// Adds the key `number` (from 1) of those that hold such data. Whether it was not in there.
    pub(crate) fn insert(&mut self, data: DataType, number: u32) -> bool {
        self.by_type[data as usize].get_or_insert_with(|| KeySet::none_of(self.count)).insert(number)
    }

    /// Takes that key away.
    pub(crate) fn remove(&mut self, data: DataType, number: u32) {
        if let Some(keys) = &mut self.by_type[data as usize] {
            keys.remove(number);
        }
    }

    /// Those that hold such data.
    pub(crate) fn of(&self, data: DataType) -> KeySet {
        self.by_type[data as usize].clone().unwrap_or_else(|| KeySet::none_of(self.count))
    }

    /// Whether it holds that key.
    pub(crate) fn contains(&self, data: DataType, number: u32) -> bool {
        self.by_type[data as usize].as_ref().is_some_and(|keys| keys.contains(number))
    }

    /// Adds all that the other one holds.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.by_type.iter_mut().zip(&other.by_type) {
            if let Some(theirs) = theirs {
                mine.get_or_insert_with(|| KeySet::none_of(self.count)).add(theirs);
            }
        }
    }

    /// All keys in it, by type and in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (DataType, u32)> {
        let types = DataType::ALL.into_iter().zip(&self.by_type);
        types.flat_map(|(data, keys)| keys.iter().flat_map(KeySet::iter).map(move |key| (data, key)))
    }
}

/// A key that is locked: what it holds, and its number.
pub(crate) type LockedKey = (DataType, u32);

/// A write lock for each key: no two writes of a key are under way together, so that its history has one order.
#[derive(Debug)]
pub(crate) struct WriteLocks<W> {
    held: WrittenKeys,
    /// The writers that wait for each key's lock, first come first served. Sorted by key, so that the same seed leaves them in the
    /// same order.
    waiting: BTreeMap<LockedKey, VecDeque<W>>,
}

impl<W> WriteLocks<W> {
    /// Locks for `count` keys, none of them held.
    pub(crate) fn new(count: u32) -> Self {
        Self { held: WrittenKeys::none_of(count), waiting: BTreeMap::new() }
    }

    /// Whether somebody is writing the key.
    pub(crate) fn is_held(&self, key: LockedKey) -> bool {
        self.held.contains(key.0, key.1)
    }

    /// Takes the key's lock. Returns false if somebody else holds it.
    pub(crate) fn try_lock(&mut self, key: LockedKey) -> bool {
        self.held.insert(key.0, key.1)
    }

    /// Queues a writer for the lock of a key that somebody else is writing.
    pub(crate) fn enqueue(&mut self, key: LockedKey, writer: W) {
        self.waiting.entry(key).or_default().push_back(writer);
    }

    /// Hands the key's lock to the writer that has waited longest, or releases it if none waits.
    pub(crate) fn unlock(&mut self, key: LockedKey) -> Option<W> {
        let next = self.waiting.get_mut(&key).and_then(VecDeque::pop_front);
        match next {
            None => self.held.remove(key.0, key.1),
            Some(_) if self.waiting.get(&key).is_some_and(VecDeque::is_empty) => drop(self.waiting.remove(&key)),
            Some(_) => {}
        }
        next
    }

    /// Takes all writers that wait.
    pub(crate) fn take_waiting(&mut self) -> impl Iterator<Item = W> + use<W> {
        std::mem::take(&mut self.waiting).into_values().flatten()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::load::keys::Uniform;
    use crate::load::testing::load;
    use crate::system::Cluster;
    use crate::system::cluster::slot_of_key;

    fn space(count: u32, writers: u16) -> KeySpace {
        KeySpace {
            names: KeyNames { prefix: "app:".to_owned(), ..KeyNames::default() },
            keys: Keys::Uniform(Uniform(count)),
            writers,
            contended: false,
            preloaded: 0,
            numbers: None,
        }
    }

    #[rstest]
    #[case(10, 4, &[vec![1, 5, 9], vec![2, 6, 10], vec![3, 7], vec![4, 8]])]
    #[case(3, 1, &[vec![1, 2, 3]])]
    #[case(2, 3, &[vec![1], vec![2], vec![]])]
    fn each_key_has_one_writer(#[case] count: u32, #[case] writers: u16, #[case] shares: &[Vec<u32>]) {
        let keys = space(count, writers);
        for (writer, expected) in (0..).zip(shares) {
            let share: Vec<_> = (0..keys.share(writer)).map(|nth| keys.of_share(writer, nth)).collect();
            assert_eq!(&share, expected, "writer {writer}");
            assert!(share.iter().all(|key| (key - 1) % u32::from(writers) == u32::from(writer)));
        }
    }

    /// The keys that each worker writes.
    fn own_numbers(of_workers: &[ShardKeys]) -> Vec<Vec<u32>> {
        of_workers.iter().map(|keys| keys.own.iter().map(|(number, _)| *number).collect()).collect()
    }

    /// Of ten keys, the odd ones lie in the second of three shards, the even ones in the third.
    #[rstest]
    #[case::one_each(2, &[vec![1, 3, 5, 7, 9], vec![2, 4, 6, 8, 10]])]
    #[case::uneven(3, &[vec![1, 5, 9], vec![2, 4, 6, 8, 10], vec![3, 7]])]
    #[case::fewer_than_shards(1, &[vec![1, 3, 5, 7, 9]])]
    fn who_keeps_to_a_shard_writes_a_part_of_its_keys(#[case] workers: u16, #[case] own: &[Vec<u32>]) {
        let odd = |text: &[u8]| if text.last().unwrap() % 2 == 1 { (1, Position(7)) } else { (2, Position(8)) };
        let by_shard = space(10, 1).by_shard(DataType::Value, 3, odd);
        let keys = ShardKeys::of(&by_shard, workers, false);
        assert_eq!(own_numbers(&keys), own);
        assert_eq!(*keys[0].any, [1, 3, 5, 7, 9].map(|number| (number, Position(7))));
    }

    #[test]
    fn contended_keys_are_written_by_all() {
        let keys = KeySpace { contended: true, ..space(3, 1) };
        assert_eq!((0..4).map(|writer| keys.share(writer)).collect::<Vec<_>>(), [3; 4]);
        assert_eq!((0..3).map(|nth| keys.of_share(2, nth)).collect::<Vec<_>>(), [1, 2, 3]);
        let there = |number| (number, Position(0));
        let of_shards = ShardKeys::of(&[Arc::from([1, 3].map(there)), Arc::from([2].map(there))], 3, true);
        assert_eq!(own_numbers(&of_shards), [vec![1, 3], vec![2], vec![1, 3]]);
    }

    #[test]
    fn a_shard_with_too_few_keys_for_its_workers_has_none_for_some() {
        let by_shard = space(2, 1).by_shard(DataType::Value, 2, |_| (1, Position(0)));
        let own =
            |workers| ShardKeys::of(&by_shard, workers, false).iter().map(|keys| keys.own.len()).collect::<Vec<_>>();
        assert_eq!((own(2), own(3)), (vec![1, 1], vec![1, 1, 0]));
    }

    #[test]
    fn writers_of_a_key_lock_it_in_order() {
        let mut locks = WriteLocks::new(10);
        assert!(
            locks.try_lock((DataType::Value, 7))
                && locks.try_lock((DataType::Value, 8))
                && !locks.try_lock((DataType::Value, 7))
                && !locks.try_lock((DataType::Value, 8))
        );
        for (key, writer) in [(7, 'c'), (7, 'd'), (8, 'e')] {
            locks.enqueue((DataType::Value, key), writer);
        }
        assert_eq!(
            [
                locks.unlock((DataType::Value, 7)),
                locks.unlock((DataType::Value, 7)),
                locks.unlock((DataType::Value, 7))
            ],
            [Some('c'), Some('d'), None]
        );
        assert!(
            !locks.is_held((DataType::Value, 7))
                && locks.is_held((DataType::Value, 8))
                && locks.try_lock((DataType::Value, 7))
        );
        assert_eq!(locks.take_waiting().collect::<Vec<_>>(), ['e']);
        assert_eq!([locks.unlock((DataType::Value, 7)), locks.unlock((DataType::Value, 8))], [None, None]);
        assert!(locks.try_lock((DataType::Value, 8)));
    }

    #[rstest]
    #[case(DataType::Value, "app:10")]
    #[case(DataType::SortedSet, "app:zset:10")]
    #[case(DataType::Group, "app:{10}")]
    fn a_key_is_its_prefix_its_type_and_its_number(#[case] data: DataType, #[case] expected: &str) {
        let mut text = b"old".to_vec();
        space(10, 1).text(data, 10, &mut text);
        assert_eq!(text, expected.as_bytes());
    }

    #[test]
    fn written_keys_are_told_apart_by_what_they_hold() {
        let [mut keys, mut others] = [10, 10].map(WrittenKeys::none_of);
        keys.insert(DataType::List, 7);
        keys.insert(DataType::Value, 9);
        others.insert(DataType::List, 3);
        keys.add(&others);
        let all: Vec<_> = keys.iter().collect();
        assert_eq!(all, [(DataType::Value, 9), (DataType::List, 3), (DataType::List, 7)]);
    }

    #[test]
    fn a_set_holds_what_was_inserted() {
        let mut keys = KeySet::none_of(130);
        for key in [130, 1, 64, 65, 64, 131, 9_999] {
            keys.insert(key);
        }
        assert_eq!(keys.iter().collect::<Vec<_>>(), [1, 64, 65, 130, 131]);
    }

    /// The keys of a load of three masters, as they are called.
    fn keys_of(fields: &str) -> Vec<String> {
        let load = load("app", fields);
        let (space, types) = (KeySpace::of(&load, &Cluster::new(3, 0)), load.data_types());
        let numbers: Vec<_> = (0..space.count()).map(|nth| space.number(nth)).collect();
        types.iter().flat_map(|data| numbers.iter().map(|number| space.names().text(*data, *number))).collect()
    }

    /// Where they lie is what `redis-cli CLUSTER KEYSLOT` says: of A 0 to 5460, of B up to 10922.
    #[rstest]
    #[case::all("mix: [Get()], keys: Uniform(3)", &["app:1", "app:2", "app:3"])]
    #[case::as_long("mix: [Get()], keys: Uniform(2), prefix: \"k\", digits: 7", &["k0000001", "k0000002"])]
    #[case::tagged("mix: [Get()], keys: Uniform(3), hash_tags: 2", &["{app:1}:1", "{app:2}:2", "{app:1}:3"])]
    #[case::of_two_types("mix: [Get(), Incr()], keys: Uniform(1), hash_tags: 1", &["{app:1}:1", "{app:1}:counter:1"])]
    fn keys_are_called_as_said(#[case] fields: &str, #[case] expected: &[&str]) {
        assert_eq!(keys_of(fields), expected);
    }

    #[rstest]
    #[case::a_shard("mix: [Get()], keys: Uniform(100), only: Shard(\"B\")", 5_461..=10_922)]
    #[case::a_shard_of_counters("mix: [Incr()], keys: Uniform(100), only: Shard(\"B\")", 5_461..=10_922)]
    #[case::a_shard_of_groups("mix: [Mget(keys: 2)], keys: Uniform(100), only: Shard(\"B\")", 5_461..=10_922)]
    #[case::a_shard_of_tags("mix: [Get(), Incr()], keys: Uniform(50), hash_tags: 20, only: Shard(\"C\")", 10_923..=16_383)]
    #[case::one_position("mix: [Get(), Incr()], keys: Uniform(50), only: Slot(4711)", 4_711..=4_711)]
    fn keys_lie_where_they_are_kept(#[case] fields: &str, #[case] positions: std::ops::RangeInclusive<u16>) {
        let keys = keys_of(fields);
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
        assert!(keys.iter().all(|key| positions.contains(&slot_of_key(key.as_bytes()).0)), "{keys:?}");
    }
}
