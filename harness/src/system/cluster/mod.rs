//! Redis Cluster and Valkey in cluster mode: hash slots, epochs, gossip, elections.

mod admin;
mod config;
mod discovery;
mod failover;
mod info;
mod join;
mod key_place;
mod log;
mod members;
mod nodes;
mod settle;
mod slot;
#[cfg(test)]
mod testing;
mod view;
mod written_position;

use std::borrow::Cow;
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
#[cfg(test)]
pub(crate) use slot::{SLOT_COUNT, slot_of_key};
pub use written_position::WrittenPosition;
pub(crate) use written_position::written_position_example;

pub(super) use config::line;
pub use discovery::read_redirect;

use super::{Access, Discovery, Names, NodeFiles, NodeSpec, ReportReader, Servers, System, SystemError};
use crate::evidence::{FailoverPhase, Figures, LogEvent, NodeStatus, NodeView, Reach, Settlement};
use crate::vocab::{Address, NodeName, Position, ServerVersion};
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
}

impl System for Cluster {
    fn nodes(&self) -> Vec<NodeSpec> {
        nodes::nodes(*self)
    }

    fn reserved(&self, directive: &str) -> Option<&'static str> {
        config::reserved(directive)
    }

    fn configuration(&self, node: &NodeSpec, version: ServerVersion, files: &NodeFiles, access: &Access) -> String {
        config::redis_conf(node, version, files, access)
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

    fn position_noun(&self) -> &'static str {
        "slot"
    }

    fn questions(&self) -> &'static [&'static [&'static str]] {
        &[&["CLUSTER", "NODES"], &["CLUSTER", "INFO"], &["INFO", "replication"]]
    }

    fn report_reader(&self, node: &NodeName) -> Box<dyn ReportReader> {
        Box::new(ClusterReader::new(node.clone()))
    }

    fn resource_questions(&self) -> &'static [&'static [&'static str]] {
        info::QUESTIONS
    }

    fn resource_figures(&self, answers: &[Cow<'_, str>]) -> Figures {
        let answer = |index: usize| answers.get(index).map_or("", Cow::as_ref);
        info::figures(answer(0), answer(1))
    }

    fn log_line(&self, line: &[u8], names: &Names) -> Option<(i64, LogEvent)> {
        log::parse(line, names)
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

    fn discovery(&self, seeds: &[(u16, Address)]) -> Box<dyn Discovery> {
        Box::new(SlotMap::new(seeds))
    }
}
