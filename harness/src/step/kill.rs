//! SIGKILL: the process is gone at once; its host answers with resets.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use nix::sys::signal::Signal;
use serde::Deserialize;
use tokio::time::timeout;

use super::node_step::{Applied, NodeStep, PROOF_BOUND};
use super::target::Target;
use crate::evidence::{Effect, ExitCause, NodeStatus};
use crate::system::{Servers, SystemError};
use crate::validate::Verb;
use crate::vocab::NodeName;

/// SIGKILL: the process is gone, its host answers with resets
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Kill(pub Target);

impl Kill {
    pub(super) const EXAMPLE: &str = r#"Kill(node: "A")"#;
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kill {} (SIGKILL)", self.0)
    }
}

impl NodeStep for Kill {
    const VERB: Verb = Verb { present: "kill", past: "killed" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running, NodeStatus::Paused];

    fn target(&self) -> Target {
        self.0.clone()
    }

    fn effect(&self) -> Effect {
        Effect::fault(NodeStatus::Down)
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let began = servers.provider().signal(node, Signal::SIGKILL)?;
            let cause = timeout(PROOF_BOUND, servers.provider().exit(node)).await.ok().and_then(Result::ok);
            // Another cause means that it had ended by itself just before.
            let killed = cause.filter(|cause| *cause == ExitCause::Signal(Signal::SIGKILL as i32));
            Ok(Applied { began, proof: killed.map(|cause| format!("wait status: {cause}")) })
        }
        .boxed_local()
    }
}
