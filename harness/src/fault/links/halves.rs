//! Two halves of the nodes, drawn by lot.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Hosts, Meant, split};
use crate::vocab::{HostName, NodeName};

/// Every link between the halves, and the client hosts that go with them. The first half is the smaller one.
pub(super) fn meant(first: &[HostName], second: &[HostName], hosts: Hosts<'_>, random: &mut ChaCha8Rng) -> Meant {
    let mut drawn: Vec<_> = hosts.nodes.to_vec();
    drawn.shuffle(random);
    let (small, large) = drawn.split_at(drawn.len() / 2);
    // In the order of the plan, which is how people read names.
    let half = |nodes: &[NodeName], clients: &[HostName]| {
        let nodes = hosts.nodes.iter().filter(|node| nodes.contains(node)).map(HostName::from);
        nodes.chain(clients.iter().cloned()).collect::<Vec<_>>()
    };
    split::meant(&[half(small, first), half(large, second)])
}
