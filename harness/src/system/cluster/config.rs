//! What a server must be told to be a node of a cluster, and the `nodes.conf` that it wakes up with.

use std::fmt::Write as _;

use crate::system::NodeSpec;
use crate::system::config::{OwnDirectives, ReservedDirective};
use crate::vocab::{Address, BUS_PORT_OFFSET, NodeName, PLAIN_PORT, Product, Role, ServerVersion, Tls};

/// Directives that a scenario must not set where servers are a cluster, and why.
pub(super) const RESERVED: &[ReservedDirective] = &[
    (
        "tls-cluster",
        "with `server: (tls: Only)` clients, replicas and the cluster bus speak TLS, on the server's usual port",
    ),
    ("cluster-enabled", "every server is a node of the cluster"),
    ("cluster-config-file", "the lab writes it to form the cluster"),
    ("cluster-port", "the cluster bus is on the server's port plus 10000"),
    ("cluster-announce-*", "a node's address is its host's"),
    ("replicaof", "a node's role is the topology's, or that of `Join`"),
    ("slaveof", "a node's role is the topology's, or that of `Join`"),
];

/// What makes a server a node of the cluster.
pub(super) fn own_directives(node: &NodeSpec) -> OwnDirectives {
    let mut told = vec![("cluster-enabled", "yes".to_owned()), ("cluster-config-file", NODES_CONF.to_owned())];
    if node.tls.is_some() {
        // Only so do servers before Redis 7.2 tell clients that speak TLS where others do.
        told.push(("tls-cluster", "yes".to_owned()));
    }
    // A replica that wanders off to another shard would make the same scenario end in different topologies.
    OwnDirectives { told, defaults: &[("cluster-allow-replica-migration", "no")] }
}

/// The name of the file in which a server keeps what it knows of its cluster, in its data directory.
pub(super) const NODES_CONF: &str = "nodes.conf";

/// The `nodes.conf` with which `myself` wakes up as a member of the cluster of `nodes`.
///
/// It is how a server would have written it, so formation needs no command: a node finds its peers, its role and its
/// slots, and is up after the 2 seconds that a new master waits in any case.
///
/// Servers that know shards (Redis 7.2 and later, Valkey) are told them: each would make up ids of its own and write
/// them down, and one that is killed before they have agreed refuses to start again ("corrupted cluster config file",
/// valkey#2171, redis#13468). Older servers would take a shard for part of a host's name.
pub(super) fn nodes_conf(nodes: &[NodeSpec], myself: &NodeName, version: ServerVersion) -> String {
    let mut text = String::new();
    let mut epoch = 0;
    for node in nodes {
        let Address(address) = node.address;
        let role = match node.role {
            Role::Master => "master",
            Role::Replica | Role::Sentinel => "slave",
        };
        let flags = if node.name == *myself { format!("myself,{role}") } else { role.to_owned() };
        let master = node.master.as_ref().and_then(|name| nodes.iter().find(|node| node.name == *name));
        let master = master.map_or("-", |master| &master.id.0);
        let bus = u32::from(address.port()) + u32::from(BUS_PORT_OFFSET);
        let _ = write!(text, "{} {address}@{bus}", node.id);
        if has_shard_ids(version) {
            let shard = if master == "-" { &node.id.0 } else { master };
            let _ = write!(text, ",,shard-id={shard}");
            // The port in the address is the one that the cluster speaks to.
            if node.tls == Some(Tls::BesidePlain) {
                let _ = write!(text, ",tcp-port={PLAIN_PORT}");
            }
        }
        let _ = write!(text, " {flags} {master} 0 0 {} connected", node.version);
        for range in node.owns.ranges() {
            let _ = write!(text, " {range}");
        }
        text.push('\n');
        epoch = epoch.max(node.version);
    }
    let _ = writeln!(text, "vars currentEpoch {epoch} lastVoteEpoch 0");
    text
}

/// Whether this server gives shards ids, which it keeps in `nodes.conf`.
fn has_shard_ids(version: ServerVersion) -> bool {
    version.product == Product::Valkey || (version.major, version.minor) >= (7, 2)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rstest::rstest;

    use super::*;
    use crate::system::cluster::share;
    use crate::vocab::NodeId;

    fn node(name: &str, host: u8, master: Option<&str>) -> NodeSpec {
        let role = if master.is_some() { Role::Replica } else { Role::Master };
        let node = NodeSpec::new(name.into(), Address::of_host(Ipv4Addr::new(10, 128, 0, host)), role);
        let node = NodeSpec { id: NodeId(format!("{host:040x}")), ..node };
        match master {
            Some(master) => NodeSpec { master: Some(master.into()), ..node },
            None => NodeSpec { owns: share(usize::from(host) - 2, 2), version: u64::from(host) - 1, ..node },
        }
    }

    #[rstest]
    #[case("Redis server v=6.2.14", "", "")]
    #[case("Redis server v=7.0.15", "", "")]
    #[case(
        "Redis server v=7.2.0",
        ",,shard-id=0000000000000000000000000000000000000002",
        ",,shard-id=0000000000000000000000000000000000000003"
    )]
    #[case(
        "Valkey server v=8.0.1",
        ",,shard-id=0000000000000000000000000000000000000002",
        ",,shard-id=0000000000000000000000000000000000000003"
    )]
    fn a_node_wakes_up_as_a_member(#[case] server: &str, #[case] shard_a: &str, #[case] shard_b: &str) {
        let nodes = [node("A", 2, None), node("B", 3, None), node("A1", 4, Some("A"))];
        let expected = format!(
            "{a} 10.128.0.2:6379@16379{shard_a} master - 0 0 1 connected 0-8191\n\
             {b} 10.128.0.3:6379@16379{shard_b} master - 0 0 2 connected 8192-16383\n\
             {a1} 10.128.0.4:6379@16379{shard_a} myself,slave {a} 0 0 0 connected\n\
             vars currentEpoch 2 lastVoteEpoch 0\n",
            a = nodes[0].id,
            b = nodes[1].id,
            a1 = nodes[2].id,
        );
        assert_eq!(nodes_conf(&nodes, &"A1".into(), server.parse().unwrap()), expected);
    }

    /// The address has the port of TLS, which servers before Redis 7.2 take for the only one until they hear otherwise.
    #[rstest]
    #[case::redis_7_0("Redis server v=7.0.15", Tls::BesidePlain, "")]
    #[case::only("Valkey server v=8.0.1", Tls::Only, ",,shard-id=0000000000000000000000000000000000000002")]
    #[case::valkey(
        "Valkey server v=8.0.1",
        Tls::BesidePlain,
        ",,shard-id=0000000000000000000000000000000000000002,tcp-port=6380"
    )]
    fn a_plain_port_is_told_to_who_can_read_it(#[case] server: &str, #[case] tls: Tls, #[case] fields: &str) {
        let node = NodeSpec { tls: Some(tls), ..node("A", 2, None) };
        let text = nodes_conf(std::slice::from_ref(&node), &node.name, server.parse().unwrap());
        assert!(text.starts_with(&format!("{} 10.128.0.2:6379@16379{fields} myself", node.id)), "{text}");
    }
}
