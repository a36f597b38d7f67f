//! A server's event loop stands still, as it does while a slow command runs.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture, select};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::node_step::{Applied, Demand, NodeStep};
use super::selector::Selector;
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{NodeSpec, REPLY_BOUND, Servers, SystemError};
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Verb};
use crate::vocab::{Duration, NodeName};

/// the event loop of a server stands still for a time, as while a slow command runs: no client and no other node is answered
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Sleep {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// For how long. The timeline goes on meanwhile.
    pub r#for: Duration,
}

/// For how long a server that sleeps is asked, and must not answer.
const SILENCE: Duration = Duration::from_millis(50);

impl Sleep {
    pub(super) const EXAMPLE: &str = r#"Sleep(node: "A", for: "2s")"#;
}

impl fmt::Display for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sleep {} for {} (DEBUG SLEEP)", self.target(), self.r#for)
    }
}

impl NodeStep for Sleep {
    const VERB: Verb = Verb { present: "put to sleep", past: "put to sleep" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running];

    fn target(&self) -> Target {
        Target { node: self.node.clone(), select: self.select.clone() }
    }

    fn effect(&self) -> Effect {
        let silent_for_ms = u64::try_from(self.r#for.0.as_millis()).unwrap_or(u64::MAX);
        Effect { silent_for_ms: Some(silent_for_ms), harms: true, ..Effect::NONE }
    }

    fn demand(&self, _: &NodeSpec) -> Option<Demand> {
        Some(Demand { what: "stop answering", within: REPLY_BOUND })
    }

    fn heading(&self) -> String {
        format!("Sleep {} for {}", self.target(), self.r#for)
    }

    fn check_arguments(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        if self.r#for.0 < 4 * SILENCE.0 {
            let problem = Problem::new(at.field("for").head(), "so short a sleep cannot be proven");
            checker.report(problem.help(format!("write {} or more", Duration(4 * SILENCE.0))));
        }
    }

    /// That it answers nobody on another connection is the proof.
    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let began = servers.provider().now();
            let seconds = format!("{:.3}", self.r#for.0.as_secs_f64());
            let arguments = ["DEBUG", "SLEEP", seconds.as_str()];
            let asleep = Box::pin(servers.command(node, &arguments));
            let watching = Box::pin(silence(servers, node));
            match select(asleep, watching).await {
                Either::Left((reply, _)) => {
                    servers.check_reply(node, &arguments, &reply?, "nothing before it wakes up")?;
                    Ok(Applied { began, proof: None })
                }
                Either::Right((proof, _)) => Ok(Applied { began, proof }),
            }
        }
        .boxed_local()
    }
}

/// Asks a node again and again until it does not answer.
async fn silence(servers: &Servers, node: &NodeName) -> Option<String> {
    loop {
        match timeout(SILENCE.0, servers.command(node, &["PING"])).await {
            Err(_) => return Some(format!("no answer to a PING for {SILENCE}")),
            Ok(_) => sleep(std::time::Duration::from_millis(1)).await,
        }
    }
}
