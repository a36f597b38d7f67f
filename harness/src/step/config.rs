//! A server's configuration changes while it runs.

use std::collections::BTreeMap;
use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::node_step::{Applied, Demand, NodeStep};
use super::selector::Selector;
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{NodeSpec, REPLY_BOUND, Servers, SystemError};
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Verb};
use crate::vocab::NodeName;

/// `CONFIG SET` on a running server: changes directives until its next start
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// Directives with their new values.
    pub set: BTreeMap<String, String>,
}

impl Config {
    pub(super) const EXAMPLE: &str = r#"Config(node: "A", set: {"maxmemory": "64mb"})"#;

    /// `maxmemory 64mb, save ""`.
    fn in_words(&self) -> String {
        let directives = self.set.iter().map(|(directive, value)| match value.as_str() {
            "" => format!("{directive} \"\""),
            value => format!("{directive} {value}"),
        });
        directives.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config {} (CONFIG SET {})", self.target(), self.in_words())
    }
}

impl NodeStep for Config {
    const VERB: Verb = Verb { present: "configure", past: "configured" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running];

    fn target(&self) -> Target {
        Target { node: self.node.clone(), select: self.select.clone() }
    }

    fn effect(&self) -> Effect {
        Effect::NONE
    }

    fn demand(&self, _: &NodeSpec) -> Option<Demand> {
        Some(Demand { what: "reply", within: REPLY_BOUND })
    }

    fn heading(&self) -> String {
        format!("Config {}: {}", self.target(), self.in_words())
    }

    fn check_arguments(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let set = at.field("set");
        checker.check_keys(set);
        if self.set.is_empty() && checker.is_as_written(set) {
            let problem = Problem::new(set.head(), "this changes no directive");
            checker.report(problem.help("write directives with their new values: `set: {\"maxmemory\": \"64mb\"}`"));
        }
        for directive in self.set.keys() {
            if let Some(problem) = checker.directive_problem(directive, self.node.as_ref(), set.key(directive)) {
                checker.report(problem);
            }
        }
    }

    /// What the server says of the directives afterwards is the proof.
    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let began = servers.provider().now();
            let mut proof = Vec::with_capacity(self.set.len());
            // One by one: more at once is not known to servers before Redis 7.0.
            for (directive, value) in &self.set {
                let command = ["CONFIG", "SET", directive, value];
                let reply = servers.command(node, &command).await?;
                servers.check_reply(node, &command, &reply, "OK")?;
                proof.push(servers.command(node, &["CONFIG", "GET", directive]).await?.replace('\n', " "));
            }
            Ok(Applied { began, proof: Some(format!("CONFIG GET says {}", proof.join(", "))) })
        }
        .boxed_local()
    }
}
