//! A node is told whom to follow.

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use std::fmt;

use super::node_step::{Applied, Demand, NodeStep};
use super::target::Target;
use crate::evidence::{DataEffect, Effect, NodeStatus};
use crate::system::{NodeSpec, REPLY_BOUND, Servers, SystemError};
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen, Meant, Verb};
use crate::vocab::{NodeName, SystemAbility};

/// makes a node the replica of another, whatever it was (`REPLICAOF <ip> <port>`): what it has that the other has not is gone
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// The replica.
    pub node: NodeName,
    /// The node that it follows from now on.
    pub of: NodeName,
}

impl Follow {
    pub(super) const EXAMPLE: &str = r#"Follow(node: "A", of: "A1")"#;
}

impl fmt::Display for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} follows {}", self.node, self.of)
    }
}

impl NodeStep for Follow {
    const VERB: Verb = Verb { present: "follow anybody", past: "told whom to follow" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running];

    fn target(&self) -> Target {
        Target { node: Some(self.node.clone()), select: None }
    }

    /// Its data becomes what the other has, which may be less.
    fn effect(&self) -> Effect {
        Effect { data: DataEffect::Replaced, ..Effect::NONE }
    }

    fn demand(&self, _: &NodeSpec) -> Option<Demand> {
        Some(Demand { what: "reply", within: REPLY_BOUND })
    }

    fn heading(&self) -> String {
        self.to_string()
    }

    fn others(&self) -> Vec<NodeName> {
        vec![self.of.clone()]
    }

    fn check_arguments(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.needs(SystemAbility::RolesByCommand, Meant::Node(&self.node), "Follow", at);
        checker.known(&self.of, at.field("of"));
        checker.check_same_system(&self.node, &self.of, at.field("of"));
        if self.node == self.of {
            checker.report(Problem::new(at.field("of").head(), "a node cannot replicate itself"));
        }
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
            Ok(Applied { began, proof: Some(servers.follow(node, &self.of).await?) })
        }
        .boxed_local()
    }
}
