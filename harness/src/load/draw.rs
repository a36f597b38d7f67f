//! The random choices of a load or of one of its workers: the same seed makes the same choices.

use std::rc::Rc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::key_places::KeyPlaces;
use super::key_space::{KeySpace, LockedKey, PlacedKey, ShardKeys};
use super::keys::{KeyChooser, below, key_below};
use super::op::{MixCommand, MixEntry};
use crate::evidence::{DataType, LoadIndex, Value};
use crate::vocab::Position;

/// What an entry of the mix is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The entry's position in the mix.
    entry: u16,
    /// The key.
    pub(crate) key: u32,
    /// Where the key lies.
    pub(crate) position: Position,
    /// The key, if no two of the entry may be under way on it.
    lock: Option<LockedKey>,
    /// The id of the value that is written; 0 if none is.
    value: u64,
}

impl Choice {
    /// A read of the key, by the mix's first entry.
    #[cfg(test)]
    pub(crate) fn read(key: u32) -> Self {
        Self { entry: 0, key, position: Position(0), lock: None, value: 0 }
    }

    /// A write of the key, by the mix's first entry.
    #[cfg(test)]
    pub(crate) fn write(key: u32, value: u64) -> Self {
        Self { entry: 0, key, position: Position(0), lock: Some((DataType::Value, key)), value }
    }

    /// Has it work on another key instead.
    #[cfg(test)]
    pub(crate) fn take(&mut self, key: u32) {
        (self.key, self.lock) = (key, self.lock.map(|(data, _)| (data, key)));
    }

    /// The key that nobody else may write meanwhile, if there is one.
    pub(crate) fn written_key(&self) -> Option<LockedKey> {
        self.lock
    }

    /// Its commands from the `nth` (from 0) on, in order: each is one operation of the history.
    pub(crate) fn commands<'a>(
        &self,
        nth: usize,
        mix: &'a [MixEntry],
    ) -> impl Iterator<Item = MixCommand<'a>> + use<'a> {
        let Self { entry, key, position, value, .. } = *self;
        (nth..).map_while(move |nth| mix.get(usize::from(entry))?.command(nth, (key, position), value))
    }
}

/// What was drawn for an entry of the mix.
#[derive(Clone, Copy)]
struct Drawn {
    /// Its position in the mix.
    entry: u16,
    key: NthKey,
    /// The id of the value that is written; 0 if none is.
    value: u64,
}

/// A key by its place, from 0.
#[derive(Clone, Copy)]
enum NthKey {
    /// Among all that the worker may choose.
    Any(u32),
    /// Among those that it writes.
    Own(u32),
}

/// The source of choices: of a closed loop's worker, or of all that an open loop starts.
pub(crate) struct RandomChoices {
    random: ChaCha8Rng,
    keys: KeySpace,
    places: Rc<KeyPlaces>,
    /// The keys that the worker keeps to; none if to no shard's.
    shard: Option<ShardKeys>,
    /// Chooses among all keys.
    any: Box<dyn KeyChooser>,
    /// Chooses among those that this worker writes.
    own: Box<dyn KeyChooser>,
    /// How many of the worker's own keys were chosen for a write, where each is written once.
    chosen: u32,
    load: LoadIndex,
    worker: u16,
    values: u64,
}

impl RandomChoices {
    /// The choices of `worker` of `load` in a run with this seed, if it keeps to `shard` among that shard's keys.
    pub(crate) fn new(
        (seed, load, worker): (u64, LoadIndex, u16),
        places: &Rc<KeyPlaces>,
        shard: Option<ShardKeys>,
    ) -> Self {
        let keys = places.keys();
        let random = random_of(seed, load, worker, Purpose::Choices);
        let [any, own] = match &shard {
            Some(shard) => {
                [shard.any.len(), shard.own.len()].map(|count| keys.chooser(count.try_into().unwrap_or(u32::MAX)))
            }
            None => [keys.count(), keys.share(worker)].map(|count| keys.chooser(count)),
        };
        let mut draw = Self {
            random,
            keys: keys.clone(),
            places: Rc::clone(places),
            shard,
            any,
            own,
            chosen: 0,
            load,
            worker,
            values: 0,
        };
        draw.skip_preloaded();
        draw
    }

    /// The shard that the worker keeps to; none if to none.
    pub(crate) fn shard(&self) -> Option<usize> {
        self.shard.as_ref().map(|keys| keys.shard)
    }

