//! SIGCONT: a paused process goes on.

use nix::sys::signal::Signal;

use super::{Applied, proof_of_state};
use crate::evidence::NodeStatus;
use crate::lab::{Lab, LabError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Paused];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Running);

pub(super) async fn apply(lab: &Lab, node: &NodeName) -> Result<Applied, LabError> {
    let began = lab.signal(node, Signal::SIGCONT)?;
    Ok(Applied { began, proof: proof_of_state(lab, node, |state| matches!(state, 'R' | 'S' | 'D')).await })
}
