//! Introducing an empty server to a cluster that holds its host's former server for failed.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::admin::{Admin, Peer};
use super::node::Node;
use super::{Lab, LabError};
use crate::evidence::NodeStatus;
use crate::vocab::{NodeId, NodeName};

/// How long gossip may take to make a newcomer known everywhere. It takes about a second with six nodes.
const JOIN_BOUND: Duration = Duration::from_secs(30);
/// How often the nodes are asked whom they know.
const JOIN_POLL: Duration = Duration::from_millis(25);

struct Newcomer<'a> {
    node: &'a Node,
    admin: Admin<'a>,
    id: NodeId,
    /// Who its host's server was before.
    former: NodeId,
    master: NodeId,
    /// The other nodes that run, with their ids.
    others: Vec<(Admin<'a>, NodeId)>,
}

/// See [`Lab::join`].
pub(super) async fn join(lab: &Lab, name: &NodeName, replica_of: &NodeName) -> Result<String, LabError> {
    let deadline = Instant::now() + JOIN_BOUND;
    let too_late = |last_state| {
        let (node, master) = (name.clone(), replica_of.clone());
        LabError::NotJoined { node, master, within: JOIN_BOUND, last_state }
    };
    let Ok(met) = timeout_at(deadline, Newcomer::meet(lab, name, replica_of)).await else {
        return Err(too_late("the running nodes have not all told their ids".to_owned()));
    };
    let newcomer = met?;
    repeat(deadline, || newcomer.progress()).await.map_err(too_late)?;
    newcomer.node.set_identity(newcomer.id);
    Ok(format!("{} other running nodes know it as a replica of {replica_of}", newcomer.others.len()))
}

/// Repeats a step until it has nothing missing, or until `deadline`, which cuts a step that is under way. Fails with
/// what the latest finished step said.
async fn repeat<F>(deadline: Instant, mut step: impl FnMut() -> F) -> Result<(), String>
where
    F: Future<Output = Result<Option<String>, LabError>>,
{
    let mut last_state = "the first round of questions was not answered".to_owned();
    let done = async {
        loop {
            last_state = match step().await {
                Ok(None) => break,
                Ok(Some(missing)) => missing,
                // Forgetting or replicating is refused as long as gossip is under way.
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
    async fn meet(lab: &'a Lab, name: &NodeName, replica_of: &NodeName) -> Result<Self, LabError> {
        let (node, master) = (lab.node(name)?, lab.node(replica_of)?);
        for needed in [node, master] {
            if needed.status() != NodeStatus::Running {
                return Err(needed.wrong_status("introduce a newcomer to a cluster with"));
            }
        }
        let mut others = Vec::new();
        for other in lab.nodes().filter(|other| other.spec.name != *name && other.status() == NodeStatus::Running) {
            let admin = Admin::connect(other).await?;
            let id = admin.id().await?;
            others.push((admin, id));
        }
        let admin = Admin::connect(node).await?;
        let id = admin.id().await?;
        let address = master.spec.address.0;
        let master = Admin::connect(master).await?.id().await?;
        admin.cluster(&["MEET", &address.ip().to_string(), &address.port().to_string()]).await?;
        Ok(Self { node, admin, id, former: node.identity(), master, others })
    }

    /// Does the next thing on the way into the cluster. Says what is still missing; nothing when all is done.
    ///
    /// A node is known by its id only after the handshake with it; a handshake goes by a made-up id.
    async fn progress(&self) -> Result<Option<String>, LabError> {
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
            return Ok(Some(format!("it does not know {}", other.name())));
        }
        if let Some((other, _)) = views.iter().find(|(_, view)| !knows(view, &self.id)) {
            return Ok(Some(format!("{} does not know it", other.name())));
        }
        if !self.replicates(&own) {
            self.admin.cluster(&["REPLICATE", &self.master.0]).await?;
            return Ok(Some("it has just been told whom to replicate".to_owned()));
        }
        let uninformed = views.iter().find(|(_, view)| !self.replicates(view));
        Ok(uninformed.map(|(other, _)| format!("{} does not know it as a replica", other.name())))
    }

    /// Whether the newcomer is a replica of its master in this view.
    fn replicates(&self, view: &[Peer]) -> bool {
        view.iter().any(|peer| peer.id == self.id && peer.master.as_ref() == Some(&self.master))
    }

    /// Whether this is who the newcomer's host was before. The address of such a node is gone as soon as somebody
    /// else answers there, so its id tells too.
    fn is_former(&self, peer: &Peer) -> bool {
        let at_its_address = peer.ip == self.node.spec.address.ip().to_string();
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
        let end = repeat(begin + Duration::from_millis(200), || {
            steps += 1;
            let hangs = steps == 3;
            async move {
                if hangs {
                    sleep(Duration::from_mins(1)).await;
                }
                Ok(Some(format!("step {steps}")))
            }
        });
        assert_eq!(end.await, Err("step 2".to_owned()));
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn errors_are_tried_again() {
        let mut steps = 0;
        let end = repeat(Instant::now() + Duration::from_mins(1), || {
            steps += 1;
            let refused = (steps == 1).then_some(LabError::NoSuchClient(0));
            async move { refused.map_or(Ok(None), Err) }
        });
        assert_eq!(end.await, Ok(()));
        assert_eq!(steps, 2);
    }
}
