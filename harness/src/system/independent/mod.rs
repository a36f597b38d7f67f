//! Masters that know nothing of each other: each is a server by itself, and who uses several of them has to know how.
//!
//! Keys are divided by the clients, as those do that hash by themselves ("client-side sharding"): the place of a key never changes, and
//! when its master is down nobody else serves it. Each master is a group without replicas in terms of [`super::Replication`], from
//! which its views and log lines come.

mod discovery;
mod settle;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::config::{OwnDirectives, redis_conf, reserved};
use super::log::parse;
use super::replication::view::ReplicationReader;
use super::{
    Access, Discovery, Names, NodeFiles, NodeSpec, Origin, ReadsFrom, Replication, ReportReader, ShapeProblem, System,
    SystemSize, replication,
};
use crate::evidence::{FailoverPhase, LogEvent, NodeStatus, NodeView, Reach, Settlement};
use crate::vocab::{Address, NodeName, OwnedRange, Ownership, Position, Role, ServerVersion, SystemAbility};
use discovery::KnownPlaces;

/// Masters that know nothing of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Independent {
    /// How many there are.
    pub masters: u16,
    /// Where it begins among the systems of a run.
    #[serde(skip)]
    pub origin: Origin,
}

/// Which of them gave a lock is recorded as a bit each.
const MASTERS_MAX: u16 = 64;

/// Each of them by itself.
const ONE: Replication = Replication { replicas: 0, chain: false, origin: Origin::FIRST };

impl Independent {
    fn masters(self) -> impl Iterator<Item = (Position, NodeName)> {
        (0..self.masters).map(move |index| (self.origin.position(index), self.origin.master(index.into())))
    }

    fn share(position: Position) -> Ownership {
        [OwnedRange { first: position.0, last: position.0 }].into_iter().collect()
    }

    /// The place of a master's keys.
    fn share_of(self, node: &NodeName) -> Ownership {
        let position = self.masters().find(|(_, name)| name == node).map(|(position, _)| position);
        position.map(Self::share).unwrap_or_default()
    }
}

impl System for Independent {
    fn noun(&self) -> &'static str {
        "master group"
    }

    fn bounding_directives(&self) -> &'static [(&'static str, &'static str)] {
        ONE.bounding_directives()
    }

    fn forming(&self) -> Duration {
        ONE.forming()
    }

    fn size(&self) -> SystemSize {
        SystemSize { masters: self.masters, replicas: 0, sentinels: 0 }
    }

    fn problems(&self) -> Vec<ShapeProblem> {
        let too_many = (self.masters > MASTERS_MAX).then(|| ShapeProblem {
            field: "masters",
            message: format!("{} are more than a lock is taken on", self.masters),
            help: "take 64 masters at most; a lock has 3 or 5 in most cases",
        });
        too_many.into_iter().collect()
    }

    fn abilities(&self) -> &'static [SystemAbility] {
        &[SystemAbility::Independence]
    }

    fn nodes(&self) -> Vec<NodeSpec> {
        let node = |(index, (position, name)): (usize, (Position, NodeName))| {
            let node = NodeSpec::new(name, Address::of_host(self.origin.host(index)), Role::Master);
            NodeSpec { owns: Self::share(position), version: replication::view::FIRST_VERSION, ..node }
        };
        self.masters().enumerate().map(node).collect()
    }

    fn reserved(&self, directive: &str) -> Option<&'static str> {
        reserved(directive, replication::RESERVED)
    }

    fn configuration(&self, node: &NodeSpec, version: ServerVersion, files: &NodeFiles, access: &Access) -> String {
        redis_conf(node, version, files, access, &OwnDirectives { told: Vec::new(), defaults: &[] })
    }

    fn position_of(&self, key: &[u8]) -> Position {
        let slot = super::cluster::position_of(key);
        self.origin.position(slot.0 % self.masters.max(1))
    }

    fn positions(&self) -> u16 {
        self.masters
    }

    fn position_noun(&self) -> &'static str {
        "share"
    }

    fn questions(&self, node: &NodeName) -> Vec<Vec<String>> {
        ONE.questions(node)
    }

    fn report_reader(&self, node: &NodeName) -> Box<dyn ReportReader> {
        Box::new(ReplicationReader::new(node.clone(), self.share_of(node)))
    }

    fn log_line(&self, line: &[u8], names: &Names) -> Option<(i64, LogEvent)> {
        parse(line, |text| replication::log::says(text, names))
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
        BTreeMap::new()
    }

    fn discovery(&self, seeds: &[(u16, Address)], _: ReadsFrom) -> Box<dyn Discovery> {
        Box::new(KnownPlaces::new(seeds, self.origin))
    }
}
