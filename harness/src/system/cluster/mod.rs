//! Redis Cluster and Valkey in cluster mode: hash slots, epochs, gossip, elections.

mod admin;
mod config;
mod discovery;
mod failover;
mod join;
mod key_place;
mod log;
mod members;
mod nodes;
mod settle;
mod slot;
#[cfg(test)]
pub(in crate::system) mod testing;
mod view;
mod written_position;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

#[cfg(test)]
pub(crate) use failover::failover_bounds;
pub use key_place::KeyPlace;
#[cfg(test)]
pub(crate) use settle::{place, settle, topology};
pub use slot::share;
pub(super) use slot::slot_of_key as position_of;
#[cfg(test)]
pub(crate) use slot::{SLOT_COUNT, slot_of_key};
pub use written_position::WrittenPosition;
pub(crate) use written_position::written_position_example;

pub use discovery::read_redirect;

use super::config::{redis_conf, reserved};
use super::log::parse;
use super::{
    Access, Discovery, Names, NodeFiles, NodeSpec, Origin, ReadsFrom, ReportReader, Servers, System, SystemError,
    SystemSize, questions,
};
use crate::evidence::{FailoverPhase, LogEvent, NodeStatus, NodeView, Reach, Settlement};
use crate::vocab::{Address, NodeName, Position, ServerVersion, SystemAbility};
use discovery::SlotMap;
use view::ClusterReader;

/// A cluster's shape: masters with the slots divided evenly, each with as many replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// How many masters, at least 1. Fewer than 3 cannot fail over: no majority is left.
    pub masters: u16,
    /// How many replicas each master has.
    pub replicas: u16,
    /// Where it begins among the systems of a run.
    #[serde(skip)]
    pub origin: Origin,
}

impl Cluster {
    /// The first system of a run.
    pub const fn new(masters: u16, replicas: u16) -> Self {
        Self { masters, replicas, origin: Origin::FIRST }
    }
}

impl System for Cluster {
    fn noun(&self) -> &'static str {
        "cluster"
    }

    fn bounding_directives(&self) -> &'static [(&'static str, &'static str)] {
        &[("cluster-node-timeout", "15000"), ("cluster-require-full-coverage", "yes"), ("appendonly", "no")]
    }

    /// 2 s are the servers' own floor.
    fn forming(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn size(&self) -> SystemSize {
        SystemSize { masters: self.masters, replicas: self.replicas, sentinels: 0 }
    }

    fn abilities(&self) -> &'static [SystemAbility] {
        use SystemAbility::{Elections, FailureFlags, Membership, NumberedKeys, Refusing, ReplicaReads};
        &[Membership, FailureFlags, Elections, Refusing, NumberedKeys, ReplicaReads]
    }

    fn nodes(&self) -> Vec<NodeSpec> {
        nodes::nodes(*self)
    }

    fn reserved(&self, directive: &str) -> Option<&'static str> {
        reserved(directive, config::RESERVED)
    }

    fn configuration(&self, node: &NodeSpec, version: ServerVersion, files: &NodeFiles, access: &Access) -> String {
        redis_conf(node, version, files, access, &config::own_directives(node))
    }

    fn data_files(&self, nodes: &[NodeSpec], node: &NodeSpec, version: ServerVersion) -> Vec<(&'static str, String)> {
        vec![(config::NODES_CONF, config::nodes_conf(nodes, &node.name, version))]
    }

    fn join<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
        replica_of: &'a NodeName,
        within: Duration,
    ) -> LocalBoxFuture<'a, Result<String, SystemError>> {
        Box::pin(join::join(servers, node, replica_of, within))
    }

    fn position_of(&self, key: &[u8]) -> Position {
        slot::slot_of_key(key)
    }

    fn positions(&self) -> u16 {
        slot::SLOT_COUNT
    }

    fn position_noun(&self) -> &'static str {
        "slot"
    }

    fn questions(&self, _: &NodeName) -> Vec<Vec<String>> {
        questions(&[&["CLUSTER", "NODES"], &["CLUSTER", "INFO"], &["INFO", "replication"]])
    }

    fn report_reader(&self, node: &NodeName) -> Box<dyn ReportReader> {
        Box::new(ClusterReader::new(node.clone()))
    }

    fn log_line(&self, line: &[u8], names: &Names) -> Option<(i64, LogEvent)> {
        parse(line, |text| log::says(text, names))
    }

    fn data_too_old(&self, says: &LogEvent) -> Option<bool> {
        log::data_too_old(says)
    }

    fn settle(
        &self,
        status: &BTreeMap<NodeName, NodeStatus>,
        reach: &Reach,
        views: &BTreeMap<NodeName, Option<NodeView>>,
    ) -> Settlement {
        settle::settle(status, reach, views)
    }

    fn failover_bounds(&self, nodes: &[NodeSpec], version: ServerVersion) -> BTreeMap<FailoverPhase, String> {
        let node_timeout_ms = nodes.iter().map(NodeSpec::node_timeout_ms).max().unwrap_or_default();
        failover::failover_bounds(node_timeout_ms, version)
    }

    fn discovery(&self, seeds: &[(u16, Address)], _: ReadsFrom) -> Box<dyn Discovery> {
        Box::new(SlotMap::new(seeds))
    }

    /// A replica serves no reads to who did not say that old values will do.
    fn replica_greeting(&self) -> Option<&'static [&'static str]> {
        Some(&["READONLY"])
    }
}