    /// Of keys that are written once, those that were preloaded are written.
    fn skip_preloaded(&mut self) {
        let own = self.shard.as_ref().map_or_else(|| self.keys.share(self.worker) as usize, |shard| shard.own.len());
        while self.keys.writes_once()
            && (self.chosen as usize) < own
            && self.keys.is_preloaded(self.placed(DataType::Value, NthKey::Own(self.chosen)).0)
        {
            let _ = self.own_key();
        }
    }

    /// What comes next: an entry of the mix, by weight, and what it is to do. None when every weight is zero, or no key is left to
    /// write.
    pub(crate) fn choice(&mut self, mix: &[MixEntry]) -> Option<Choice> {
        let drawn = self.draw(mix)?;
        Some(self.choice_of(mix, drawn))
    }

    /// The next `count` choices, or as many as there are; all are drawn at once. Where the keys are many, each look misses the cache,
    /// and here the misses overlap: 3.5 % of the time of a pipelined operation instead of 8 %.
    pub(crate) fn choices(&mut self, mix: &[MixEntry], count: usize) -> impl Iterator<Item = Choice> {
        let drawn: Vec<_> = std::iter::from_fn(|| self.draw(mix)).take(count).collect();
        drawn.into_iter().map(|drawn| self.choice_of(mix, drawn))
    }

    fn draw(&mut self, mix: &[MixEntry]) -> Option<Drawn> {
        let mut at = self.entry(mix)?;
        if self.keys.writes_once() && self.chosen == 0 {
            // Nothing was written yet that could be read.
            at = mix.iter().position(|entry| entry.takes_turns && entry.weight > 0)?;
        }
        let MixEntry { takes_turns, is_unique, .. } = mix[at];
        let key = if takes_turns { self.own_key()? } else { self.any_key()? };
        let value = if takes_turns || is_unique { self.value() } else { 0 };
        Some(Drawn { entry: u16::try_from(at).ok()?, key, value })
    }

    fn choice_of(&self, mix: &[MixEntry], drawn: Drawn) -> Choice {
        let Drawn { entry, key, value } = drawn;
        let MixEntry { data, takes_turns, .. } = mix[usize::from(entry)];
        let (key, position) = self.placed(data, key);
        let lock = Some((data, key)).filter(|_| takes_turns && !self.keys.contended());
        Choice { entry, key, position, lock, value }
    }

    fn entry(&mut self, mix: &[MixEntry]) -> Option<usize> {
        if let [entry] = mix {
            return (entry.weight > 0).then_some(0);
        }
        let total: u64 = mix.iter().map(|entry| u64::from(entry.weight)).sum();
        let mut at = below(total, &mut self.random);
        mix.iter().position(|entry| {
            let weight = u64::from(entry.weight);
            let chosen = at < weight;
            at = at.saturating_sub(weight);
            chosen
        })
    }

    /// Any key; where each is written once, one of the worker's that was chosen for a write.
    fn any_key(&mut self) -> Option<NthKey> {
        if self.keys.writes_once() {
            return Some(NthKey::Own(key_below(self.chosen, &mut self.random)));
        }
        self.any.choose(&mut self.random).map(NthKey::Any)
    }

    /// A key that this worker writes; none if none is left.
    fn own_key(&mut self) -> Option<NthKey> {
        let nth = self.own.choose(&mut self.random)?;
        self.chosen = self.chosen.max(nth + 1);
        Some(NthKey::Own(nth))
    }

    /// The key's number, and where it lies.
    fn placed(&self, data: DataType, key: NthKey) -> PlacedKey {
        let number = match (&self.shard, key) {
            (Some(shard), NthKey::Any(nth)) => return shard.any[nth as usize],
            (Some(shard), NthKey::Own(nth)) => return shard.own[nth as usize],
            (None, NthKey::Any(nth)) => self.keys.number(nth),
            (None, NthKey::Own(nth)) => self.keys.of_share(self.worker, nth),
        };
        (number, self.places.of(data, number))
    }

    /// The id of the next value: each is unique in the run.
    fn value(&mut self) -> u64 {
        let id = Value::id(self.load, self.worker, self.values);
        self.values += 1;
        id
    }
}

/// What random numbers are for: what is drawn for the one changes nothing for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What a load does.
    Choices,
    /// How long its clients wait.
    Waits,
}

