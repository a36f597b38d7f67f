//! Systems: what is deployed on the hosts of a lab, and all that is particular to it.
//!
//! The rest of the harness speaks of nodes, shards and views; what a shard is made of, which commands tell a node's view, when the
//! views agree and how clients find a shard's owner is known to the system alone.

mod access;
mod beside;
mod certificates;
pub mod cluster;
mod command;
mod config;
mod data_file;
mod directives;
mod discovery;
mod error;
mod independent;
mod info;
mod log;
mod log_lines;
mod names;
mod origin;
mod replication;
mod report;
pub mod resp;
mod roles;
mod sentinel;
mod servers;
mod spec;
mod start;
mod systems;
#[cfg(test)]
mod testing;
mod tls;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

pub use access::{Access, AccessConnection, AccessTimeouts, Credentials};
pub use beside::Beside;
pub(crate) use cluster::written_position_example;
pub use cluster::{Cluster, KeyPlace, WrittenPosition, read_redirect};
pub use command::REPLY_BOUND;
pub use data_file::DataFile;
pub use directives::{DirectivesError, Refusal, known_directives, refused_directives};
pub use discovery::{Discovery, KnownNodes, NodeIndex, Question, ReadsFrom, Redirect};
pub use error::{NotDone, SystemError};
pub use independent::Independent;
pub use log_lines::last_log_lines;
pub use names::{Names, unknown_node};
pub use origin::Origin;
pub use replication::Replication;
pub use report::{NodeReport, ReplicationProgress, ReportError, read_replication};
pub use sentinel::{Placement, Sentinel};
pub use servers::{Servers, server_specs};
pub use spec::{NodeFiles, NodeSpec};
pub use start::ANSWER_BOUND;
pub use systems::{Deployed, Systems};
#[cfg(test)]
pub(crate) use tls::tls_in;
pub use tls::{TlsClient, TlsFiles};

use crate::evidence::{FailoverPhase, Figures, LogEvent, NodeStatus, NodeView, Reach, Settlement};
use crate::vocab::{Address, NodeName, Position, ServerVersion, SystemAbility};

/// How many nodes a system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemSize {
    /// The masters.
    pub masters: u16,
    /// The replicas of each.
    pub replicas: u16,
    /// The sentinels that watch them.
    pub sentinels: u16,
}

impl SystemSize {
    /// How many nodes these are together.
    pub fn nodes(self) -> usize {
        usize::from(self.masters) * (usize::from(self.replicas) + 1) + usize::from(self.sentinels)
    }
}

/// A number of a topology that nothing could be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeProblem {
    /// The field.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: &'static str,
}

/// A system: what is deployed on some of the hosts, or on all of them.
pub trait System: fmt::Debug + Send + Sync {
    /// What it is called in sentences: `cluster`.
    fn noun(&self) -> &'static str;

    /// The directives that bound what it promises, each with the servers' default.
    fn bounding_directives(&self) -> &'static [(&'static str, &'static str)];

    /// About how long it takes until it serves.
    fn forming(&self) -> Duration;

    /// How many nodes it has.
    fn size(&self) -> SystemSize;

    /// How long nodes take to suspect one that is silent, in milliseconds: the longest `cluster-node-timeout` of any of them, if the
    /// system has nothing of its own.
    fn node_timeout_ms(&self, nodes: &[NodeSpec]) -> u64 {
        nodes.iter().map(NodeSpec::node_timeout_ms).max().unwrap_or_default()
    }

    /// What is wrong with its numbers by themselves.
    fn problems(&self) -> Vec<ShapeProblem> {
        Vec::new()
    }

    /// What its nodes can do, beside serving.
    fn abilities(&self) -> &'static [SystemAbility];

    /// Its nodes as they start, in their order; what the scenario says of single nodes (binary, directives) is not in them.
    fn nodes(&self) -> Vec<NodeSpec>;

    /// Why a scenario must not set a directive, if it must not.
    fn reserved(&self, directive: &str) -> Option<&'static str>;

    /// The configuration file of `node` for a server of this version. It lets the harness in, and the other servers.
    fn configuration(&self, node: &NodeSpec, version: ServerVersion, files: &NodeFiles, access: &Access) -> String;

