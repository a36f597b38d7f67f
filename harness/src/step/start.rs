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
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Verb};
use crate::vocab::{Duration, NodeName};

/// a stopped server starts again on the data that it left; `within: "60s"` if it may take longer than 20 s to answer; `refuses: "Bad file format"` if it must end with code 1 instead, with these words in its log
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// How soon it must answer, or refuse. A server that answers that it is loading its files does answer.
    #[serde(default)]
    pub within: Option<Duration>,
    /// It must not start: it must end by itself with code 1 and have these words in its log.
    #[serde(default)]
    pub refuses: Option<String>,
}

impl Start {
    pub(super) const EXAMPLE: &str = r#"Start(node: "A")"#;

    fn answer_bound(&self) -> std::time::Duration {
        self.within.map_or(ANSWER_BOUND, |within| within.0)
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Start {}", self.target())?;
        self.refuses.as_ref().map_or(Ok(()), |words| write!(f, ", which it refuses (`{words}`)"))
    }
}

impl NodeStep for Start {
    const VERB: Verb = Verb { present: "start", past: "started" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Down];

    fn target(&self) -> Target {
        Target { node: self.node.clone(), select: self.select.clone() }
    }

    fn effect(&self) -> Effect {
        if self.refuses.is_some() { Effect::NONE } else { Effect::brings_back() }
    }

    fn demand(&self, _: &NodeSpec) -> Option<Demand> {
        let what = if self.refuses.is_some() { "refuse to start" } else { "answer" };
        Some(Demand { what, within: self.answer_bound() })
    }

    fn heading(&self) -> String {
        format!("Start {}{}", self.target(), if self.refuses.is_some() { ", refused" } else { "" })
    }

    fn check_arguments(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        check_bound(self.within, checker, at);
        if self.refuses.as_ref().is_some_and(|words| words.trim().is_empty()) {
            let problem = Problem::new(at.field("refuses").head(), "no words of its log say why it refuses");
            checker.report(problem.help("write some of what it logs, such as `refuses: \"Bad file format\"`"));
        }
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let began = servers.provider().now();
            let proof = if let Some(words) = &self.refuses {
                servers.start_in_vain(node, words, self.answer_bound()).await?
            } else {
                servers.start(node, self.answer_bound()).await?;
                "it answers".to_owned()
            };
            Ok(Applied { began, proof: Some(proof) })
        }
        .boxed_local()
    }
}
