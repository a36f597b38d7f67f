//! Any command, as an administrator would give it.

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
use crate::validate::{Checker, Foreseen, Verb};
use crate::vocab::NodeName;

/// gives a server a command and keeps its reply as evidence; with `expect` the run fails if the reply is another one
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// The command and its arguments.
    pub send: Vec<String>,
    /// The whole reply as text: of a list a line for each element, of an error its code and its words.
    #[serde(default)]
    pub expect: Option<String>,
}

impl Command {
    pub(super) const EXAMPLE: &str = r#"Command(node: "A1", send: ["PING"], expect: "PONG")"#;
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command {}: {}", self.target(), self.send.join(" "))?;
        self.expect.as_ref().map_or(Ok(()), |expected| write!(f, " (must reply {})", expected.escape_debug()))
    }
}

impl NodeStep for Command {
    const VERB: Verb = Verb { present: "command", past: "given a command" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running];

    fn target(&self) -> Target {
        Target { node: self.node.clone(), select: self.select.clone() }
    }

    /// What a command does is not known here.
    fn effect(&self) -> Effect {
        Effect::NONE
    }

    fn demand(&self, _: &NodeSpec) -> Option<Demand> {
        Some(Demand { what: "reply", within: REPLY_BOUND })
    }

    fn heading(&self) -> String {
        format!("Command {}: {}", self.target(), self.send.join(" "))
    }

    fn check_arguments(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let send = at.field("send");
        if self.send.first().is_none_or(String::is_empty) && checker.is_as_written(send) {
            let problem = Problem::new(send.head(), "there is no command in this");
            checker.report(problem.help("write the command and its arguments: `send: [\"PING\"]`"));
        }
    }

    /// It may be anything, so that nothing which follows from the steps before is certain any more.
    fn follow_arguments(&self, _: &mut Checker<'_>, foreseen: &mut Foreseen<'_>, _: Cursor<'_>) {
        (foreseen.disturbed, foreseen.moved) = (true, true);
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let arguments: Vec<_> = self.send.iter().map(String::as_str).collect();
            let began = servers.provider().now();
            let reply = servers.command(node, &arguments).await?;
            if let Some(expected) = &self.expect {
                servers.check_reply(node, &arguments, &reply, expected)?;
            }
            Ok(Applied { began, proof: Some(format!("it replied {reply}")) })
        }
        .boxed_local()
    }
}
