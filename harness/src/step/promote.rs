//! A replica is made a master by hand.

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use std::fmt;

use super::node_step::{Applied, Demand, NodeStep};
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{NodeSpec, REPLY_BOUND, Servers, SystemError};
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen, Meant, Verb};
use crate::vocab::{NodeName, SystemAbility};

/// makes a replica a master that follows nobody (`REPLICAOF NO ONE`), as an operator does where nobody takes over by itself; the other replicas stay with whom they follow
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Promote(pub Target);

impl Promote {
    pub(super) const EXAMPLE: &str = r#"Promote(node: "A1")"#;
}

impl fmt::Display for Promote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Promote {}", self.0)
    }
}

impl NodeStep for Promote {
    const VERB: Verb = Verb { present: "promote", past: "promoted" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running];

    fn target(&self) -> Target {
        self.0.clone()
    }

    fn effect(&self) -> Effect {
        Effect::NONE
    }

    fn demand(&self, _: &NodeSpec) -> Option<Demand> {
        Some(Demand { what: "reply", within: REPLY_BOUND })
    }

    fn promotes(&self) -> bool {
        true
    }

    fn check_arguments(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let meant = self.0.node.as_ref().map_or(Meant::Any, Meant::Node);
        checker.needs(SystemAbility::RolesByCommand, meant, "Promote", at);
    }

    fn follow_arguments(&self, _: &mut Checker<'_>, foreseen: &mut Foreseen<'_>, _: Cursor<'_>) {
        foreseen.moved = true;
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let began = servers.provider().now();
            Ok(Applied { began, proof: Some(servers.promote(node).await?) })
        }
        .boxed_local()
    }
}