    /// The files that a server of this version finds in its data directory when it starts: their names and what they hold.
    fn data_files(&self, _: &[NodeSpec], _: &NodeSpec, _: ServerVersion) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Makes an empty server that nobody knows a replica of `replica_of`; see [`Servers::join`]. Where nodes need not know each other
    /// there is nothing to join.
    fn join<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
        _: &'a NodeName,
        _: Duration,
    ) -> LocalBoxFuture<'a, Result<String, SystemError>> {
        let refused = servers.not_done(node, "has no cluster that it could join".to_owned(), None);
        Box::pin(async { Err(refused) })
    }

    /// Where a key lies in the numbering by which the system divides its keys.
    fn position_of(&self, key: &[u8]) -> Position;

    /// How many such positions there are.
    fn positions(&self) -> u16;

    /// What such a position is called.
    fn position_noun(&self) -> &'static str;

    /// The commands that a node is asked in one round trip, again and again; [`ReportReader`] reads the answers.
    fn questions(&self, node: &NodeName) -> Vec<Vec<String>>;

    /// Reads what `node` answers to [`System::questions`].
    fn report_reader(&self, node: &NodeName) -> Box<dyn ReportReader>;

    /// The commands that ask a node how it fares, in one round trip; [`System::resource_figures`] reads the answers.
    fn resource_questions(&self) -> Vec<Vec<String>> {
        questions(info::QUESTIONS)
    }

    /// Reads what a node answers to [`System::resource_questions`], in their order.
    fn resource_figures(&self, answers: &[Cow<'_, str>]) -> Figures {
        let answer = |index: usize| answers.get(index).map_or("", Cow::as_ref);
        info::figures(answer(0), answer(1))
    }

    /// What a line of a server's log says, and when it was written in microseconds since 1970 UTC; none if it says nothing of
    /// interest.
    fn log_line(&self, line: &[u8], names: &Names) -> Option<(i64, LogEvent)>;

    /// Whether a log line of a replica says that its data is too old to take over (true), or shows that it is not (false); none if
    /// the line is about something else.
    fn data_too_old(&self, _: &LogEvent) -> Option<bool> {
        None
    }

    /// Whether the running nodes agree with each other, with what really runs, and with which nodes reach each other.
    fn settle(
        &self,
        status: &BTreeMap<NodeName, NodeStatus>,
        reach: &Reach,
        views: &BTreeMap<NodeName, Option<NodeView>>,
    ) -> Settlement;

    /// What bounds the phases of a failover in which a server of this version takes over, in the words of the settings; a phase that
    /// is left out has no bound of the system's own.
    fn failover_bounds(&self, nodes: &[NodeSpec], version: ServerVersion) -> BTreeMap<FailoverPhase, String>;

    /// How a client finds out who serves which shard, and where it may read if not from masters alone. It begins with these nodes, by
    /// their index in the plan.
    fn discovery(&self, seeds: &[(u16, Address)], reads_from: ReadsFrom) -> Box<dyn Discovery>;

    /// Which nodes are started together, counted from 0: each group when the servers of the one before answer. All at once if not said.
    fn start_group(&self, _: &NodeSpec) -> usize {
        0
    }

    /// What is done when all servers answer so that they find each other at once, if anything is.
    fn introduce<'a>(&'a self, _: &'a Servers) -> LocalBoxFuture<'a, Result<(), SystemError>> {
        Box::pin(async { Ok(()) })
    }

    /// What a node's program is started with behind the path of its configuration.
    fn arguments(&self, _: &NodeSpec) -> &'static [&'static str] {
        &[]
    }

    /// What a client says on a new connection so that a replica serves its reads; none if replicas do anyway.
    fn replica_greeting(&self) -> Option<&'static [&'static str]> {
        None
    }
}

/// Questions that are always the same.
fn questions(commands: &[&[&str]]) -> Vec<Vec<String>> {
    commands.iter().map(|words| words.iter().map(|word| (*word).to_owned()).collect()).collect()
}

/// Reads one node's answers, round after round. What did not change since the last round need not be read again.
pub trait ReportReader: Send {
    /// Reads the answers to [`System::questions`], in their order.
    fn read(&mut self, answers: &[Cow<'_, str>], names: &Names) -> Result<&NodeReport, ReportError>;
}

/// What a scenario deploys, as it writes it: one of the systems that there are, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Deployment {
    /// A Redis or Valkey cluster.
    Cluster(Cluster),
    /// A single server.
    Standalone(#[serde(deserialize_with = "replication::read_standalone")] Replication),
    /// A master and its replicas.
    Replication(Replication),
    /// Masters, their replicas and the sentinels that watch them.
    Sentinel(Sentinel),
    /// Masters that know nothing of each other.
    Independent(Independent),
    /// Several of these side by side.
    Beside(Beside),
}

impl Deployment {
    /// The ports to what is deployed.
    pub fn systems(self) -> Systems {
        match self {
            Self::Cluster(cluster) => Systems::of_one("cluster", cluster),
            Self::Standalone(server) => Systems::of_one("standalone", server),
            Self::Replication(replication) => Systems::of_one("replication", replication),
            Self::Sentinel(sentinel) => Systems::of_one("sentinel", sentinel),
            Self::Independent(independent) => Systems::of_one("independent", independent),
            Self::Beside(beside) => beside.systems(),
        }
    }
}
