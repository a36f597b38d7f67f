//! Introducing an empty server to a cluster that holds its host's former server for failed.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::admin::{Admin, Peer};
use crate::evidence::NodeStatus;
use crate::system::{NodeSpec, Servers, SystemError};
use crate::vocab::{NodeId, NodeName};

/// How often the nodes are asked which nodes they know.
const JOIN_POLL: Duration = Duration::from_millis(25);

struct Newcomer<'a> {
    servers: &'a Servers,
    node: &'a NodeSpec,
    admin: Admin<'a>,
    id: NodeId,
    /// Who its host's server was before.
    former: NodeId,
    replica_of: &'a NodeName,
    master: NodeId,
    /// The other nodes that run, with their ids.
    others: Vec<(Admin<'a>, NodeId)>,
}

/// What a step towards a goal comes to: what was reached, or what is still missing.
type Step = Result<String, String>;

/// See [`Servers::join`].
pub(super) async fn join(
    servers: &Servers,
    name: &NodeName,
    replica_of: &NodeName,
    within: Duration,
) -> Result<String, SystemError> {
    let (node, master) = (servers.spec(name)?, servers.spec(replica_of)?);
    for needed in [node, master] {
        let status = servers.provider.status_of(&needed.name)?;
        if status != NodeStatus::Running {
            return Err(Servers::wrong_status(&needed.name, "introduce a newcomer to a cluster with", status));
        }
    }
    let mut newcomer = None;
    let joined = repeat(Instant::now() + within, async || {
        if let Some(newcomer) = &newcomer {
            return Newcomer::progress(newcomer).await;
        }
        newcomer = Some(Newcomer::meet(servers, node, master).await?);
        Ok(Err("it has just been introduced".to_owned()))
    });
    joined.await.map_err(|last_state| {
        let reason = format!("did not join as a replica of {replica_of} within {} s: {last_state}", within.as_secs());
        servers.not_done(name, reason, Some(within))
    })
}

/// Repeats a step until it reaches its goal, or until `deadline`, which cuts a step that is under way. Fails with what the latest
/// finished step said.
async fn repeat(deadline: Instant, mut step: impl AsyncFnMut() -> Result<Step, SystemError>) -> Step {
    let mut last_state = "not all running nodes have told their ids".to_owned();
    let done = async {
        loop {
            last_state = match step().await {
                Ok(Ok(reached)) => break reached,
                Ok(Err(missing)) => missing,
                // A server that still reads its files refuses to be asked, and one that gossips to forget or to replicate.
                Err(error) => error.to_string(),
            };
            sleep(JOIN_POLL).await;
        }
    };
    let in_time = timeout_at(deadline, done).await;
    in_time.map_err(|_| last_state)
}

impl<'a> Newcomer<'a> {
    /// Asks everybody for their ids and introduces the newcomer to its master to be.
    async fn meet(servers: &'a Servers, node: &'a NodeSpec, master: &'a NodeSpec) -> Result<Self, SystemError> {
        let mut others = Vec::new();
        let status = servers.provider.status().borrow().clone();
        let is_running = |name: &NodeName| status.get(name) == Some(&NodeStatus::Running);
        let is_peer = |other: &NodeName| *other != node.name && servers.systems.same(other, &node.name);
        let is_other = |other: &&NodeSpec| is_peer(&other.name) && is_running(&other.name);
        for other in servers.nodes.iter().filter(is_other) {
            let admin = Admin::connect(other, servers.access()).await?;
            let id = admin.id().await?;
            others.push((admin, id));
        }
        let admin = Admin::connect(node, servers.access()).await?;
        let id = admin.id().await?;
        let address = master.address.0;
        let (replica_of, master) = (&master.name, Admin::connect(master, servers.access()).await?.id().await?);
        admin.cluster(&["MEET", &address.ip().to_string(), &address.port().to_string()]).await?;
        let former = servers.ids().get(&node.name).cloned().unwrap_or_else(|| node.id.clone());
        Ok(Self { servers, node, admin, id, former, replica_of, master, others })
    }

    /// Does the next thing on the way into the cluster. Says what is still missing, or when all is done, what was seen.
    ///
    /// A node is known by its id only after the handshake with it; a handshake goes by a made-up id.
    async fn progress(&self) -> Result<Step, SystemError> {
        let mut views = Vec::with_capacity(self.others.len());
        for (other, _) in &self.others {
            let view = other.peers().await?;
            for stale in view.iter().filter(|peer| self.is_former(peer)) {
                other.cluster(&["FORGET", &stale.id.0]).await?;
            }
            views.push((other, view));
        }
        let own = self.admin.peers().await?;
        let knows = |view: &[Peer], id: &NodeId| view.iter().any(|peer| peer.id == *id);
        if let Some((other, _)) = self.others.iter().find(|(_, id)| !knows(&own, id)) {
            return Ok(Err(format!("it does not know {}", other.name())));
        }
        if let Some((other, _)) = views.iter().find(|(_, view)| !knows(view, &self.id)) {
            return Ok(Err(format!("{} does not know it", other.name())));
        }
        if !self.replicates(&own) {
            self.admin.cluster(&["REPLICATE", &self.master.0]).await?;
            return Ok(Err("it has just been told which node to replicate".to_owned()));
        }
        if let Some((other, _)) = views.iter().find(|(_, view)| !self.replicates(view)) {
            return Ok(Err(format!("{} does not know it as a replica", other.name())));
        }
        self.servers.ids().insert(self.node.name.clone(), self.id.clone());
        Ok(Ok(format!("{} other running nodes know it as a replica of {}", self.others.len(), self.replica_of)))
    }

    /// Whether the newcomer is a replica of its master in this view.
    fn replicates(&self, view: &[Peer]) -> bool {
        view.iter().any(|peer| peer.id == self.id && peer.master.as_ref() == Some(&self.master))
    }

    /// Whether this is who the newcomer's host was before. The address of such a node is gone as soon as somebody
    /// else answers there, so its id tells too.
    fn is_former(&self, peer: &Peer) -> bool {
        let at_its_address = peer.ip == self.node.address.ip().to_string();
        peer.id != self.id && !peer.handshake && (at_its_address || peer.id == self.former)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_that_hangs_is_cut_and_the_one_before_is_told() {
        let mut steps = 0;
        let begin = Instant::now();
        let end = repeat(begin + Duration::from_millis(200), async || {
            steps += 1;
            if steps == 3 {
                sleep(Duration::from_mins(1)).await;
            }
            Ok(Err(format!("step {steps}")))
        });
        assert_eq!(end.await, Err("step 2".to_owned()));
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn errors_are_tried_again() {
        let mut steps = 0;
        let end = repeat(Instant::now() + Duration::from_mins(1), async || {
            steps += 1;
            if steps == 1 { Err(SystemError::NoSuchNode("A".into())) } else { Ok(Ok("all know it".to_owned())) }
        });
        assert_eq!(end.await, Ok("all know it".to_owned()));
        assert_eq!(steps, 2);
    }
}
