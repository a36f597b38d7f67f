//! A node's disk is slow to write what is to survive a power failure.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::node_step::{Applied, NodeStep, Undone};
use super::selector::Selector;
use super::target::Target;
use crate::evidence::{Effect, NodeStatus};
use crate::system::{Servers, SystemError};
use crate::text::{Cursor, Named, Problem};
use crate::validate::{Checker, Verb};
use crate::vocab::{Duration, NodeName};

/// every `fsync` on a node's disk takes so much longer, until the end or the next `SlowDisk`; `fsync: "0ms"` ends it
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct SlowDisk {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// How much longer it takes. A write to the same file waits meanwhile, other requests to the disk go on.
    pub fsync: Duration,
}

/// A server whose disk takes longer than that cannot be seen to end when it is killed.
const SLOWEST: Duration = Duration::from_millis(4_000);

impl SlowDisk {
    pub(super) const EXAMPLE: &str = r#"SlowDisk(node: "A", fsync: "200ms")"#;

    fn ends(&self) -> bool {
        self.fsync == Duration::default()
    }
}

impl fmt::Display for SlowDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlowDisk {}: fsync takes ", self.target())?;
        if self.ends() { f.write_str("as long as before") } else { write!(f, "{} longer", self.fsync) }
    }
}

impl NodeStep for SlowDisk {
    const VERB: Verb = Verb { present: "slow down the disk of", past: "given a slow disk" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Running, NodeStatus::Paused, NodeStatus::Down];

    fn target(&self) -> Target {
        Target { node: self.node.clone(), select: self.select.clone() }
    }

    fn effect(&self) -> Effect {
        Effect { harms: !self.ends(), ..Effect::NONE }
    }

    fn needs_caching_disk(&self) -> bool {
        true
    }

    fn check_arguments(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        if self.fsync.0 > SLOWEST.0 {
            let problem =
                Problem::new(at.field("fsync").head(), "a server with so slow a disk cannot be killed in time");
            checker.report(problem.help(format!("write {SLOWEST} or less")));
        }
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        delay(servers, node, self.fsync.0).boxed_local()
    }

    fn undo_on<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Option<Undone>, SystemError>> {
        async move {
            if servers.provider().fsync_delay(node)?.is_zero() {
                return Ok(None);
            }
            let applied = delay(servers, node, std::time::Duration::ZERO).await?;
            Ok(Some(Undone { name: Self::NAME, effect: Effect::NONE, applied }))
        }
        .boxed_local()
    }
}

/// The proof is what the disk takes for an `fsync` with nothing to write, which does not come from the kernel.
async fn delay(servers: &Servers, node: &NodeName, by: std::time::Duration) -> Result<Applied, SystemError> {
    let provider = servers.provider();
    let began = provider.now();
    let took = provider.delay_fsync(node, by).await?;
    Ok(Applied {
        began,
        proof: (took >= by).then(|| format!("the disk took {:.1} ms for an fsync", took.as_secs_f64() * 1_000.0)),
    })
}
