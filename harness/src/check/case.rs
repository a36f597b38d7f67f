//! Everything a check may look at, worked out once.

use std::collections::{BTreeMap, HashMap};

use super::calm::Calm;
use super::machine::Machine;
use super::reach::Reaches;
use super::schedule::Schedule;
use super::takedown::{self, Takedown};
use super::window::{During, Windows};
use crate::evidence::{Evidence, Operation, OperationKind, Outcome};
use crate::load::{Load, Pace};
use crate::plan::Plan;
use crate::vocab::{HostName, Instant, NodeName, Slot};

/// A run to be judged.
pub(crate) struct Case<'a> {
    /// What should have happened.
    pub(crate) plan: &'a Plan,
    /// What happened.
    pub(crate) evidence: &'a Evidence,
    /// When the cluster was calm.
    pub(crate) calm: Calm,
    /// What the machine took.
    pub(crate) machine: Machine<'a>,
    /// The parts of the run.
    pub(crate) windows: Windows,
    /// Every time a master that owned slots was taken down, in order.
    pub(crate) takedowns: Vec<Takedown>,
    /// Who could reach whom.
    pub(crate) reaches: Reaches,
    /// Each worker's operations, in the order it did them.
    pub(crate) workers: BTreeMap<Worker, Vec<&'a Operation>>,
    /// What each key of the history hashes to.
    pub(crate) slots: KeySlots,
}

impl<'a> Case<'a> {
    /// Works out what several checks need.
    pub(crate) fn new(plan: &'a Plan, evidence: &'a Evidence) -> Self {
        let calm = Calm::of(evidence);
        let workers = by_worker(evidence);
        let windows = Windows::with_calm(plan, evidence, &calm, &workers);
        let slots = KeySlots::of(&plan.loads, &evidence.history);
        let takedowns = takedown::find(plan, evidence, &slots);
        let (machine, reaches) = (Machine::of(evidence), Reaches::of(evidence));
        Self { plan, evidence, calm, machine, windows, takedowns, reaches, workers, slots }
    }

    /// The clients' operations; the harness' own final read is none of them.
    pub(crate) fn client_operations(&self) -> impl Iterator<Item = &'a Operation> {
        self.evidence.history.iter().filter(|operation| operation.kind != OperationKind::FinalRead)
    }

    /// The clients' operations that belong to a part of the run.
    pub(crate) fn operations_during(&self, during: During) -> impl Iterator<Item = &'a Operation> {
        self.client_operations().filter(move |operation| self.windows.has(during, operation))
    }

    /// The name of the node at an index of the plan.
    pub(crate) fn node_name(&self, index: Option<u16>) -> Option<&'a NodeName> {
        self.plan.nodes.get(usize::from(index?)).map(|node| &node.name)
    }

    /// The host that an operation's client is on.
    pub(crate) fn client_host(&self, operation: &Operation) -> Option<HostName> {
        self.plan.loads.get(usize::from(operation.load)).map(Load::host)
    }

    /// Whether an operation's client and a node had a connection at a moment.
    pub(crate) fn could_ask(&self, operation: &Operation, node: &NodeName, at: Instant) -> bool {
        let host = self.client_host(operation);
        host.is_some_and(|host| self.reaches.at(at).connected(&host, &HostName::from(node)))
    }

    /// The writes to a failed master's slots by clients that were on its side when they learned the outcome, or still waited,
    /// between the fault and its return.
    pub(crate) fn writes_on_the_side_of<'t>(
        &'t self,
        takedown: &'t Takedown,
    ) -> impl Iterator<Item = &'a Operation> + 't {
        let end = takedown.end();
        self.client_operations().filter(move |write| {
            write.kind.writes()
                && write.ended >= takedown.began
                && write.intended < end
                && self.slots.of_operation(write).is_some_and(|slot| takedown.slots.contains(slot))
                && self.could_ask(write, &takedown.failed, write.ended.min(Instant(end.0.saturating_sub(1))))
        })
    }

    /// The writes that a failed master acknowledged between the fault and its return, to clients on its side.
    pub(crate) fn acknowledged_after<'t>(&'t self, takedown: &'t Takedown) -> impl Iterator<Item = &'a Operation> + 't {
        self.writes_on_the_side_of(takedown).filter(|write| {
            write.outcome == Outcome::Ok
                && write.ended < takedown.end()
                && self.node_name(write.node) == Some(&takedown.failed)
        })
    }

    /// The key as it is in the server, such as `app:17`.
    pub(crate) fn key_text(&self, operation: &Operation) -> String {
        match self.plan.loads.get(usize::from(operation.load)) {
            Some(load) => format!("{}{}", load.key_prefix(), operation.key),
            None => operation.key.to_string(),
        }
    }

    /// What a load was meant to do; none if it is closed or did nothing.
    pub(crate) fn schedule(&self, index: usize) -> Option<Schedule> {
        Schedule::of(self.evidence, self.plan.loads.get(index)?, self.workers_of(index))
    }

    /// The workers of a load, each with its operations.
    pub(crate) fn workers_of(&self, index: usize) -> impl Iterator<Item = (&Worker, &Vec<&'a Operation>)> {
        self.workers.iter().filter(move |((load, _), _)| usize::from(*load) == index)
    }

    /// Whether no load has a schedule, so that an operation that was late in starting is not seen to be late.
    pub(crate) fn all_closed(&self) -> bool {
        self.plan.loads.iter().all(|load| load.pace == Pace::Closed)
    }
}

/// The slot of every key of the history, worked out once: hashing a key for each operation again would dominate judging.
/// A key that nobody used costs nothing.
pub(crate) struct KeySlots(HashMap<(u16, u32), Slot>);

impl KeySlots {
    fn of(loads: &[Load], history: &[Operation]) -> Self {
        let mut slots = HashMap::new();
        for operation in history {
            let Some(load) = loads.get(usize::from(operation.load)) else { continue };
            if operation.key <= load.keys.count() {
                let hash = || Slot::of_key(format!("{}{}", load.key_prefix(), operation.key).as_bytes());
                slots.entry((operation.load, operation.key)).or_insert_with(hash);
            }
        }
        Self(slots)
    }

    /// The slot an operation's key is in; none if the plan has no such load or key.
    pub(crate) fn of_operation(&self, operation: &Operation) -> Option<Slot> {
        self.0.get(&(operation.load, operation.key)).copied()
    }
}

/// A worker: its load's index and its own.
pub(crate) type Worker = (u16, u16);

/// Each worker's operations, in the order it did them.
pub(crate) fn by_worker(evidence: &Evidence) -> BTreeMap<Worker, Vec<&Operation>> {
    let mut workers: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for operation in evidence.history.iter().filter(|operation| operation.kind != OperationKind::FinalRead) {
        workers.entry((operation.load, operation.worker)).or_default().push(operation);
    }
    workers
}
