//! A stopped server's data directory is emptied, its `nodes.conf` too: it will wake up as nobody.

use super::Applied;
use crate::evidence::NodeStatus;
use crate::provider::{Provider, ProviderError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Down];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Down);

pub(super) fn apply(provider: &dyn Provider, node: &NodeName) -> Result<Applied, ProviderError> {
    let began = provider.now();
    provider.wipe(node)?;
    let is_empty = provider.data_files(node)?.is_empty();
    Ok(Applied { began, proof: is_empty.then(|| "its data directory is empty".to_owned()) })
}
