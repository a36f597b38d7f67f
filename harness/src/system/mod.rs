//! Systems: what is deployed on the hosts of a lab, and all that is particular to it.
//!
//! The rest of the harness speaks of nodes, shards and views; what a shard is made of, which commands tell a node's view, when the
//! views agree and how clients find a shard's owner is known to the system alone. Today there is one: [`cluster`].

pub mod cluster;
mod discovery;
mod names;
mod report;
pub mod resp;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

pub use cluster::Cluster;
pub use discovery::{Discovery, KnownNodes, NodeIndex, Redirect};
pub use names::{Names, unknown_node};
pub use report::{NodeReport, ReplicationProgress, ReportError, read_replication};

use crate::evidence::{LogEvent, NodeStatus, NodeView, Reach, Settlement};
use crate::vocab::{Address, NodeName, Position};

/// What is deployed on the hosts.
pub trait System: fmt::Debug + Send + Sync {
    /// Where a key lies in the numbering by which the system divides its keys.
    fn position_of(&self, key: &[u8]) -> Position;

    /// The commands that every node is asked in one round trip, again and again; [`ReportReader`] reads the answers.
    fn questions(&self) -> &'static [&'static [&'static str]];

    /// Reads what `node` answers to [`System::questions`].
    fn report_reader(&self, node: &NodeName) -> Box<dyn ReportReader>;

    /// What a line of a server's log says, and when it was written in microseconds since 1970 UTC; none if it says nothing of
    /// interest.
    fn log_line(&self, line: &[u8], names: &Names) -> Option<(i64, LogEvent)>;

    /// Whether a log line of a replica says that its data is too old to take over (true), or shows that it is not (false); none if
    /// the line is about something else.
    fn data_too_old(&self, says: &LogEvent) -> Option<bool>;

    /// Whether the running nodes agree with each other, with what really runs, and with who can reach whom.
    fn settle(
        &self,
        status: &BTreeMap<NodeName, NodeStatus>,
        reach: &Reach,
        views: &BTreeMap<NodeName, Option<NodeView>>,
    ) -> Settlement;

    /// How a client finds out who serves which shard. It begins with these nodes, by their index in the plan.
    fn discovery(&self, seeds: &[(u16, Address)]) -> Box<dyn Discovery>;
}

/// Reads one node's answers, round after round. What did not change since the last round need not be read again.
pub trait ReportReader: Send {
    /// Reads the answers to [`System::questions`], in their order.
    fn read(&mut self, answers: &[Cow<'_, str>], names: &Names) -> Result<&NodeReport, ReportError>;
}

/// The systems that there are, as a scenario writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Deployment {
    /// A Redis or Valkey cluster.
    Cluster(Cluster),
}

impl Deployment {
    /// The port to it.
    pub fn system(&self) -> &dyn System {
        match self {
            Self::Cluster(cluster) => cluster,
        }
    }
}
