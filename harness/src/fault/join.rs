//! An empty server is introduced to the cluster and told whom to replicate.

use std::time::Duration;

use super::{Applied, Demand};
use crate::evidence::NodeStatus;
use crate::system::Servers;
use crate::system::{NodeSpec, SystemError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Running];
pub(super) const LEAVES: Option<NodeStatus> = None;

/// How long gossip may take beside two node timeouts to make a newcomer known everywhere. It takes about a second with six nodes.
const GOSSIP_BOUND: Duration = Duration::from_secs(30);

/// A node asks each other one for news at least once in half a node timeout, and gives up a handshake after a whole one.
pub(super) fn demand(node: &NodeSpec) -> Demand {
    let timeouts = Duration::from_millis(node.node_timeout_ms().saturating_mul(2));
    Demand { what: "be known to every running node as a replica", within: GOSSIP_BOUND.saturating_add(timeouts) }
}

pub(super) async fn apply(
    servers: &Servers,
    node: &NodeName,
    replica_of: Option<&NodeName>,
) -> Result<Applied, SystemError> {
    let master = replica_of.ok_or_else(|| SystemError::NoMasterNamed(node.clone()))?;
    let began = servers.provider().now();
    let seen = servers.join(node, master, demand(servers.spec(node)?).within).await?;
    Ok(Applied { began, proof: Some(seen) })
}
