//! Each node sees a majority, and no two see the same one.

use super::{Hosts, Meant, between};
use crate::evidence::LinksText;
use crate::vocab::HostName;

/// Every link but those between near neighbours in the ring of the nodes.
pub(super) fn meant(hosts: Hosts<'_>) -> Meant {
    // By name: a replica stands beside its master, and opposite of both are other shards.
    let mut ring: Vec<_> = hosts.nodes.iter().map(HostName::from).collect();
    ring.sort();
    let count = ring.len();
    // With itself a node sees 1 + 2 x `near`, at least a majority.
    let near = (count / 2).div_ceil(2);
    let distance = |a: usize, b: usize| (b - a).min(count - (b - a));
    let pairs = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
    let far = pairs.filter(|&(a, b)| distance(a, b) > near);
    let links = far.flat_map(|(a, b)| between(&ring[a..=a], &ring[b..=b]).collect::<Vec<_>>()).collect();
    Meant {
        links,
        text: LinksText::default().words(format!("a ring of {count} nodes, each of which sees {near} on either side")),
    }
}
