//! Redis Sentinel: masters with replicas, and sentinels that watch them, agree that one failed and have a replica take over.
//!
//! Sentinels are nodes, on hosts of their own or on those of servers. What they monitor under the name `A` is the master that starts
//! as node A.

mod config;
mod discovery;
mod failover;
mod hello;
mod log;
mod settle;
mod view;

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration as StdDuration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::config::{redis_conf, reserved};
use super::log::parse;
use super::replication::follows;
use super::replication::view::ReplicationReader;
use super::{
    Access, Discovery, Names, NodeFiles, NodeSpec, Origin, ReadsFrom, ReportReader, Servers, ShapeProblem, System,
    SystemError, SystemSize, questions,
};
use crate::evidence::{FailoverPhase, LogEvent, NodeStatus, NodeView, Reach, Settlement};
use crate::vocab::{
    Address, Duration, HostName, NodeName, OwnedRange, Ownership, Position, Role, SENTINEL_PORT, SERVER_PORT,
    ServerVersion, SystemAbility,
};
use discovery::SentinelMap;
use view::SentinelReader;

/// Masters with their replicas, and sentinels that watch all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sentinel {
    /// How many masters are monitored; each has its share of the keys.
    #[serde(default = "one")]
    pub masters: u16,
    /// How many replicas each master has.
    pub replicas: u16,
    /// How many sentinels there are.
    pub sentinels: u16,
    /// How many of them must hold a master for down before one of them tries to have it replaced.
    pub quorum: u16,
    /// `down-after-milliseconds`: how long a node is silent until a sentinel holds it for down.
    #[serde(default = "down_after_default")]
    pub down_after: Duration,
    /// `failover-timeout`: a failover that failed is not tried again for twice as long.
    #[serde(default = "failover_timeout_default")]
    pub failover_timeout: Duration,
    /// `parallel-syncs`: how many replicas are told to follow a new master at a time.
    #[serde(default = "one")]
    pub parallel_syncs: u16,
    /// Where the sentinels run.
    #[serde(default)]
    pub placement: Placement,
    /// Where it begins among the systems of a run.
    #[serde(skip)]
    pub origin: Origin,
}

/// Where sentinels run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Placement {
    /// Each on a host of its own.
    #[default]
    OwnHosts,
    /// The first on the host of the first server, the second on that of the second, and so on, in the order of the servers. Those
    /// that are left over have hosts of their own.
    BesideServers,
}

/// The masters A to R: the replicas of S would be called what sentinels are.
const MASTERS_MAX: usize = 18;

fn one() -> u16 {
    1
}

/// The servers' default of `down-after-milliseconds`.
fn down_after_default() -> Duration {
    Duration::from_millis(30_000)
}

/// The servers' default of `failover-timeout`.
fn failover_timeout_default() -> Duration {
    Duration::from_millis(180_000)
}

impl Sentinel {
    /// The place of each master's keys, and its name at the start.
    fn masters(self) -> impl Iterator<Item = (Position, NodeName)> {
        (0..self.masters).map(move |index| (self.origin.position(index), self.origin.master(index.into())))
    }

    /// The place of a master's keys: a node's shard is that of the master it starts with.
    fn share(position: Position) -> Ownership {
        [OwnedRange { first: position.0, last: position.0 }].into_iter().collect()
    }

    fn is_sentinel(self, node: &NodeName) -> bool {
        self.sentinel_names().any(|name| name == *node)
    }

    fn sentinel_names(self) -> impl Iterator<Item = NodeName> {
        (1..=self.sentinels).map(|number| NodeName::new(format!("S{number}")))
    }

    /// The index in the plan of the first sentinel: those that hold data come before.
    fn first_sentinel(self) -> usize {
        self.origin.hosts + self.size().nodes() - usize::from(self.sentinels)
    }

    /// The index of the node on whose host the node at an index runs.
    fn host_index(self, index: usize) -> usize {
        let servers = self.size().nodes() - usize::from(self.sentinels);
        match (self.placement, index.checked_sub(servers)) {
            (Placement::BesideServers, Some(sentinel)) if sentinel < servers => sentinel,
            _ => index,
        }
    }

