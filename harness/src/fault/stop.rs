//! SIGTERM, as `systemctl stop` sends: the server may save and say goodbye before it goes.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::Applied;
use crate::evidence::NodeStatus;
use crate::lab::{Lab, LabError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Running];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Down);

/// How long a server may take to go. From 7.0 on, a master waits up to 10 s (`shutdown-timeout`) for its replicas.
const EXIT_BOUND: Duration = Duration::from_secs(12);

pub(super) async fn apply(lab: &Lab, node: &NodeName) -> Result<Applied, LabError> {
    let began = lab.signal(node, Signal::SIGTERM)?;
    // Whatever the cause, the node is down, which is the fault. That it went in good order is not taken for granted: any
    // cause but exit code 0 is in the journal as an exit that nobody asked for.
    let cause = lab.wait_exit(node, EXIT_BOUND).await?;
    Ok(Applied { began, proof: Some(format!("wait status: {cause}")) })
}
