//! Key spaces: what a key is called, who writes it, and which keys were written.

use super::Load;
use super::resp::push_decimal;

/// The keys of a load. Numbers begin at 1; worker `w` writes the keys `k` with `(k - 1) % workers == w`.
#[derive(Clone, Debug)]
pub(crate) struct KeySpace {
    prefix: Vec<u8>,
    count: u32,
    workers: u16,
}

impl KeySpace {
    /// The key space of a load. It must have a key and a worker.
    pub(crate) fn of(load: &Load) -> Self {
        Self { prefix: load.key_prefix().into_owned().into_bytes(), count: load.keys.count(), workers: load.workers }
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

    /// How many keys `worker` writes.
    pub(crate) fn share(&self, worker: u16) -> u32 {
        let (count, workers, worker) = (self.count, u32::from(self.workers), u32::from(worker));
        count / workers + u32::from(worker < count % workers)
    }

    /// The `nth` (from 0) of the keys that `worker` writes.
    pub(crate) fn of_share(&self, worker: u16, nth: u32) -> u32 {
        u32::from(worker) + 1 + nth * u32::from(self.workers)
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

    /// Adds the key `number` (from 1).
    pub(crate) fn insert(&mut self, number: u32) {
        let bit = number.saturating_sub(1);
        if let Some(word) = self.0.get_mut((bit / 64) as usize) {
            *word |= 1 << (bit % 64);
        }
    }

    /// The keys in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (1..).zip(self.0.iter()).flat_map(|(word_number, &word): (u32, &u64)| {
            (1..=64).filter(move |bit| word & (1 << (bit - 1)) != 0).map(move |bit| (word_number - 1) * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn space(count: u32, workers: u16) -> KeySpace {
        KeySpace { prefix: b"app:".to_vec(), count, workers }
    }

    #[rstest]
    #[case(10, 4, &[vec![1, 5, 9], vec![2, 6, 10], vec![3, 7], vec![4, 8]])]
    #[case(3, 1, &[vec![1, 2, 3]])]
    #[case(2, 3, &[vec![1], vec![2], vec![]])]
    fn each_key_has_one_writer(#[case] count: u32, #[case] workers: u16, #[case] shares: &[Vec<u32>]) {
        let keys = space(count, workers);
        for (worker, expected) in (0..).zip(shares) {
            let share: Vec<_> = (0..keys.share(worker)).map(|nth| keys.of_share(worker, nth)).collect();
            assert_eq!(&share, expected, "worker {worker}");
            assert!(share.iter().all(|key| (key - 1) % u32::from(workers) == u32::from(worker)));
        }
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
