//! A stopped server's data directory is emptied, its `nodes.conf` too: it will wake up as nobody.

use super::Applied;
use crate::evidence::NodeStatus;
use crate::lab::{Lab, LabError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Down];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Down);

pub(super) fn apply(lab: &Lab, node: &NodeName) -> Result<Applied, LabError> {
    let began = lab.now();
    lab.wipe(node)?;
    let is_empty = lab.data_files(node)?.is_empty();
    Ok(Applied { began, proof: is_empty.then(|| "its data directory is empty".to_owned()) })
}
