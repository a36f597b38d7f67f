//! Watches every node's view of the system and its log, and says what changed.
//!
//! Everything here only looks. For each node one task asks for its view and another reads its log; what they find goes to the
//! collector, which judges it, writes it to the journal and shows the present state as an [`Observation`]. Beside them, the
//! [`Sampler`] asks every node once a second how it fares.

mod collector;
mod follow;
mod observation;
mod poll;
mod questions;
#[cfg(test)]
mod real_server_test;
mod sampler;
mod synced;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

pub use observation::Observation;
pub use sampler::{ReadMachine, Sampler};

use crate::evidence::{Journal, NodeStatus, Reach};
use crate::system::{Access, Deployment, Names};
use crate::vocab::{Address, NodeId, NodeName};
use collector::Collector;

/// A node to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Its name.
    pub node: NodeName,
    /// The id it starts with. Ids it takes later are learned from what it says of itself.
    pub id: NodeId,
    /// Where its server listens; by this it is recognized in the views of the others.
    pub address: Address,
    /// Its log, which need not exist yet.
    pub log: PathBuf,
}

/// The tasks that watch a system. Dropping it ends them at once; [`Observer::stop`] reads the logs to their ends first.
#[derive(Debug)]
pub struct Observer {
    observation: watch::Receiver<Observation>,
    pollers: JoinSet<()>,
    followers: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Observer {
    /// Starts one polling task for each node, which asks every `interval`, and one log follower for each node.
    ///
    /// `status` is what the harness itself knows of the processes: a node that does not run loses its view at once. An answer to a
    /// question from before the last change of `status` or of `reach` (which node's packets reach which) never counts. Must be
    /// called in a Tokio runtime.
    pub fn start(
        nodes: Vec<Observed>,
        status: watch::Receiver<BTreeMap<NodeName, NodeStatus>>,
        reach: watch::Receiver<Reach>,
        (deployment, access): (Deployment, Access),
        journal: Journal,
        interval: std::time::Duration,
    ) -> Self {
        let names = Names::new(nodes.iter().map(|node| (node.node.clone(), node.id.clone(), node.address)));
        let (collector, observation) =
            Collector::new(&nodes, names, deployment.systems(), status.clone(), reach.clone(), journal);
        let collector = Arc::new(collector);
        let (stop, stopped) = watch::channel(false);
        let count = nodes.len();
        let (mut pollers, mut followers) = (JoinSet::new(), JoinSet::new());
        for (index, observed) in nodes.into_iter().enumerate() {
            let poller =
                poll::Poller::new(observed.node.clone(), observed.address, access.clone(), Arc::clone(&collector));
            // Spread over the interval, so that the answers do not all come at once.
            let first = interval.mul_f64(index as f64 / count as f64);
            pollers.spawn(poller.run(status.clone(), first, interval));
            let follower = follow::Follower::new(observed.log);
            followers.spawn(follow::run(follower, observed.node, Arc::clone(&collector), stopped.clone()));
        }
        pollers.spawn(poll::watch_status(collector, status, reach));
        Self { observation, pollers, followers, stop }
    }

    /// The present state, and word of each change.
    pub fn observation(&self) -> watch::Receiver<Observation> {
        self.observation.clone()
    }

    /// Reads every log once more to its end, then ends all tasks.
    pub async fn stop(mut self) {
        self.pollers.shutdown().await;
        self.stop.send_replace(true);
        while self.followers.join_next().await.is_some() {}
    }
}
