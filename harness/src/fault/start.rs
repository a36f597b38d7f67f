//! A stopped server is started again on the data that it left.

use super::Applied;
use crate::evidence::NodeStatus;
use crate::lab::{Lab, LabError};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Down];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Running);

pub(super) async fn apply(lab: &Lab, node: &NodeName) -> Result<Applied, LabError> {
    let began = lab.now();
    lab.start(node).await?;
    Ok(Applied { began, proof: Some("it answers".to_owned()) })
}
