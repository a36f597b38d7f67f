//! Key spaces: what a key is called, who writes it, and which keys were written.

use std::collections::{BTreeMap, VecDeque};

use super::resp::push_decimal;
use super::{Load, Pace};

/// The keys of a load. Numbers begin at 1. Writers that are not told whose turn it is have a share each: of `n` the `w`-th writes the
/// keys `k` with `(k - 1) % n == w`.
#[derive(Clone, Debug)]
pub(crate) struct KeySpace {
    prefix: Vec<u8>,
    count: u32,
    writers: u16,
}

impl KeySpace {
    /// The key space of a load. It must have a key and a worker. The workers of an open loop take turns at each key.
    pub(crate) fn of(load: &Load) -> Self {
        let writers = if load.pace == Pace::Closed { load.workers() } else { 1 };
        Self { prefix: load.key_prefix().into_owned().into_bytes(), count: load.keys.count(), writers }
    }

    /// How many keys there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Replaces `out` by the text of the key `number`.
    pub(crate) fn text(&self, number: u32, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.prefix);
        push_decimal(out, u64::from(number));
    }

    /// How many keys `writer` writes.
    pub(crate) fn share(&self, writer: u16) -> u32 {
        let (count, writers, writer) = (self.count, u32::from(self.writers), u32::from(writer));
        count / writers + u32::from(writer < count % writers)
    }

    /// The `nth` (from 0) of the keys that `writer` writes.
    pub(crate) fn of_share(&self, writer: u16, nth: u32) -> u32 {
        u32::from(writer) + 1 + nth * u32::from(self.writers)
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

/// Whose turn it is to write a key: no two writes of one are under way together, so that its history has one order.
#[derive(Debug)]
pub(crate) struct Turns<W> {
    taken: KeySet,
    /// Who waits for a key's turn, in order; in order of the keys, so that what is left can be told the same way again.
    waiting: BTreeMap<u32, VecDeque<W>>,
}

impl<W> Turns<W> {
    /// Nobody writes any of `count` keys.
    pub(crate) fn new(count: u32) -> Self {
        Self { taken: KeySet::none_of(count), waiting: BTreeMap::new() }
    }

    /// Whether a key is being written.
    pub(crate) fn is_taken(&self, key: u32) -> bool {
        self.taken.contains(key)
    }

    /// Takes the turn at a key that nobody is writing. Returns false if somebody is.
    pub(crate) fn take(&mut self, key: u32) -> bool {
        self.taken.insert(key)
    }

    /// Waits for the turn at a key that somebody is writing.
    pub(crate) fn wait(&mut self, key: u32, writer: W) {
        self.waiting.entry(key).or_default().push_back(writer);
    }

    /// Passes the turn at a key on to who has waited longest for it, if somebody has.
    pub(crate) fn pass(&mut self, key: u32) -> Option<W> {
        let next = self.waiting.get_mut(&key).and_then(VecDeque::pop_front);
        match next {
            None => self.taken.remove(key),
            Some(_) if self.waiting.get(&key).is_some_and(VecDeque::is_empty) => drop(self.waiting.remove(&key)),
            Some(_) => {}
        }
        next
    }

    /// Everybody who waits.
    pub(crate) fn left(&mut self) -> impl Iterator<Item = W> + use<W> {
        std::mem::take(&mut self.waiting).into_values().flatten()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn space(count: u32, writers: u16) -> KeySpace {
        KeySpace { prefix: b"app:".to_vec(), count, writers }
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

    #[test]
    fn writers_of_a_key_take_turns() {
        let mut turns = Turns::new(10);
        assert!(turns.take(7) && turns.take(8) && !turns.take(7) && !turns.take(8));
        for (key, writer) in [(7, 'c'), (7, 'd'), (8, 'e')] {
            turns.wait(key, writer);
        }
        assert_eq!([turns.pass(7), turns.pass(7), turns.pass(7)], [Some('c'), Some('d'), None]);
        assert!(!turns.is_taken(7) && turns.is_taken(8) && turns.take(7));
        assert_eq!(turns.left().collect::<Vec<_>>(), ['e']);
        assert_eq!([turns.pass(7), turns.pass(8)], [None, None]);
        assert!(turns.take(8));
    }

    #[test]
    fn a_key_is_its_prefix_and_its_number() {
        let mut text = b"old".to_vec();
        space(10, 1).text(10, &mut text);
        assert_eq!(text, b"app:10");
    }

    #[test]
    fn a_set_holds_what_was_inserted() {
        let mut keys = KeySet::none_of(130);
        for key in [130, 1, 64, 65, 64, 131, 9_999] {
            keys.insert(key);
        }
        assert_eq!(keys.iter().collect::<Vec<_>>(), [1, 64, 65, 130, 131]);
    }
}
