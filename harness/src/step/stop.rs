//! SIGTERM, as `systemctl stop` sends: the server may save and say goodbye before it goes.

use std::fmt;
use std::time::Duration as StdDuration;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use nix::sys::signal::Signal;
use serde::Deserialize;

use super::node_step::{Applied, Demand, NodeStep, check_bound};
use super::selector::Selector;
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{NodeSpec, Servers, SystemError};
use crate::text::Cursor;
use crate::validate::{Checker, Verb};
use crate::vocab::{Duration, NodeName};

/// SIGTERM, as `systemctl stop` sends it: the server may save and say goodbye
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// How soon it must have ended; its `shutdown-timeout` and 5 s if not said.
    #[serde(default)]
    pub within: Option<Duration>,
}

/// How long a master waits for its replicas before it goes: the default of `shutdown-timeout`, from Redis 7.0 on.
const SHUTDOWN_TIMEOUT_DEFAULT_S: u64 = 10;
/// How long it may take beside that, to write its files.
const EXIT_BOUND: StdDuration = StdDuration::from_secs(5);

impl Stop {
    pub(super) const EXAMPLE: &str = r#"Stop(node: "A")"#;

    fn bound_of(&self, node: &NodeSpec) -> StdDuration {
        let waits = StdDuration::from_secs(node.number("shutdown-timeout").unwrap_or(SHUTDOWN_TIMEOUT_DEFAULT_S));
        self.within.map_or(waits.saturating_add(EXIT_BOUND), |within| within.0)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stop {} (SIGTERM)", self.target())
    }
}

impl NodeStep for Stop {
    const VERB: Verb = Verb { present: "stop", past: "stopped" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running];

    fn target(&self) -> Target {
        Target { node: self.node.clone(), select: self.select.clone() }
    }

    fn effect(&self) -> Effect {
        Effect::fault(NodeStatus::Down)
    }

    fn demand(&self, node: &NodeSpec) -> Option<Demand> {
        Some(Demand { what: "end", within: self.bound_of(node) })
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
            let within = self.bound_of(servers.spec(node)?);
            let began = servers.provider().signal(node, Signal::SIGTERM)?;
            // Whatever the cause, the node is down, which is the fault. That it went in good order is not taken for granted: any
            // cause but exit code 0 is in the journal as an exit that nobody asked for.
            let cause = servers.wait_exit(node, within).await?;
            Ok(Applied { began, proof: Some(format!("wait status: {cause}")) })
        }
        .boxed_local()
    }
}
