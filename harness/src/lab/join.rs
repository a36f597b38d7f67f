//! Introducing an empty server to a cluster that holds its host's former server for failed.

use std::time::Duration;

use tokio::time::{Instant, sleep};

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
    let newcomer = Newcomer::find(lab, name, replica_of).await?;
    let master_ip = lab.node(replica_of)?.spec.address.0;
    newcomer.admin.cluster(&["MEET", &master_ip.ip().to_string(), &master_ip.port().to_string()]).await?;
    loop {
        let last_state = match newcomer.progress().await {
            Ok(None) => break,
            Ok(Some(missing)) => missing,
            // Forgetting or replicating is refused as long as gossip is under way.
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            let (node, master) = (name.clone(), replica_of.clone());
            return Err(LabError::NotJoined { node, master, within: JOIN_BOUND, last_state });
        }
        sleep(JOIN_POLL).await;
    }
    newcomer.node.set_identity(newcomer.id);
    Ok(format!("{} other running nodes know it as a replica of {replica_of}", newcomer.others.len()))
}

impl<'a> Newcomer<'a> {
    async fn find(lab: &'a Lab, name: &NodeName, replica_of: &NodeName) -> Result<Self, LabError> {
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
        let master = Admin::connect(master).await?.id().await?;
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
