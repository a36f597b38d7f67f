//! SIGSTOP: the process is silent; its connections stay open and its host goes on acknowledging packets.

use nix::sys::signal::Signal;

use super::{Applied, proof_of_state};
use crate::evidence::NodeStatus;
use crate::lab::{Lab, LabError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Running];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Paused);

pub(super) async fn apply(lab: &Lab, node: &NodeName) -> Result<Applied, LabError> {
    let began = lab.signal(node, Signal::SIGSTOP)?;
    Ok(Applied { began, proof: proof_of_state(lab, node, |state| state == 'T').await })
}
