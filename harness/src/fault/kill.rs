//! SIGKILL: the process is gone at once; its host answers with resets.

use nix::sys::signal::Signal;
use tokio::time::timeout;

use super::{Applied, PROOF_BOUND};
use crate::evidence::{ExitCause, NodeStatus};
use crate::provider::{Provider, ProviderError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Running, NodeStatus::Paused];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Down);

pub(super) async fn apply(provider: &dyn Provider, node: &NodeName) -> Result<Applied, ProviderError> {
    let began = provider.signal(node, Signal::SIGKILL)?;
    let cause = timeout(PROOF_BOUND, provider.exit(node)).await.ok().and_then(Result::ok);
    // Another cause means that it had ended by itself just before.
    let killed = cause.filter(|cause| *cause == ExitCause::Signal(Signal::SIGKILL as i32));
    Ok(Applied { began, proof: killed.map(|cause| format!("wait status: {cause}")) })
}
