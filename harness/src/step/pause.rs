//! SIGSTOP: the process is silent; its connections stay open and its host goes on acknowledging packets.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use nix::sys::signal::Signal;
use serde::Deserialize;

use super::node_step::{Applied, NodeStep, Undone, proof_of_state};
use super::resume::{Resume, resume};
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{Servers, SystemError};
use crate::text::Named;
use crate::validate::Verb;
use crate::vocab::NodeName;

/// SIGSTOP: the process is silent and its connections stay open
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Pause(pub Target);

impl Pause {
    pub(super) const EXAMPLE: &str = r#"Pause(node: "A")"#;
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pause {} (SIGSTOP)", self.0)
    }
}

impl NodeStep for Pause {
    const VERB: Verb = Verb { present: "pause", past: "paused" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running];

    fn target(&self) -> Target {
        self.0.clone()
    }

    fn effect(&self) -> Effect {
        Effect::fault(NodeStatus::Paused)
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let began = servers.provider().signal(node, Signal::SIGSTOP)?;
            Ok(Applied { began, proof: proof_of_state(servers.provider(), node, |state| state == 'T').await })
        }
        .boxed_local()
    }

    fn undo_on<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Option<Undone>, SystemError>> {
        async move {
            if servers.provider().status_of(node)? != NodeStatus::Paused {
                return Ok(None);
            }
            let applied = resume(servers, node).await?;
            Ok(Some(Undone { name: Resume::NAME, effect: Effect::brings_back(), applied }))
        }
        .boxed_local()
    }
}
