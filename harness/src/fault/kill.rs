//! SIGKILL: the process is gone at once; its host answers with resets.

use nix::sys::signal::Signal;

use super::{Applied, PROOF_BOUND};
use crate::evidence::{ExitCause, NodeStatus};
use crate::lab::{Lab, LabError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Running, NodeStatus::Paused];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Down);

pub(super) async fn apply(lab: &Lab, node: &NodeName) -> Result<Applied, LabError> {
    let began = lab.signal(node, Signal::SIGKILL)?;
    let cause = lab.wait_exit(node, PROOF_BOUND).await.ok();
    // Another cause means that it had ended by itself just before.
    let killed = cause.filter(|cause| *cause == ExitCause::Signal(Signal::SIGKILL as i32));
    Ok(Applied { began, proof: killed.map(|cause| format!("wait status: {cause}")) })
}
