//! Watches every node's view of the cluster and its log, and says what changed.
//!
//! Everything here only looks. A polling task a node asks for its view, a follower a node reads its log; what they find
//! goes to the board, which judges it, writes it to the journal and shows the present state as a [`Observation`].

mod board;
mod follow;
pub mod log;
mod members;
mod names;
mod observation;
mod poll;
#[cfg(test)]
mod real_server_test;
#[cfg(test)]
mod testing;
pub mod view;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

pub use names::{Names, stranger};
pub use observation::Observation;

use crate::evidence::{Journal, NodeStatus, Reach};
use crate::vocab::{Address, NodeId, NodeName};
use board::Board;

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

/// The tasks that watch a cluster. Dropping it ends them at once; [`Observer::stop`] reads the logs to their ends first.
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
    /// `status` is what the harness itself knows of the processes: a node that does not run has no view at once, and
    /// an answer to a question from before the last change of `status` or of `reach` (whose packets reach whom) never counts. Must be called in a Tokio runtime.
    pub fn start(
        nodes: Vec<Observed>,
        status: watch::Receiver<BTreeMap<NodeName, NodeStatus>>,
        reach: watch::Receiver<Reach>,
        journal: Journal,
        interval: std::time::Duration,
    ) -> Self {
        let names = Names::new(nodes.iter().map(|node| (node.node.clone(), node.id.clone(), node.address)));
        let (board, observation) = Board::new(&nodes, names, status.clone(), reach.clone(), journal);
        let board = Arc::new(board);
        let (stop, stopped) = watch::channel(false);
        let count = nodes.len();
        let (mut pollers, mut followers) = (JoinSet::new(), JoinSet::new());
        for (index, observed) in nodes.into_iter().enumerate() {
            let poller = poll::Poller::new(observed.node.clone(), observed.address, Arc::clone(&board));
            // Spread over the interval, so that the answers do not all come at once.
            let first = interval.mul_f64(index as f64 / count as f64);
            pollers.spawn(poller.run(status.clone(), first, interval));
            let follower = follow::Follower::new(observed.log);
            followers.spawn(follow::run(follower, observed.node, Arc::clone(&board), stopped.clone()));
        }
        pollers.spawn(poll::watch_status(board, status, reach));
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
