//! The nodes of a cluster as they start: names, ids, addresses, slots.

use super::Cluster;
use super::slot::share;
use crate::system::NodeSpec;
use crate::vocab::{Address, NodeName, Ownership, Role};

/// The nodes: masters first, then replicas by master.
pub(super) fn nodes(cluster: Cluster) -> Vec<NodeSpec> {
    let (masters, origin) = (usize::from(cluster.masters), cluster.origin);
    let first = (0..masters).map(|shard| (origin.master(shard), shard, Role::Master));
    let rest = (0..masters).flat_map(|shard| {
        (1..=usize::from(cluster.replicas)).map(move |index| (origin.replica(shard, index), shard, Role::Replica))
    });
    let node = |(index, (name, shard, role)): (usize, (NodeName, usize, Role))| {
        let is_master = role == Role::Master;
        NodeSpec {
            master: (!is_master).then(|| origin.master(shard)),
            owns: if is_master { share(shard, masters) } else { Ownership::default() },
            version: if is_master { shard as u64 + 1 } else { 0 },
            ..NodeSpec::new(name, Address::of_host(origin.host(index)), role)
        }
    };
    first.chain(rest).enumerate().map(node).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_forty_digits_and_unique() {
        let nodes = nodes(Cluster::new(100, 9));
        let ids: BTreeSet<_> = nodes.iter().map(|node| node.id.0.clone()).collect();
        assert_eq!((ids.len(), nodes.len()), (1_000, 1_000));
        assert!(ids.iter().all(|id| id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
