//! A stopped server is started again on the data that it left.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::node_step::{Applied, Demand, NodeStep};
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{ANSWER_BOUND, NodeSpec, Servers, SystemError};
use crate::validate::Verb;
use crate::vocab::NodeName;

/// a stopped server starts again on the data that it left
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Start(pub Target);

/// A server that answers that it is loading its files does answer.
const DEMAND: Demand = Demand { what: "answer", within: ANSWER_BOUND };

impl Start {
    pub(super) const EXAMPLE: &str = r#"Start(node: "A")"#;
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Start {}", self.0)
    }
}

impl NodeStep for Start {
    const VERB: Verb = Verb { present: "start", past: "started" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Down];

    fn target(&self) -> Target {
        self.0.clone()
    }

    fn effect(&self) -> Effect {
        Effect::brings_back()
    }

    fn demand(&self, _: &NodeSpec) -> Option<Demand> {
        Some(DEMAND)
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let began = servers.provider().now();
            servers.start(node, DEMAND.within).await?;
            Ok(Applied { began, proof: Some("it answers".to_owned()) })
        }
        .boxed_local()
    }
}
