//! The nodes of a topology: their names, ids, addresses, slots and directives.

use std::net::Ipv4Addr;

use crate::lab::{ClientSpec, NodeSpec};
use crate::load::Load;
use crate::scenario::Server;
use crate::system::cluster::share;
use crate::system::{Cluster, Deployment};
use crate::vocab::{Address, NodeId, NodeName, Ownership, Role};

/// A node's place in the topology that a scenario starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: NodeName,
    /// Its shard, counted from 0.
    pub(super) shard: usize,
    pub(super) role: Role,
}

/// The members of a topology: masters first, then replicas by master.
pub(super) fn members(topology: Deployment) -> Vec<Member> {
    let Deployment::Cluster(Cluster { masters, replicas }) = topology;
    let masters = usize::from(masters);
    let member = |name, shard, role| Member { name, shard, role };
    let first = (0..masters).map(|shard| member(NodeName::master(shard), shard, Role::Master));
    let rest = (0..masters).flat_map(|shard| {
        (1..=usize::from(replicas)).map(move |index| member(NodeName::replica(shard, index), shard, Role::Replica))
    });
    first.chain(rest).collect()
}

/// What the lab is asked to build.
pub(super) fn specs(topology: Deployment, server: &Server) -> Vec<NodeSpec> {
    let Deployment::Cluster(Cluster { masters, .. }) = topology;
    let spec = |(index, member): (usize, Member)| {
        let own = server.nodes.get(&member.name);
        let mut config = server.config.clone();
        config.extend(own.map(|own| own.config.clone()).unwrap_or_default());
        let is_master = member.role == Role::Master;
        NodeSpec {
            id: id_of(&member.name),
            address: Address::of_host(host(index)),
            role: member.role,
            master: (!is_master).then(|| NodeName::master(member.shard)),
            owns: if is_master { share(member.shard, masters.into()) } else { Ownership::default() },
            version: if is_master { member.shard as u64 + 1 } else { 0 },
            binary: own.and_then(|own| own.binary.clone()).or_else(|| server.binary.clone()),
            config,
            name: member.name,
        }
    };
    members(topology).into_iter().enumerate().map(spec).collect()
}

/// The client hosts that the loads name, in their order, after the nodes.
pub(super) fn clients(nodes: &[NodeSpec], loads: &[Load]) -> Vec<ClientSpec> {
    let mut clients = Vec::<ClientSpec>::new();
    for name in loads.iter().map(Load::host) {
        if !nodes.iter().any(|node| name.is(&node.name)) && !clients.iter().any(|client| client.name == name) {
            clients.push(ClientSpec { name, ip: host(nodes.len() + clients.len()) });
        }
    }
    clients
}

/// The address of the host counted from 0: 10.128.0.2 and up. The router has 10.128.0.1, and no address ends in 0 or 255:
/// some machines take those for a network's own.
pub(super) fn host(index: usize) -> Ipv4Addr {
    const PER_BLOCK: usize = 254;
    let place = index + 1;
    let low = u8::try_from(place % PER_BLOCK + 1).unwrap_or(u8::MAX);
    let block = place / PER_BLOCK;
    let [high, mid] = [block / 256, block % 256].map(|part| u8::try_from(part).unwrap_or(u8::MAX));
    Ipv4Addr::new(10, 128_u8.saturating_add(high), mid, low)
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

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "10.128.0.2")]
    #[case(252, "10.128.0.254")]
    #[case(253, "10.128.1.1")]
    #[case(506, "10.128.1.254")]
    #[case(507, "10.128.2.1")]
    fn addresses_skip_what_is_not_a_host(#[case] index: usize, #[case] address: &str) {
        assert_eq!(host(index).to_string(), address);
    }

    #[test]
    fn ids_are_forty_digits_and_unique() {
        let members = members(Deployment::Cluster(Cluster { masters: 100, replicas: 9 }));
        let ids: BTreeSet<_> = members.iter().map(|member| id_of(&member.name).0).collect();
        assert_eq!(ids.len(), members.len());
        assert!(ids.iter().all(|id| id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
