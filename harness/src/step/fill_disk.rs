//! A node's disk is full.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::free_disk::FreeDisk;
use super::node_step::{Applied, NodeStep, Undone};
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{Servers, SystemError};
use crate::text::Named;
use crate::validate::Verb;
use crate::vocab::NodeName;

/// fills what is left of a node's disk: its server can write nothing more, until `FreeDisk`
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(transparent)]
pub struct FillDisk(pub Target);

impl FillDisk {
    pub(super) const EXAMPLE: &str = r#"FillDisk(node: "A")"#;
}

impl fmt::Display for FillDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FillDisk {}", self.0)
    }
}

impl NodeStep for FillDisk {
    const VERB: Verb = Verb { present: "fill the disk of", past: "left without disk space" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running, NodeStatus::Paused, NodeStatus::Down];

    fn target(&self) -> Target {
        self.0.clone()
    }

    fn effect(&self) -> Effect {
        Effect { harms: true, ..Effect::NONE }
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let provider = servers.provider();
            let began = provider.now();
            provider.fill_data(node)?;
            let is_full = provider.space_left(node)? == 0;
            Ok(Applied { began, proof: is_full.then(|| "no byte is left on its disk".to_owned()) })
        }
        .boxed_local()
    }

    fn undo_on<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Option<Undone>, SystemError>> {
        async move {
            let provider = servers.provider();
            let began = provider.now();
            if !provider.free_data(node)? {
                return Ok(None);
            }
            let left = provider.space_left(node)?;
            let applied = Applied { began, proof: (left > 0).then(|| format!("{left} bytes are left on its disk")) };
            Ok(Some(Undone { name: FreeDisk::NAME, effect: Effect::NONE, applied }))
        }
        .boxed_local()
    }
}
