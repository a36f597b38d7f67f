//! A node's disk has space again.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::node_step::{Applied, NodeStep};
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{Servers, SystemError};
use crate::validate::Verb;
use crate::vocab::NodeName;

/// gives back the space that `FillDisk` took
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(transparent)]
pub struct FreeDisk(pub Target);

impl FreeDisk {
    pub(super) const EXAMPLE: &str = r#"FreeDisk(node: "A")"#;
}

impl fmt::Display for FreeDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FreeDisk {}", self.0)
    }
}

impl NodeStep for FreeDisk {
    const VERB: Verb = Verb { present: "free the disk of", past: "given back its disk space" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running, NodeStatus::Paused, NodeStatus::Down];

    fn target(&self) -> Target {
        self.0.clone()
    }

    fn effect(&self) -> Effect {
        Effect::NONE
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let provider = servers.provider();
            let began = provider.now();
            let was_filled = provider.free_data(node)?;
            let left = provider.space_left(node)?;
            let proof = (was_filled && left > 0).then(|| format!("{left} bytes are left on its disk"));
            Ok(Applied { began, proof })
        }
        .boxed_local()
    }
}
