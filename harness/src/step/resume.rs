//! SIGCONT: a paused process goes on.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use nix::sys::signal::Signal;
use serde::Deserialize;

use super::node_step::{Applied, NodeStep, proof_of_state};
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{Servers, SystemError};
use crate::validate::Verb;
use crate::vocab::NodeName;

/// SIGCONT: a paused process goes on
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Resume(pub Target);

impl Resume {
    pub(super) const EXAMPLE: &str = r#"Resume(node: "A")"#;
}

impl fmt::Display for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resume {} (SIGCONT)", self.0)
    }
}

impl NodeStep for Resume {
    const VERB: Verb = Verb { present: "resume", past: "resumed" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Paused];

    fn target(&self) -> Target {
        self.0.clone()
    }

    fn effect(&self) -> Effect {
        Effect::brings_back()
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        resume(servers, node).boxed_local()
    }
}

/// Lets a paused node go on.
pub(super) async fn resume(servers: &Servers, node: &NodeName) -> Result<Applied, SystemError> {
    let began = servers.provider().signal(node, Signal::SIGCONT)?;
    Ok(Applied {
        began,
        proof: proof_of_state(servers.provider(), node, |state| matches!(state, 'R' | 'S' | 'D')).await,
    })
}
