//! SIGTERM, as `systemctl stop` sends: the server may save and say goodbye before it goes.

use std::fmt;
use std::time::Duration;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use nix::sys::signal::Signal;
use serde::Deserialize;

use super::node_step::{Applied, Demand, NodeStep};
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{NodeSpec, Servers, SystemError};
use crate::validate::Verb;
use crate::vocab::NodeName;

/// SIGTERM, as `systemctl stop` sends it: the server may save and say goodbye
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Stop(pub Target);

/// How long a master waits for its replicas before it goes: the default of `shutdown-timeout`, from Redis 7.0 on.
const SHUTDOWN_TIMEOUT_DEFAULT_S: u64 = 10;
/// How long it may take beside that, to write its files.
const EXIT_BOUND: Duration = Duration::from_secs(5);

impl Stop {
    pub(super) const EXAMPLE: &str = r#"Stop(node: "A")"#;
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stop {} (SIGTERM)", self.0)
    }
}

impl NodeStep for Stop {
    const VERB: Verb = Verb { present: "stop", past: "stopped" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running];

    fn target(&self) -> Target {
        self.0.clone()
    }

    fn effect(&self) -> Effect {
        Effect::fault(NodeStatus::Down)
    }

    fn demand(&self, node: &NodeSpec) -> Option<Demand> {
        Some(demand(node))
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let within = demand(servers.spec(node)?).within;
            let began = servers.provider().signal(node, Signal::SIGTERM)?;
            // Whatever the cause, the node is down, which is the fault. That it went in good order is not taken for granted: any
            // cause but exit code 0 is in the journal as an exit that nobody asked for.
            let cause = servers.wait_exit(node, within).await?;
            Ok(Applied { began, proof: Some(format!("wait status: {cause}")) })
        }
        .boxed_local()
    }
}

fn demand(node: &NodeSpec) -> Demand {
    let waits = Duration::from_secs(node.number("shutdown-timeout").unwrap_or(SHUTDOWN_TIMEOUT_DEFAULT_S));
    Demand { what: "end", within: waits.saturating_add(EXIT_BOUND) }
}
