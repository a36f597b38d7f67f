//! An empty server is introduced to the cluster and told whom to replicate.

use super::Applied;
use crate::evidence::NodeStatus;
use crate::lab::{Lab, LabError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Running];
pub(super) const LEAVES: Option<NodeStatus> = None;

pub(super) async fn apply(lab: &Lab, node: &NodeName, replica_of: Option<&NodeName>) -> Result<Applied, LabError> {
    let master = replica_of.ok_or_else(|| LabError::NoMasterNamed(node.clone()))?;
    let began = lab.now();
    let seen = lab.join(node, master).await?;
    Ok(Applied { began, proof: Some(seen) })
}