/// The random numbers of a worker. They come from the generator's whole key, not from a sum: no two workers of any two runs can
/// share a stream by accident.
pub(crate) fn random_of(seed: u64, load: LoadIndex, worker: u16, purpose: Purpose) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..10].copy_from_slice(&load.to_le_bytes());
    key[10..12].copy_from_slice(&worker.to_le_bytes());
    key[12] = u8::from(purpose == Purpose::Waits);
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::load::Load;
    use crate::load::testing::{CLUSTER, load};

    fn places(load: &Load) -> Rc<KeyPlaces> {
        Rc::new(KeyPlaces::new(KeySpace::of(load, &CLUSTER), Arc::new(CLUSTER)))
    }

    fn choices(seed: u64, load_index: u16, worker: u16) -> Vec<(u64, u32, u32)> {
        let keys = places(&load("app", "mix: [Get()], keys: Uniform(1000), workers: 4"));
        let mut draw = RandomChoices::new((seed, load_index, worker), &keys, None);
        let data = DataType::Value;
        let keys_of =
            |draw: &mut RandomChoices| [draw.own_key(), draw.any_key()].map(|key| draw.placed(data, key.unwrap()).0);
        (0..50).map(|_| (draw.value(), keys_of(&mut draw))).map(|(value, [own, any])| (value, own, any)).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        assert_eq!(choices(7, 1, 2), choices(7, 1, 2));
        let others = [choices(8, 1, 2), choices(7, 2, 2), choices(7, 1, 3)];
        assert!(others.iter().all(|other| *other != choices(7, 1, 2)));
    }

    #[test]
    fn keys_and_values_are_the_workers_own() {
        for (nth, (value, own, any)) in (0..).zip(choices(1, 3, 2)) {
            assert_eq!(value, Value::id(3, 2, nth));
            assert_eq!((own - 1) % 4, 2);
            assert!((1..=1000).contains(&own) && (1..=1000).contains(&any));
        }
    }

    /// Of eleven keys four workers write three each, the last of them two.
    #[test]
    fn a_key_that_is_written_once_is_read_afterwards() {
        let load = load("app", r#"mix: [Get(), Set(value: "16B")], keys: WriteOnce(11), workers: 4"#);
        let (mix, mut draw) = (MixEntry::of(&load.mix), RandomChoices::new((1, 0, 3), &places(&load), None));
        let (mut written, mut reads) = (Vec::new(), 0);
        while let Some(choice) = draw.choice(&mix) {
            match choice.written_key() {
                Some((_, key)) => written.push(key),
                None => assert!(written.contains(&choice.key)),
            }
            reads += u32::from(choice.written_key().is_none());
        }
        assert_eq!(written, [4, 8]);
        assert!(reads > 0);
        assert_eq!(draw.choice(&mix[1..]), None, "no key is left");
    }

    #[test]
    fn what_is_preloaded_is_read_and_not_written_again() {
        let load = load("app", r#"mix: [Get(), Set(value: "16B")], keys: WriteOnce(11), workers: 4, preload: 7"#);
        let (mix, mut draw) = (MixEntry::of(&load.mix), RandomChoices::new((1, 0, 0), &places(&load), None));
        let choices: Vec<_> = std::iter::from_fn(|| draw.choice(&mix)).collect();
        assert_eq!(choices.iter().filter_map(Choice::written_key).collect::<Vec<_>>(), [(DataType::Value, 9)]);
        assert!(choices.iter().all(|choice| [1, 5, 9].contains(&choice.key)));
    }

    /// However many are drawn together, also as the first are written and the last keys run out.
    #[rstest::rstest]
    fn choices_are_the_same_together(#[values(1, 2, 7, 100)] count: usize) {
        let load = load("app", r#"mix: [Get(), Set(value: "16B")], keys: WriteOnce(11), workers: 4"#);
        let draw = || RandomChoices::new((1, 0, 3), &places(&load), None);
        let (mix, mut alone, mut together) = (MixEntry::of(&load.mix), draw(), draw());
        let expected: Vec<_> = std::iter::from_fn(|| alone.choice(&mix)).collect();
        let batches = std::iter::from_fn(|| Some(together.choices(&mix, count).collect()));
        let chosen: Vec<_> = batches.take_while(|batch: &Vec<_>| !batch.is_empty()).flatten().collect();
        assert_eq!(chosen, expected);
    }

    #[test]
    fn entries_are_chosen_by_weight() {
        let load = load("app", r#"mix: [Get(weight: 3), Set(value: "16B"), Get(weight: 0)], keys: Uniform(10)"#);
        let (mix, mut draw) = (MixEntry::of(&load.mix), RandomChoices::new((1, 0, 0), &places(&load), None));
        let writes = (0..4_000).filter(|_| draw.choice(&mix).unwrap().written_key().is_some()).count();
        assert!((900..1_100).contains(&writes), "{writes} of 4000 instead of about 1000");
    }
}
