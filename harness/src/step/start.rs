//! A stopped server is started again on the data that it left.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::node_step::{Applied, Demand, NodeStep, check_bound};
use super::selector::Selector;
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{ANSWER_BOUND, NodeSpec, Servers, SystemError};
use crate::text::Cursor;
use crate::validate::{Checker, Verb};
use crate::vocab::{Duration, NodeName};

/// a stopped server starts again on the data that it left; `within: "60s"` if it may take longer than 20 s to answer
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// How soon it must answer. A server that answers that it is loading its files does answer.
    #[serde(default)]
    pub within: Option<Duration>,
}

impl Start {
    pub(super) const EXAMPLE: &str = r#"Start(node: "A")"#;

    fn answer_bound(&self) -> std::time::Duration {
        self.within.map_or(ANSWER_BOUND, |within| within.0)
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Start {}", self.target())
    }
}

impl NodeStep for Start {
    const VERB: Verb = Verb { present: "start", past: "started" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Down];

    fn target(&self) -> Target {
        Target { node: self.node.clone(), select: self.select.clone() }
    }

    fn effect(&self) -> Effect {
        Effect::brings_back()
    }

    fn demand(&self, _: &NodeSpec) -> Option<Demand> {
        Some(Demand { what: "answer", within: self.answer_bound() })
    }

    fn check_arguments(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        check_bound(self.within, checker, at);
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let began = servers.provider().now();
            servers.start(node, self.answer_bound()).await?;
            Ok(Applied { began, proof: Some("it answers".to_owned()) })
        }
        .boxed_local()
    }
}
