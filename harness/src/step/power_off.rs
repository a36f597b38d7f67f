//! The power of a node's host fails: the server is gone, and what its disk had not written.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::node_step::{Applied, NodeStep};
use super::target::Target;
use crate::evidence::{DataEffect, Effect, NodeStatus};
use crate::provider::{Forgotten, PowerFailure};
use crate::system::{Servers, SystemError};
use crate::validate::Verb;
use crate::vocab::NodeName;

/// power failure of a host: the process is gone, and of its data what was not synchronised (`fsync`) to the disk; so is a sentinel
/// that runs there
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(transparent)]
pub struct PowerOff(pub Target);

impl PowerOff {
    pub(super) const EXAMPLE: &str = r#"PowerOff(node: "A")"#;
}

impl fmt::Display for PowerOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PowerOff {} (SIGKILL, and what was not synchronised is gone)", self.0)
    }
}

impl NodeStep for PowerOff {
    const VERB: Verb = Verb { present: "cut the power of", past: "left without power" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running, NodeStatus::Paused];

    fn target(&self) -> Target {
        self.0.clone()
    }

    fn effect(&self) -> Effect {
        Effect { data: DataEffect::Synced, ..Effect::fault(NodeStatus::Down) }
    }

    fn needs_caching_disk(&self) -> bool {
        true
    }

    fn is_of_host(&self) -> bool {
        true
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let PowerFailure { began, is_proven, forgotten } = servers.provider().power_off(node).await?;
            let proof =
                is_proven.then(|| format!("its processes are gone; not synchronised, and gone: {}", text(&forgotten)));
            Ok(Applied { began, proof })
        }
        .boxed_local()
    }
}

fn text(forgotten: &[Forgotten]) -> String {
    let text = forgotten.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if text.is_empty() { "nothing".to_owned() } else { text }
}
