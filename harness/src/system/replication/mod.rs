//! Plain replication: one master, and replicas that follow it or each other. Nobody takes over by itself.
//!
//! A single server is the same without a replica.

mod discovery;
pub(super) mod log;
pub(super) mod settle;
pub(super) mod view;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::config::{OwnDirectives, ReservedDirective, redis_conf, reserved};
use super::log::parse;
use super::{
    Access, Discovery, Names, NodeFiles, NodeSpec, Origin, ReadsFrom, ReportReader, System, SystemSize, questions,
};
use crate::evidence::{FailoverPhase, LogEvent, NodeStatus, NodeView, Reach, Settlement};
use crate::vocab::{Address, NodeName, OwnedRange, Ownership, Position, Role, ServerVersion, SystemAbility};
use discovery::MasterAndReplicas;
use view::ReplicationReader;

/// A master with its replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replication {
    /// How many replicas there are.
    pub replicas: u16,
    /// Whether each replica follows the one before it, and only the first the master.
    #[serde(default)]
    pub chain: bool,
    /// Where it begins among the systems of a run.
    #[serde(skip)]
    pub origin: Origin,
}

/// A single server, as a scenario writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Standalone {
    /// How many servers: one.
    #[serde(default = "one")]
    nodes: u16,
}

fn one() -> u16 {
    1
}

/// Reads `Standalone(nodes: 1)`: replication without a replica.
pub(super) fn read_standalone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Replication, D::Error> {
    match Standalone::deserialize(deserializer)?.nodes {
        1 => Ok(Replication { replicas: 0, chain: false, origin: Origin::FIRST }),
        nodes => Err(serde::de::Error::custom(format!(
            "`Standalone` is one server, not {nodes}: for servers that follow it write `Replication(replicas: 1)`"
        ))),
    }
}

/// Directives that a scenario must not set where servers are no cluster, and why.
pub(super) const RESERVED: &[ReservedDirective] = &[
    ("cluster-*", "these servers are no cluster: write `topology: Cluster(masters: 3, replicas: 1)` for one"),
    ("tls-cluster", "these servers are no cluster"),
    ("replicaof", "a node's role is the topology's, or that of `Promote` and `Follow`"),
    ("slaveof", "a node's role is the topology's, or that of `Promote` and `Follow`"),
    ("replica-announce-*", "a node's address is its host's"),
    ("slave-announce-*", "a node's address is its host's"),
];

impl Replication {
    /// The node that a replica, counted from 1, follows at the start.
    fn followed(self, replica: usize) -> NodeName {
        if self.chain && replica > 1 { self.origin.replica(0, replica - 1) } else { self.origin.master(0) }
    }

    /// Everything: nothing divides its keys.
    fn everything(self) -> Ownership {
        let Position(all) = self.origin.position(0);
        [OwnedRange { first: all, last: all }].into_iter().collect()
    }
}

/// What makes a server follow its master.
pub(super) fn follows(nodes: &[NodeSpec], node: &NodeSpec) -> OwnDirectives {
    let master = node.master.as_ref().and_then(|master| nodes.iter().find(|other| other.name == *master));
    let follow = |master: &NodeSpec| ("replicaof", format!("{} {}", master.address.ip(), master.address.0.port()));
    OwnDirectives { told: master.map(follow).into_iter().collect(), defaults: &[] }
}

impl System for Replication {
    fn noun(&self) -> &'static str {
        if self.replicas == 0 { "server" } else { "replication group" }
    }

    fn bounding_directives(&self) -> &'static [(&'static str, &'static str)] {
        if self.replicas == 0 {
            &[("appendonly", "no"), ("appendfsync", "everysec"), ("save", "none")]
        } else {
            &[
                ("repl-timeout", "60"),
                ("repl-backlog-size", "1mb (Valkey: 10mb)"),
                ("min-replicas-to-write", "0"),
                ("appendonly", "no"),
            ]
        }
    }

    fn forming(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn size(&self) -> SystemSize {
        SystemSize { masters: 1, replicas: self.replicas, sentinels: 0 }
    }

    fn abilities(&self) -> &'static [SystemAbility] {
        if self.replicas == 0 {
            &[SystemAbility::Independence]
        } else {
            &[SystemAbility::RolesByCommand, SystemAbility::ReplicaReads]
        }
    }

    fn nodes(&self) -> Vec<NodeSpec> {
        let address = |index| Address::of_host(self.origin.host(index));
        let master = NodeSpec::new(self.origin.master(0), address(0), Role::Master);
        let master = NodeSpec { owns: self.everything(), version: view::FIRST_VERSION, ..master };
        let replica = |index: usize| NodeSpec {
            master: Some(self.followed(index)),
            ..NodeSpec::new(self.origin.replica(0, index), address(index), Role::Replica)
        };
        std::iter::once(master).chain((1..=usize::from(self.replicas)).map(replica)).collect()
    }

    fn reserved(&self, directive: &str) -> Option<&'static str> {
        reserved(directive, RESERVED)
    }

    fn configuration(&self, node: &NodeSpec, version: ServerVersion, files: &NodeFiles, access: &Access) -> String {
        let own = follows(&self.nodes(), node);
        redis_conf(node, version, files, access, &own)
    }

    /// A replica that its master refuses tries again only a second later (Redis `replication.c`, `replicationCron`).
    fn start_group(&self, node: &NodeSpec) -> usize {
        match self.nodes().iter().position(|other| other.name == node.name).unwrap_or_default() {
            place if self.chain => place,
            place => place.min(1),
        }
    }

    fn position_of(&self, _: &[u8]) -> Position {
        self.origin.position(0)
    }

    fn positions(&self) -> u16 {
        1
    }

    fn position_noun(&self) -> &'static str {
        "server"
    }

    fn questions(&self, _: &NodeName) -> Vec<Vec<String>> {
        questions(&[&["INFO", "replication"]])
    }

    fn report_reader(&self, node: &NodeName) -> Box<dyn ReportReader> {
        Box::new(ReplicationReader::new(node.clone(), self.everything()))
    }

    fn log_line(&self, line: &[u8], names: &Names) -> Option<(i64, LogEvent)> {
        parse(line, |text| log::says(text, names))
    }

    fn settle(
        &self,
        status: &BTreeMap<NodeName, NodeStatus>,
        reach: &Reach,
        views: &BTreeMap<NodeName, Option<NodeView>>,
    ) -> Settlement {
        settle::settle(status, reach, views)
    }

    fn failover_bounds(&self, _: &[NodeSpec], _: ServerVersion) -> BTreeMap<FailoverPhase, String> {
        [
            (FailoverPhase::Promoted, "`Promote`: nobody takes over by itself".to_owned()),
            (FailoverPhase::AllAgree, "`Follow`: replicas stay with whom they were told to follow".to_owned()),
        ]
        .into()
    }

    fn discovery(&self, seeds: &[(u16, Address)], _: ReadsFrom) -> Box<dyn Discovery> {
        Box::new(MasterAndReplicas::new(seeds))
    }
}