    /// The replicas that a shard, counted from 0, starts with.
    fn replica_names(self, shard: u16) -> impl Iterator<Item = NodeName> {
        (1..=usize::from(self.replicas)).map(move |index| self.origin.replica(shard.into(), index))
    }
}

impl System for Sentinel {
    fn noun(&self) -> &'static str {
        "sentinel group"
    }

    fn bounding_directives(&self) -> &'static [(&'static str, &'static str)] {
        &[("replica-priority", "100"), ("min-replicas-to-write", "0"), ("repl-timeout", "60"), ("appendonly", "no")]
    }

    fn forming(&self) -> StdDuration {
        StdDuration::from_secs(1)
    }

    fn size(&self) -> SystemSize {
        SystemSize { masters: self.masters, replicas: self.replicas, sentinels: self.sentinels }
    }

    fn node_timeout_ms(&self, _: &[NodeSpec]) -> u64 {
        u64::try_from(self.down_after.0.as_millis()).unwrap_or(u64::MAX)
    }

    fn problems(&self) -> Vec<ShapeProblem> {
        let Self { replicas, sentinels, quorum, .. } = *self;
        let problem = |field, message: &str, help| ShapeProblem { field, message: message.to_owned(), help };
        let mut problems = Vec::new();
        if replicas == 0 {
            problems.push(problem(
                "replicas",
                "sentinels have nobody to promote",
                "give each master one replica at least",
            ));
        }
        if sentinels == 0 {
            problems.push(problem(
                "sentinels",
                "nobody watches the masters",
                "three sentinels survive the loss of one",
            ));
        } else if quorum == 0 || quorum > sentinels {
            let message = format!("{quorum} of {sentinels} sentinels can never agree");
            problems.push(problem("quorum", &message, "write 1 or more, and not more than there are sentinels"));
        }
        if self.origin.shards + usize::from(self.masters) > MASTERS_MAX {
            problems.push(problem(
                "masters",
                "S1 would be a replica and a sentinel",
                "18 masters go beside sentinels at most",
            ));
        }
        for (field, time) in [("down_after", self.down_after), ("failover_timeout", self.failover_timeout)] {
            if time.0.as_millis() == 0 {
                problems.push(problem(field, "sentinels count in milliseconds", "write 1 ms or more, such as \"1s\""));
            }
        }
        problems
    }

    fn abilities(&self) -> &'static [SystemAbility] {
        use SystemAbility::{Elections, FailureFlags, ReplicaReads, Sentinels};
        &[Elections, FailureFlags, ReplicaReads, Sentinels]
    }

    fn nodes(&self) -> Vec<NodeSpec> {
        let masters = self.masters().map(|(_, name)| (name, Role::Master));
        let replicas = (0..self.masters).flat_map(|shard| self.replica_names(shard)).map(|name| (name, Role::Replica));
        let sentinels = self.sentinel_names().map(|name| (name, Role::Sentinel));
        let all: Vec<_> = masters.chain(replicas).chain(sentinels).collect();
        let node = |(index, (name, role)): (usize, (NodeName, Role))| {
            let port = if role == Role::Sentinel { SENTINEL_PORT } else { SERVER_PORT };
            let host = self.host_index(index);
            let address = Address(SocketAddrV4::new(self.origin.host(host), port));
            let position = self.masters().find(|(_, master)| *master == name).map(|(position, _)| position);
            NodeSpec {
                host: HostName::own(&all[host].0),
                master: self.master_of_replica(&name).filter(|_| role == Role::Replica),
                owns: position.map(Self::share).unwrap_or_default(),
                version: if role == Role::Master { view::FIRST_VERSION } else { 0 },
                ..NodeSpec::new(name, address, role)
            }
        };
        all.iter().cloned().enumerate().map(node).collect()
    }

    fn reserved(&self, directive: &str) -> Option<&'static str> {
        reserved(directive, config::RESERVED)
    }

    fn configuration(&self, node: &NodeSpec, version: ServerVersion, files: &NodeFiles, access: &Access) -> String {
        let text = redis_conf(node, version, files, access, &follows(&self.nodes(), node));
        if node.role == Role::Sentinel {
            text + &config::sentinel_conf(*self, &self.nodes(), node, access)
        } else {
            text
        }
    }

    /// A replica that its master refuses tries again only a second later, and so does a sentinel that a server refuses. (Redis
    /// `replication.c`, `replicationCron`; `sentinel.c`, `sentinelReconnectInstance`.)
    fn start_group(&self, node: &NodeSpec) -> usize {
        match node.role {
            Role::Master => 0,
            Role::Replica => 1,
            Role::Sentinel => 2,
        }
    }

    fn introduce<'a>(&'a self, servers: &'a Servers) -> LocalBoxFuture<'a, Result<(), SystemError>> {
        hello::introduce(*self, servers).boxed_local()
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
        if !self.is_sentinel(node) {
            return questions(&[&["INFO", "replication"]]);
        }
        let of = |command: &str, name: &NodeName| ["SENTINEL", command, name.as_str()].map(str::to_owned).to_vec();
        let names: std::collections::BTreeSet<_> = self.masters().map(|(_, name)| name).collect();
        let each = names.iter().flat_map(|name| [of("REPLICAS", name), of("SENTINELS", name)]);
        std::iter::once(["SENTINEL", "MASTERS"].map(str::to_owned).to_vec()).chain(each).collect()
    }

    fn report_reader(&self, node: &NodeName) -> Box<dyn ReportReader> {
        if self.is_sentinel(node) {
            let shares = self.masters().map(|(position, name)| (name, Self::share(position))).collect();
            return Box::new(SentinelReader::new(node.clone(), shares));
        }
        // Whose a share is the sentinels say.
        Box::new(ReplicationReader::new(node.clone(), Ownership::default()))
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
        settle::settle(*self, status, reach, views)
    }

    fn failover_bounds(&self, _: &[NodeSpec], _: ServerVersion) -> BTreeMap<FailoverPhase, String> {
        failover::failover_bounds(*self)
    }

    fn discovery(&self, seeds: &[(u16, Address)], reads_from: ReadsFrom) -> Box<dyn Discovery> {
        let asks_for_replicas = reads_from != ReadsFrom::Master;
        Box::new(SentinelMap::new(seeds, self.first_sentinel(), self.masters(), asks_for_replicas))
    }

    fn arguments(&self, node: &NodeSpec) -> &'static [&'static str] {
        if node.role == Role::Sentinel { &["--sentinel"] } else { &[] }
    }
}

