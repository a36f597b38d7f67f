//! An empty server is introduced to the cluster and told which node to replicate.

use std::fmt;
use std::time::Duration as StdDuration;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::node_step::{Applied, Demand, NodeStep, check_bound};
use super::target::Target;
use crate::evidence::{Effect, MembershipEffect, NodeStatus};
use crate::system::{NodeSpec, Servers, SystemError};
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen, Meant, Verb};
use crate::vocab::{Duration, NodeName, SystemAbility};

/// an empty server (after `Wipe` and `Start`) is introduced to the cluster and becomes that node's replica
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The newcomer.
    pub node: NodeName,
    /// The node that it will replicate.
    pub replica_of: NodeName,
    /// How soon every running node must know it as that; 30 s and two node timeouts if not said.
    #[serde(default)]
    pub within: Option<Duration>,
}

/// How long gossip may take beside two node timeouts to make a newcomer known everywhere. It takes about a second with six nodes.
const GOSSIP_BOUND: StdDuration = StdDuration::from_secs(30);

impl Join {
    pub(super) const EXAMPLE: &str = r#"Join(node: "A", replica_of: "A1")"#;

    /// A node asks each other one for news at least once in half a node timeout, and gives up a handshake after a whole one.
    fn bound_of(&self, node: &NodeSpec) -> StdDuration {
        let timeouts = StdDuration::from_millis(node.node_timeout_ms().saturating_mul(2));
        self.within.map_or(GOSSIP_BOUND.saturating_add(timeouts), |within| within.0)
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Join {} as a replica of {}", self.node, self.replica_of)
    }
}

impl NodeStep for Join {
    const VERB: Verb = Verb { present: "join", past: "joined" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running];

    fn target(&self) -> Target {
        Target { node: Some(self.node.clone()), select: None }
    }

    fn effect(&self) -> Effect {
        Effect { membership: MembershipEffect::Gained, ..Effect::NONE }
    }

    fn demand(&self, node: &NodeSpec) -> Option<Demand> {
        Some(Demand { what: "be known to every running node as a replica", within: self.bound_of(node) })
    }

    fn heading(&self) -> String {
        self.to_string()
    }

    fn others(&self) -> Vec<NodeName> {
        vec![self.replica_of.clone()]
    }

    fn check_arguments(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.needs(SystemAbility::Membership, Meant::Node(&self.node), "Join", at);
        check_bound(self.within, checker, at);
        checker.known(&self.replica_of, at.field("replica_of"));
        checker.check_same_system(&self.node, &self.replica_of, at.field("replica_of"));
        if self.node == self.replica_of {
            checker.report(Problem::new(at.field("replica_of").head(), "a node cannot replicate itself"));
        }
    }

    fn follow_arguments(&self, checker: &mut Checker<'_>, foreseen: &mut Foreseen<'_>, at: Cursor<'_>) {
        let Self { node, replica_of, .. } = self;
        if foreseen.status(replica_of).is_some_and(|status| status != NodeStatus::Running) {
            let history = checker.history(foreseen, replica_of);
            let message = format!("`Join` needs `{replica_of}` running, but it {history}");
            let problem = Problem::new(at.field("replica_of").head(), message);
            let problem = checker.with_cause(problem, foreseen, replica_of);
            checker.report(problem);
        }
        if foreseen.is_member(node) == Some(true) {
            let problem = Problem::new(at.field("node").head(), format!("`{node}` is in the cluster already"));
            checker.report(problem.help("only a node that was wiped has to join: `Kill`, `Wipe`, `Start`, `Join`"));
        }
        if node != replica_of && foreseen.is_member(replica_of) == Some(false) {
            let message = format!("`{replica_of}` was wiped and is not in the cluster itself");
            checker.report(Problem::new(at.field("replica_of").head(), message));
        }
        let shard = |name| checker.member(name).map(|member| member.shard);
        foreseen.moved |= shard(node) != shard(replica_of);
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let began = servers.provider().now();
            let seen = servers.join(node, &self.replica_of, self.bound_of(servers.spec(node)?)).await?;
            Ok(Applied { began, proof: Some(seen) })
        }
        .boxed_local()
    }
}
