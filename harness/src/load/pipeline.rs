//! What a worker of a closed loop sends together.

use super::draw::Choice;

/// Gathers entries of the mix until there are enough for one shard: what a cluster client writes in one go lies on one node. What is
/// sent together writes each key once, so that a key's history has one order.
pub(crate) struct Pipeline {
    size: usize,
    shards: Vec<Gathered>,
}

/// What was gathered for a shard.
#[derive(Default)]
struct Gathered {
    ready: Vec<Choice>,
    /// What writes a key that what is ready writes too: it is for a later batch.
    behind: Vec<Choice>,
}

impl Pipeline {
    /// Gathers batches of that size, for so many shards.
    pub(crate) fn new(size: u16, shards: usize) -> Self {
        Self { size: size.into(), shards: (0..shards).map(|_| Gathered::default()).collect() }
    }

    /// Adds an entry. Returns a batch if there is enough for one now.
    pub(crate) fn add(&mut self, shard: usize, choice: Choice) -> Option<Vec<Choice>> {
        let gathered = &mut self.shards[shard];
        gathered.add(choice);
        // However few keys there are, what is gathered has a bound.
        let full = gathered.ready.len() == self.size || gathered.behind.len() == self.size;
        full.then(|| gathered.take())
    }

    /// A batch of what is left for a shard, though it be a small one; none if nothing is.
    pub(crate) fn rest(&mut self) -> Option<(usize, Vec<Choice>)> {
        let left = self.shards.iter_mut().enumerate().find(|(_, gathered)| !gathered.ready.is_empty());
        left.map(|(shard, gathered)| (shard, gathered.take()))
    }
}

impl Gathered {
    fn add(&mut self, choice: Choice) {
        let key = choice.written_key();
        let again =
            key.is_some() && self.ready.iter().any(|other| other.key == choice.key && other.written_key() == key);
        if again { &mut self.behind } else { &mut self.ready }.push(choice);
    }

    fn take(&mut self) -> Vec<Choice> {
        let size = self.ready.len();
        let batch = std::mem::replace(&mut self.ready, Vec::with_capacity(size));
        for choice in std::mem::take(&mut self.behind) {
            self.add(choice);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is added, by shard and key, 0 for a read; then the batches that come of it, the rest in the end.
    fn batches(size: u16, added: &[(usize, u32)]) -> Vec<Vec<u32>> {
        let mut pipeline = Pipeline::new(size, 2);
        let choice = |key| if key == 0 { Choice::read(9) } else { Choice::write(key, 1) };
        let mut batches: Vec<_> = added.iter().filter_map(|&(shard, key)| pipeline.add(shard, choice(key))).collect();
        batches.extend(std::iter::from_fn(|| pipeline.rest()).map(|(_, batch)| batch));
        let keys =
            |batch: &Vec<Choice>| batch.iter().map(|choice| choice.written_key().map_or(0, |(_, key)| key)).collect();
        batches.iter().map(keys).collect()
    }

    #[rstest::rstest]
    #[case::one_at_a_time(1, &[(0, 1), (1, 2), (0, 1)], &[vec![1], vec![2], vec![1]])]
    #[case::by_shard(2, &[(0, 1), (1, 2), (0, 3), (1, 4)], &[vec![1, 3], vec![2, 4]])]
    #[case::the_rest(2, &[(0, 1), (1, 2)], &[vec![1], vec![2]])]
    #[case::a_key_is_written_once(2, &[(0, 1), (0, 1), (0, 2), (0, 3)], &[vec![1, 2], vec![1, 3]])]
    #[case::reads_repeat(2, &[(0, 0), (0, 0)], &[vec![0, 0]])]
    #[case::one_key(2, &[(0, 1), (0, 1), (0, 1), (0, 1)], &[vec![1], vec![1], vec![1], vec![1]])]
    fn entries_are_gathered(#[case] size: u16, #[case] added: &[(usize, u32)], #[case] expected: &[Vec<u32>]) {
        assert_eq!(batches(size, added), expected);
    }
}
