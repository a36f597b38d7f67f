//! What steps act on, and what they have in common in doing so.

use std::fmt::Display;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use super::error::Abort;
use super::links::{ChosenLinks, Hosts, Links};
use super::selector::Candidates;
use super::target::Target;
use super::wait::wait_for;
use crate::evidence::{Agreement, Journal, Settlement};
use crate::load::RunningLoads;
use crate::observe::Observation;
use crate::system::Servers;
use crate::vocab::{HostName, NodeName};

/// How long a step with a selector waits for a settled topology to choose from.
const SELECTION_BOUND: Duration = Duration::from_secs(30);

/// What a step acted on: its index and the node.
pub type Acted = (usize, NodeName);

/// What steps act on.
pub struct Stage<'a> {
    /// The hosts that nodes run on, in the order of the plan.
    pub node_hosts: &'a [HostName],
    /// The client hosts.
    pub clients: &'a [HostName],
    /// The servers, and what they run on.
    pub servers: &'a Servers,
    /// What is seen of the nodes.
    pub observation: watch::Receiver<Observation>,
    /// The loads.
    pub loads: &'a RunningLoads,
    /// Where everything is written.
    pub journal: &'a Journal,
    /// How long the machine may have delayed, in all so far, what the observer sees.
    pub machine_delay: &'a dyn Fn() -> Duration,
    /// The names of the partitions and shapes that steps make, by the step's index.
    pub disturbance_names: &'a [Option<String>],
    /// What every random choice is drawn from.
    pub random: ChaCha8Rng,
    /// What was acted on so far.
    pub acted: Vec<Acted>,
}

impl Stage<'_> {
    /// A source of random choices.
    pub fn random_of(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// The nodes that a step means: at least one.
    pub async fn chosen(&mut self, index: usize, doing: impl Display, target: &Target) -> Result<Vec<NodeName>, Abort> {
        let nodes = match (&target.node, &target.select) {
            (Some(node), _) => vec![node.clone()],
            (None, Some(selector)) => {
                let status = self.servers.provider().status().borrow().clone();
                let agreement = if target.asks_topology() { Some(self.settled().await?) } else { None };
                let among = Candidates { agreement: agreement.as_ref(), status: &status };
                selector.kind().choose(among, &mut self.random)
            }
            (None, None) => Vec::new(),
        };
        if nodes.is_empty() {
            return Err(Abort(format!("step {}: {doing} {target}: there is no such node now", index + 1)));
        }
        Ok(nodes)
    }

    /// The directed links that a step means.
    pub async fn chosen_links(&mut self, index: usize, links: &Links) -> Result<ChosenLinks, Abort> {
        let chosen = match links.kind().target() {
            Some(target) => self.chosen(index, "isolate", &target).await?,
            None => Vec::new(),
        };
        let mut isolated = Vec::new();
        for node in &chosen {
            let host = &self.servers.spec(node)?.host;
            if !isolated.contains(host) {
                isolated.push(host.clone());
            }
        }
        let hosts = Hosts { nodes: self.node_hosts, clients: self.clients };
        Ok(links.kind().choose(hosts, &isolated, &mut self.random))
    }

    async fn settled(&mut self) -> Result<Agreement, Abort> {
        let mut found = None;
        let now = self.journal.clock().now();
        let waited =
            wait_for(&mut self.observation, now, SELECTION_BOUND, |observation| match &observation.settlement {
                Settlement::Settled(agreement) => {
                    found = Some(agreement.clone());
                    None
                }
                Settlement::Unsettled(reason) => Some(reason.clone()),
            });
        waited.await.map_err(|reason| {
            Abort(format!("no settled topology to choose from within {} s: {reason}", SELECTION_BOUND.as_secs()))
        })?;
        found.ok_or_else(|| Abort("no settled topology to choose from".to_owned()))
    }
}