impl Sentinel {
    fn master_of_replica(self, replica: &NodeName) -> Option<NodeName> {
        let shard = (0..self.masters).find(|shard| self.replica_names(*shard).any(|name| name == *replica))?;
        Some(self.origin.master(shard.into()))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::own("replicas: 1, sentinels: 2, quorum: 2", "A=A A1=A1 S1=S1 S2=S2")]
    #[case::beside(
        "replicas: 2, sentinels: 3, quorum: 2, placement: BesideServers",
        "A=A A1=A1 A2=A2 S1=A S2=A1 S3=A2"
    )]
    #[case::left_over("replicas: 1, sentinels: 3, quorum: 2, placement: BesideServers", "A=A A1=A1 S1=A S2=A1 S3=S3")]
    #[case::fewer(
        "masters: 2, replicas: 1, sentinels: 1, quorum: 1, placement: BesideServers",
        "A=A B=B A1=A1 B1=B1 S1=A"
    )]
    fn sentinels_run_where_they_are_placed(#[case] fields: &str, #[case] expected: &str) {
        let sentinel: Sentinel = crate::text::options().from_str(&format!("({fields})")).unwrap();
        let nodes = Sentinel { origin: Origin { hosts: 6, ..Origin::FIRST }, ..sentinel }.nodes();
        let hosts: Vec<_> = nodes.iter().map(|node| format!("{}={}", node.name, node.host)).collect();
        assert_eq!(hosts.join(" "), expected);
        for node in &nodes {
            let owner = nodes.iter().find(|other| node.host.is(&other.name)).unwrap();
            assert_eq!(node.address.ip(), owner.address.ip());
        }
        let addresses: std::collections::BTreeSet<_> = nodes.iter().map(|node| node.address).collect();
        assert_eq!(addresses.len(), nodes.len());
    }
}
