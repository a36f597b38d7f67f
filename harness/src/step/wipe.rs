//! A stopped server's data directory is emptied, what it knew of the others too: it will wake up as nobody.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::node_step::{Applied, NodeStep};
use super::target::Target;
use crate::evidence::{DataEffect, Effect, MembershipEffect, NodeStatus};
use crate::system::{Servers, SystemError};
use crate::validate::Verb;
use crate::vocab::NodeName;

/// empties a stopped server's data directory, `nodes.conf` included
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Wipe(pub Target);

impl Wipe {
    pub(super) const EXAMPLE: &str = r#"Wipe(node: "A")"#;
}

impl fmt::Display for Wipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wipe {}", self.0)
    }
}

impl NodeStep for Wipe {
    const VERB: Verb = Verb { present: "wipe", past: "wiped" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Down];

    fn target(&self) -> Target {
        self.0.clone()
    }

    fn effect(&self) -> Effect {
        Effect { data: DataEffect::Emptied, membership: MembershipEffect::Lost, harms: true, ..Effect::NONE }
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let began = servers.provider().now();
            servers.provider().wipe(node)?;
            let is_empty = servers.provider().data_files(node)?.is_empty();
            Ok(Applied { began, proof: is_empty.then(|| "its data directory is empty".to_owned()) })
        }
        .boxed_local()
    }
}
