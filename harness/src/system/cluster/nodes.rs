//! The nodes of a cluster as they start: names, ids, addresses, slots.

use std::collections::BTreeMap;

use super::Cluster;
use super::slot::share;
use crate::provider;
use crate::system::NodeSpec;
use crate::vocab::{Address, NodeId, NodeName, Ownership, Role};

/// The nodes: masters first, then replicas by master.
pub(super) fn nodes(cluster: Cluster) -> Vec<NodeSpec> {
    let masters = usize::from(cluster.masters);
    let first = (0..masters).map(|shard| (NodeName::master(shard), shard, Role::Master));
    let rest = (0..masters).flat_map(|shard| {
        (1..=usize::from(cluster.replicas)).map(move |index| (NodeName::replica(shard, index), shard, Role::Replica))
    });
    let node = |(index, (name, shard, role)): (usize, (NodeName, usize, Role))| {
        let is_master = role == Role::Master;
        NodeSpec {
            id: id_of(&name),
            name,
            address: Address::of_host(provider::host_address(index)),
            role,
            master: (!is_master).then(|| NodeName::master(shard)),
            owns: if is_master { share(shard, masters) } else { Ownership::default() },
            version: if is_master { shard as u64 + 1 } else { 0 },
            binary: None,
            config: BTreeMap::new(),
            tls: None,
        }
    };
    first.chain(rest).enumerate().map(node).collect()
}

/// 40 hexadecimal digits made from a name: the same in every run, so that evidence of two runs can be compared.
fn id_of(name: &NodeName) -> NodeId {
    let [first, second, third] = [1, 2, 3].map(|salt| spread(name.as_str(), salt));
    NodeId(format!("{first:016x}{second:016x}{:08x}", third >> 32))
}

/// FNV-1a and the finalizer of `SplitMix64`, which spreads what differs in one letter over all bits.
fn spread(text: &str, salt: u64) -> u64 {
    let seed = 0xcbf2_9ce4_8422_2325_u64 ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_forty_digits_and_unique() {
        let nodes = nodes(Cluster { masters: 100, replicas: 9 });
        let ids: BTreeSet<_> = nodes.iter().map(|node| node.id.0.clone()).collect();
        assert_eq!((ids.len(), nodes.len()), (1_000, 1_000));
        assert!(ids.iter().all(|id| id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
