//! A stopped server is started again on the data that it left.

use super::{Applied, Demand};
use crate::evidence::NodeStatus;
use crate::system::SystemError;
use crate::system::cluster::{ANSWER_BOUND, Cluster};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Down];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Running);

/// A server that answers that it is loading its files does answer.
pub(super) const DEMAND: Demand = Demand { what: "answer", within: ANSWER_BOUND };

pub(super) async fn apply(cluster: &Cluster, node: &NodeName) -> Result<Applied, SystemError> {
    let began = cluster.provider().now();
    cluster.start(node, DEMAND.within).await?;
    Ok(Applied { began, proof: Some("it answers".to_owned()) })
}
