//! The timeline: each step in its turn.

use std::fmt::Display;
use std::time::Duration;

use futures_util::future::join_all;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use super::condition::{unmet, wait_for};
use super::engine::Abort;
use super::machine::MachineWatch;
use super::network;
use super::selection::{select, select_by_status};
use crate::evidence::{EventKind, FaultKind, Journal, Settlement, Topology};
use crate::fault::links::{Hosts, Meant};
use crate::fault::{self, Applied};
use crate::load::RunningLoads;
use crate::network::Treatment;
use crate::observe::Observation;
use crate::plan::Plan;
use crate::scenario::{Condition, Step};
use crate::system::Servers;
use crate::system::{NotDone, SystemError};
use crate::vocab::{Instant, Links, NodeName, Target};

/// How long a step with a selector waits for a settled topology to choose from.
const SELECTION_BOUND: Duration = Duration::from_secs(30);

/// How the timeline ended.
#[derive(Debug)]
pub(crate) enum StepEnd {
    /// Every step was done.
    Done,
    /// An `Until` was not met, or a server did not do as it was told: the run is over, the evidence is good.
    Failed,
    /// The run could not go on.
    Aborted(Abort),
    /// The user interrupted it.
    Interrupted,
}

/// What the steps act on.
pub(crate) struct Stage<'a> {
    plan: &'a Plan,
    servers: &'a Servers,
    observation: watch::Receiver<Observation>,
    loads: &'a RunningLoads,
    journal: &'a Journal,
    machine: &'a MachineWatch,
    random: ChaCha8Rng,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        servers: &'a Servers,
        observation: watch::Receiver<Observation>,
        loads: &'a RunningLoads,
        journal: &'a Journal,
        machine: &'a MachineWatch,
    ) -> Self {
        Self { plan, servers, observation, loads, journal, machine, random: ChaCha8Rng::seed_from_u64(plan.seed) }
    }

    /// Does every step.
    pub(crate) async fn walk(&mut self) -> StepEnd {
        let plan = self.plan;
        for (index, planned) in plan.steps.iter().enumerate() {
            self.journal.record(EventKind::StepStarted { step: index, text: planned.step.to_string() });
            match self.perform(index, &planned.step).await {
                Ok(StepEnd::Done) => self.journal.record(EventKind::StepEnded { step: index }),
                Ok(end) => return end,
                Err(abort) => return StepEnd::Aborted(abort),
            }
        }
        StepEnd::Done
    }

    async fn perform(&mut self, index: usize, step: &Step) -> Result<StepEnd, Abort> {
        match step {
            Step::Run { r#for } => tokio::time::sleep(r#for.0).await,
            Step::Until { condition, within } => return Ok(self.until(index, condition, within.0).await),
            Step::Kill(target) => return self.inject(index, FaultKind::Kill, target).await,
            Step::Stop(target) => return self.inject(index, FaultKind::Stop, target).await,
            Step::Pause(target) => return self.inject(index, FaultKind::Pause, target).await,
            Step::Resume(target) => return self.inject(index, FaultKind::Resume, target).await,
            Step::Start(target) => return self.inject(index, FaultKind::Start, target).await,
            Step::Wipe(target) => return self.inject(index, FaultKind::Wipe, target).await,
            Step::Partition(partition) => {
                self.disturb(index, &partition.links, Treatment::Cut(partition.by)).await?;
            }
            Step::Shape(shaping) => {
                self.disturb(index, &shaping.links, Treatment::Shape(shaping.shape())).await?;
            }
            Step::Heal { name } => {
                network::heal(self.servers.provider(), self.journal, Some(index), name.as_deref()).await?;
            }
            Step::Join { node, replica_of } => {
                return self.apply(index, FaultKind::Join, std::slice::from_ref(node), Some(replica_of)).await;
            }
        }
        Ok(StepEnd::Done)
    }

    async fn until(&mut self, index: usize, condition: &Condition, within: Duration) -> StepEnd {
        let (began, lost) = (self.journal.clock().now(), self.machine.lost());
        let Err(last_state) = self.wait(condition, began, within).await else { return StepEnd::Done };
        self.journal.record(EventKind::UntilMissed { step: index, last_state });
        // Was it the machine? Then it is met within as much more time as that may have taken.
        let (bound, more) = (self.journal.clock().now(), self.machine.lost().saturating_sub(lost).min(within));
        if self.wait(condition, began, more).await.is_ok() {
            let late_nanos = self.journal.clock().now().nanos_since(bound);
            self.journal.record(EventKind::UntilMetLate { step: index, late_nanos });
        }
        StepEnd::Failed
    }

    async fn wait(&mut self, condition: &Condition, since: Instant, within: Duration) -> Result<(), String> {
        match condition {
            // A load's end changes nothing that the observer sees.
            Condition::Finished(load) => wait_finished(self.loads, load, within).await,
            _ => wait_for(&mut self.observation, since, within, |observation| unmet(condition, observation)).await,
        }
    }

    async fn inject(&mut self, index: usize, kind: FaultKind, target: &Target) -> Result<StepEnd, Abort> {
        let nodes = self.chosen(index, kind, target).await?;
        self.apply(index, kind, &nodes, None).await
    }

    /// The nodes that a step means: at least one.
    async fn chosen(&mut self, index: usize, doing: impl Display, target: &Target) -> Result<Vec<NodeName>, Abort> {
        let nodes = match (&target.node, &target.select) {
            (Some(node), _) => vec![node.clone()],
            (None, Some(selector)) => {
                let status = self.servers.provider().status().borrow().clone();
                match select_by_status(selector, &status) {
                    Some(nodes) => nodes,
                    None => select(selector, &self.settled().await?, &status, &mut self.random),
                }
            }
            (None, None) => Vec::new(),
        };
        if nodes.is_empty() {
            return Err(Abort(format!("step {}: {doing} {target}: there is no such node now", index + 1)));
        }
        Ok(nodes)
    }

    async fn disturb(&mut self, index: usize, links: &Links, what: Treatment) -> Result<(), Abort> {
        let meant = self.meant(index, links).await?;
        network::begin(self.plan, self.servers.provider(), self.journal, index, &meant, what).await
    }

    /// The directed links that a step means.
    async fn meant(&mut self, index: usize, links: &Links) -> Result<Meant, Abort> {
        let chosen = match links {
            Links::Isolate(isolated) => self.chosen(index, "isolate", &isolated.target()).await?,
            _ => Vec::new(),
        };
        let nodes: Vec<_> = self.plan.nodes.iter().map(|node| node.name.clone()).collect();
        let clients: Vec<_> = self.plan.clients.iter().map(|client| client.name.clone()).collect();
        let hosts = Hosts { nodes: &nodes, clients: &clients };
        Ok(fault::links::meant(links, hosts, &chosen, &mut self.random))
    }

    /// Applies a fault to all nodes at the same time.
    async fn apply(
        &self,
        index: usize,
        kind: FaultKind,
        nodes: &[NodeName],
        of: Option<&NodeName>,
    ) -> Result<StepEnd, Abort> {
        let applied = join_all(nodes.iter().map(|node| fault::apply(kind, self.servers, node, of))).await;
        let mut outcome = Ok(StepEnd::Done);
        for (node, applied) in nodes.iter().zip(applied) {
            match applied {
                Ok(Applied { began, proof }) => {
                    let node = node.clone();
                    self.journal.record(EventKind::Fault {
                        step: Some(index),
                        fault: kind.to_string(),
                        effect: fault::effect(kind),
                        node,
                        began,
                        proof,
                    });
                }
                // What did happen to the other nodes is evidence all the same.
                Err(SystemError::NotDone(NotDone { node, reason, within, log })) => {
                    let within_ms = within.map(|within| u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
                    self.journal.record(EventKind::StepFailed { step: index, node, reason, within_ms, log });
                    outcome = outcome.and(Ok(StepEnd::Failed));
                }
                Err(error) => outcome = outcome.and(Err(error.into())),
            }
        }
        outcome
    }

    async fn settled(&mut self) -> Result<Topology, Abort> {
        let mut found = None;
        let now = self.journal.clock().now();
        let waited =
            wait_for(&mut self.observation, now, SELECTION_BOUND, |observation| match &observation.settlement {
                Settlement::Settled(agreement) => {
                    found = Some(agreement.main().clone());
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

async fn wait_finished(loads: &RunningLoads, load: &str, within: Duration) -> Result<(), String> {
    let mut finished = loads.watch_finished();
    let waited = tokio::time::timeout(within, finished.wait_for(|finished| finished.contains(load))).await;
    match waited {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(format!("load `{load}` ended before it had done its operations")),
        Err(_) => Err(format!("load `{load}` still runs")),
    }
}
