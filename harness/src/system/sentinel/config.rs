//! What a sentinel must be told: whom it monitors. Who else does it is told when all of them run, see `hello.rs`.

use std::fmt::Write as _;

use super::Sentinel;
use crate::system::config::ReservedDirective;
use crate::system::{Access, Credentials, NodeSpec};
use crate::vocab::Role;

/// Directives that a scenario must not set here, and why.
pub(super) const RESERVED: &[ReservedDirective] = &[
    ("sentinel*", "the lab writes what sentinels monitor: use the fields of `Sentinel`"),
    ("cluster-*", "these servers are no cluster: write `topology: Cluster(masters: 3, replicas: 1)` for one"),
    ("tls-cluster", "these servers are no cluster"),
    ("replicaof", "a node's role is the topology's, or what sentinels make it"),
    ("slaveof", "a node's role is the topology's, or what sentinels make it"),
    ("replica-announce-*", "a node's address is its host's"),
    ("slave-announce-*", "a node's address is its host's"),
];

/// What a sentinel monitors, as one would have written it down that has known the replicas for a while: so none must be found first.
/// (`sentinelFlushConfig` and `rewriteConfigSentinelOption`, Redis `sentinel.c`.)
pub(super) fn sentinel_conf(sentinel: Sentinel, nodes: &[NodeSpec], own: &NodeSpec, access: &Access) -> String {
    let mut text = format!("sentinel myid {}\nsentinel current-epoch 0\n", own.id);
    let address = |node: &NodeSpec| format!("{} {}", node.address.ip(), node.address.0.port());
    let mut say = |line: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "sentinel {line}");
    };
    if let Some(Credentials { user, password }) = &access.credentials {
        say(format!("sentinel-user {user}"));
        say(format!("sentinel-pass {password}"));
    }
    for master in nodes.iter().filter(|node| node.role == Role::Master) {
        let name = &master.name;
        say(format!("monitor {name} {} {}", address(master), sentinel.quorum));
        say(format!("down-after-milliseconds {name} {}", sentinel.down_after.0.as_millis()));
        say(format!("failover-timeout {name} {}", sentinel.failover_timeout.0.as_millis()));
        say(format!("parallel-syncs {name} {}", sentinel.parallel_syncs));
        if let Some(Credentials { user, password }) = &access.credentials {
            say(format!("auth-user {name} {user}"));
            say(format!("auth-pass {name} {password}"));
        }
        say(format!("config-epoch {name} 0"));
        say(format!("leader-epoch {name} 0"));
        for replica in nodes.iter().filter(|node| node.master.as_ref() == Some(name)) {
            say(format!("known-replica {name} {}", address(replica)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{Origin, Placement, System};
    use crate::vocab::Duration;

    #[test]
    fn a_sentinel_knows_the_servers_from_the_start() {
        let (down_after, failover_timeout) = (Duration::from_millis(1_000), Duration::from_millis(10_000));
        let sentinel = Sentinel {
            masters: 1,
            replicas: 1,
            sentinels: 2,
            quorum: 2,
            down_after,
            failover_timeout,
            parallel_syncs: 1,
            placement: Placement::OwnHosts,
            origin: Origin::FIRST,
        };
        let nodes = sentinel.nodes();
        let [_, _, own, _] = &nodes[..] else { panic!("{nodes:?}") };
        let text = sentinel_conf(sentinel, &nodes, own, &Access::of_lab());
        let expected = format!(
            "sentinel myid {}\nsentinel current-epoch 0\nsentinel sentinel-user redis-harness\n\
             sentinel sentinel-pass redis-harness\nsentinel monitor A 10.128.0.2 6379 2\n\
             sentinel down-after-milliseconds A 1000\nsentinel failover-timeout A 10000\nsentinel parallel-syncs A 1\n\
             sentinel auth-user A redis-harness\nsentinel auth-pass A redis-harness\nsentinel config-epoch A 0\n\
             sentinel leader-epoch A 0\nsentinel known-replica A 10.128.0.3 6379\n",
            own.id
        );
        assert_eq!(text, expected);
    }
}
