//! A stopped server is started again on the data that it left.

use super::{Applied, Demand};
use crate::evidence::NodeStatus;
use crate::system::SystemError;
use crate::system::{ANSWER_BOUND, Servers};
use crate::vocab::NodeName;

pub(super) const REQUIRES: &[NodeStatus] = &[NodeStatus::Down];
pub(super) const LEAVES: Option<NodeStatus> = Some(NodeStatus::Running);

/// A server that answers that it is loading its files does answer.
pub(super) const DEMAND: Demand = Demand { what: "answer", within: ANSWER_BOUND };

pub(super) async fn apply(servers: &Servers, node: &NodeName) -> Result<Applied, SystemError> {
    let began = servers.provider().now();
    servers.start(node, DEMAND.within).await?;
    Ok(Applied { began, proof: Some("it answers".to_owned()) })
}
