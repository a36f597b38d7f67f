//! Circles in a directed graph.

use std::collections::{BTreeMap, BTreeSet};

/// The groups of nodes that reach each other, each in order. A node alone is none.
pub(crate) fn circles<N: Clone + Ord>(edges: impl IntoIterator<Item = (N, N)>) -> Vec<BTreeSet<N>> {
    let mut successors = BTreeMap::<N, BTreeSet<N>>::new();
    for (from, to) in edges {
        successors.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<_, _> = successors.keys().map(|node| (node, reachable(node, &successors))).collect();
    let mutual = |node: &N| -> BTreeSet<N> {
        reached[node]
            .iter()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(node)))
            .cloned()
            .collect()
    };
    let groups: BTreeSet<_> = successors.keys().map(mutual).filter(|group| group.len() > 1).collect();
    groups.into_iter().collect()
}

fn reachable<N: Clone + Ord>(start: &N, successors: &BTreeMap<N, BTreeSet<N>>) -> BTreeSet<N> {
    let (mut reached, mut waiting) = (BTreeSet::new(), vec![start.clone()]);
    while let Some(node) = waiting.pop() {
        let next = successors.get(&node).into_iter().flatten();
        waiting.extend(next.filter(|next| reached.insert((*next).clone())).cloned());
    }
    reached
}
