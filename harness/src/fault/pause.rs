//! SIGSTOP: the process is silent; its connections stay open and its host goes on acknowledging packets.

use nix::sys::signal::Signal;

use super::{Applied, proof_of_state};
use crate::evidence::NodeStatus;
use crate::provider::{Provider, ProviderError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Running];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Paused);

pub(super) async fn apply(provider: &dyn Provider, node: &NodeName) -> Result<Applied, ProviderError> {
    let began = provider.signal(node, Signal::SIGSTOP)?;
    Ok(Applied { began, proof: proof_of_state(provider, node, |state| state == 'T').await })
}
