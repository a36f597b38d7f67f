//! SIGCONT: a paused process goes on.

use nix::sys::signal::Signal;

use super::{Applied, proof_of_state};
use crate::evidence::NodeStatus;
use crate::provider::{Provider, ProviderError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Paused];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Running);

pub(super) async fn apply(provider: &dyn Provider, node: &NodeName) -> Result<Applied, ProviderError> {
    let began = provider.signal(node, Signal::SIGCONT)?;
    Ok(Applied { began, proof: proof_of_state(provider, node, |state| matches!(state, 'R' | 'S' | 'D')).await })
}
