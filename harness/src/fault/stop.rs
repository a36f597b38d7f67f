//! SIGTERM, as `systemctl stop` sends: the server may save and say goodbye before it goes.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::{Applied, Demand};
use crate::evidence::NodeStatus;
use crate::system::Servers;
use crate::system::{NodeSpec, SystemError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Running];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Down);

/// How long a master waits for its replicas before it goes: the default of `shutdown-timeout`, from Redis 7.0 on.
const SHUTDOWN_TIMEOUT_DEFAULT_S: u64 = 10;
/// How long it may take beside that, to write its files.
const EXIT_BOUND: Duration = Duration::from_secs(5);

pub(super) fn demand(node: &NodeSpec) -> Demand {
    let waits = Duration::from_secs(node.number("shutdown-timeout").unwrap_or(SHUTDOWN_TIMEOUT_DEFAULT_S));
    Demand { what: "end", within: waits.saturating_add(EXIT_BOUND) }
}

pub(super) async fn apply(servers: &Servers, node: &NodeName) -> Result<Applied, SystemError> {
    let began = servers.provider().signal(node, Signal::SIGTERM)?;
    // Whatever the cause, the node is down, which is the fault. That it went in good order is not taken for granted: any
    // cause but exit code 0 is in the journal as an exit that nobody asked for.
    let cause = servers.wait_exit(node, demand(servers.spec(node)?).within).await?;
    Ok(Applied { began, proof: Some(format!("wait status: {cause}")) })
}
