//! Where the answers of all nodes come together: judged, written to the journal, and shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;

use super::Observed;
use super::observation::Observation;
use super::synced::synced;
use crate::evidence::{
    Clock, EventKind, Journal, LogRecord, NodeStatus, NodeView, Reach, ReplicationRecord, Settlement, TopologyRecord,
};
use crate::system::{Names, NodeReport, ReplicationProgress, System, Systems};
use crate::vocab::{Instant, NodeId, NodeName};

/// Shared by all tasks of an observer.
pub(super) struct Collector {
    systems: Systems,
    names: RwLock<Names>,
    journal: Journal,
    state: Mutex<State>,
}

struct State {
    systems: Systems,
    status: watch::Receiver<BTreeMap<NodeName, NodeStatus>>,
    reach: watch::Receiver<Reach>,
    /// The status last taken from `status`, and when. Questions from before that are stale.
    known: BTreeMap<NodeName, NodeStatus>,
    /// Which nodes reach each other, as last taken from `reach`.
    links: Reach,
    changed: Instant,
    /// The nodes that run, by `known`.
    running: Vec<NodeName>,
    /// When each running node was asked what it answered last; absent when it has not answered since `changed`.
    asked: BTreeMap<NodeName, Instant>,
    /// When each node was last asked and answered.
    answered: BTreeMap<NodeName, Instant>,
    views: BTreeMap<NodeName, Option<NodeView>>,
    /// The nodes whose views differ from those that `observation` shows.
    changed_views: Vec<NodeName>,
    replication: BTreeMap<NodeName, ReplicationProgress>,
    /// The replicas whose logs say that their data is too old for an election.
    too_old: BTreeSet<NodeName>,
    /// Why a running node did not answer, or why its answer means nothing.
    failures: BTreeMap<NodeName, String>,
    /// What each system was last seen to have settled on, or why it had not.
    settlements: Vec<Settlement>,
    /// Whether something changed that the settlement depends on.
    dirty: bool,
    observation: watch::Sender<Observation>,
}

impl Collector {
    /// A collector that has no view of any node yet.
    pub(super) fn new(
        nodes: &[Observed],
        names: Names,
        systems: Systems,
        status: watch::Receiver<BTreeMap<NodeName, NodeStatus>>,
        reach: watch::Receiver<Reach>,
        journal: Journal,
    ) -> (Self, watch::Receiver<Observation>) {
        let now = journal.clock().now();
        let views: BTreeMap<_, _> = nodes.iter().map(|node| (node.node.clone(), None)).collect();
        let (observation, shown) = watch::channel(Observation {
            at: now,
            asked: now,
            settlement: Settlement::Unsettled("no node has been asked yet".to_owned()),
            views: views.clone(),
            synced: Err("no node has been asked yet".to_owned()),
        });
        let mut state = State {
            systems: systems.clone(),
            status,
            reach,
            known: BTreeMap::new(),
            links: Reach::default(),
            changed: now,
            running: Vec::new(),
            asked: BTreeMap::new(),
            answered: BTreeMap::new(),
            views,
            changed_views: Vec::new(),
            replication: BTreeMap::new(),
            too_old: BTreeSet::new(),
            failures: BTreeMap::new(),
            settlements: Vec::new(),
            dirty: true,
            observation,
        };
        state.take_status(&journal);
        let collector = Self { systems, names: RwLock::new(names), journal, state: Mutex::new(state) };
        (collector, shown)
    }

    /// The run's clock.
    pub(super) fn clock(&self) -> Clock {
        self.journal.clock()
    }

    /// The system that a node is of.
    pub(super) fn system(&self, node: &NodeName) -> &dyn System {
        self.systems.of(node)
    }

    /// Reads something with the names known now.
    pub(super) fn with_names<T>(&self, read: impl FnOnce(&Names) -> T) -> T {
        read(&self.names.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a line of a node's log.
    pub(super) fn log_line(&self, node: &NodeName, line: &[u8]) {
        if let Some((unix_us, says)) = self.with_names(|names| self.system(node).log_line(line, names)) {
            let logged = self.clock().instant_of_unix_us(unix_us);
            if let Some(too_old) = self.system(node).data_too_old(&says) {
                let mut state = self.state();
                state.take_too_old(node, too_old, &self.journal);
                state.publish(&self.journal);
            }
            self.journal.record(EventKind::Log(LogRecord { node: node.clone(), logged, says }));
        }
    }

    /// Notices a change of status now rather than with the next answer.
    pub(super) fn status_changed(&self) {
        let mut state = self.state();
        if state.take_status_if_changed(&self.journal) {
            state.publish(&self.journal);
        }
    }

    /// Takes a node's answer to a question that was asked at `asked`, or why there is none.
    ///
    /// It does not count when the node does not run, or when any node's status changed after the question: a process may have ended
    /// and come back in between, and then the answer is from the one before.
    pub(super) fn answered(&self, node: &NodeName, asked: Instant, answer: Result<&NodeReport, String>) {
        if let Ok(report) = &answer {
            self.learn(node, &report.id);
        }
        let mut state = self.state();
        let changed = state.take_status_if_changed(&self.journal);
        if asked > state.changed && state.known.get(node) == Some(&NodeStatus::Running) {
            state.take_answer(node, asked, answer, &self.journal);
        } else if !changed {
            return;
        }
        state.publish(&self.journal);
    }

    fn learn(&self, node: &NodeName, id: &NodeId) {
        // Nearly always it is known, and the shared lock does.
        if self.with_names(|names| names.is_present(node, &id.0)) {
            return;
        }
        self.names.write().unwrap_or_else(PoisonError::into_inner).learn(node, id);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_status_if_changed(&mut self, journal: &Journal) -> bool {
        let changed = self.status.has_changed().unwrap_or(false) || self.reach.has_changed().unwrap_or(false);
        if changed {
            self.take_status(journal);
        }
        changed
    }

    /// Nodes that do not run lose their view; the others keep theirs, but it has to be confirmed before it counts.
    /// That goes for all of them: a node that was down and is up again between two looks seems unchanged.
    fn take_status(&mut self, journal: &Journal) {
        self.known = self.status.borrow_and_update().clone();
        self.links = self.reach.borrow_and_update().clone();
        self.changed = journal.clock().now();
        self.asked.clear();
        self.failures.clear();
        self.dirty = true;
        let runs = |(node, status): (&NodeName, &NodeStatus)| (*status == NodeStatus::Running).then(|| node.clone());
        self.running = self.known.iter().filter_map(runs).collect();
        let viewing: Vec<_> = self.views.keys().cloned().collect();
        for node in viewing {
            if !self.running.contains(&node) {
                self.replication.remove(&node);
                self.set_view(&node, None, journal);
            }
        }
    }

    fn take_answer(&mut self, node: &NodeName, asked: Instant, answer: Result<&NodeReport, String>, journal: &Journal) {
        if self.asked.insert(node.clone(), asked).is_none() {
            self.dirty = true;
        }
        match answer {
            Ok(report) => {
                let answered_before = self.answered.insert(node.clone(), asked);
                if self.failures.remove(node).is_some() {
                    self.dirty = true;
                }
                if let Some(replication) = &report.replication {
                    let offset = replication.offset;
                    let before = self.replication.insert(node.clone(), replication.clone());
                    if before.as_ref().is_none_or(|before| before.offset != offset) {
                        let at = journal.clock().now();
                        let before = answered_before.filter(|_| before.is_some());
                        journal.record_replication(&ReplicationRecord {
                            asked,
                            at,
                            before,
                            node: node.clone(),
                            offset,
                        });
                    }
                }
                let view = NodeView { data_too_old: self.too_old.contains(node), ..report.view.clone() };
                self.set_view(node, Some(&view), journal);
            }
            Err(failure) => {
                self.replication.remove(node);
                self.set_view(node, None, journal);
                if self.failures.get(node) != Some(&failure) {
                    self.failures.insert(node.clone(), failure);
                    self.dirty = true;
                }
            }
        }
    }

    /// Takes what a replica's log says of its standing for election.
    fn take_too_old(&mut self, node: &NodeName, too_old: bool, journal: &Journal) {
        let changed = if too_old { self.too_old.insert(node.clone()) } else { self.too_old.remove(node) };
        let view = self.views.get(node).cloned().flatten().filter(|_| changed);
        if let Some(view) = view {
            self.set_view(node, Some(&NodeView { data_too_old: too_old, ..view }), journal);
        }
    }

    /// Journals the view if it is another one than before.
    fn set_view(&mut self, node: &NodeName, view: Option<&NodeView>, journal: &Journal) {
        if self.views.get(node).is_some_and(|before| before.as_ref() == view) {
            return;
        }
        self.dirty = true;
        self.views.insert(node.clone(), view.cloned());
        self.changed_views.push(node.clone());
        journal.record_view(&TopologyRecord { at: journal.clock().now(), node: node.clone(), view: view.cloned() });
    }

    /// Judges the views again if anything changed, journals a new judgement, and shows everything at once, so that nobody sees new
    /// views with a judgement of old ones.
    fn publish(&mut self, journal: &Journal) {
        let settlement = std::mem::take(&mut self.dirty).then(|| {
            let settlements = self.settle();
            self.journal_systems(&settlements, journal);
            self.settlements = settlements;
            Settlement::of_all(&self.settlements)
        });
        let oldest = self.running.iter().filter_map(|node| self.asked.get(node)).min().copied();
        let (asked, synced) = match self.unasked() {
            Some(node) => (None, Err(not_asked(node))),
            None => (Some(oldest.unwrap_or(self.changed)), synced(&self.running, &self.views, &self.replication)),
        };
        if let Some(settlement) = &settlement {
            self.journal_settlement(settlement, asked, journal);
        }
        self.observation.send_modify(|observation| {
            for node in self.changed_views.drain(..) {
                let view = self.views.get(&node).cloned().flatten();
                observation.views.insert(node, view);
            }
            observation.at = journal.clock().now();
            observation.asked = match asked {
                // Everybody who runs was asked, whenever that was.
                Some(_) if self.running.is_empty() => Instant(u64::MAX),
                Some(asked) => asked,
                None => observation.asked.min(self.changed),
            };
            observation.synced = synced;
            if let Some(settlement) = settlement {
                observation.settlement = settlement;
            }
        });
    }

    /// Whether each system has settled.
    fn settle(&self) -> Vec<Settlement> {
        let settlements = self.systems.settle(&self.known, &self.links, &self.views);
        settlements.into_iter().enumerate().map(|(system, settlement)| self.counts(system, settlement)).collect()
    }

    /// The settlement of a system if all its running nodes have answered since the last change of status; else why it counts for
    /// nothing.
    fn counts(&self, system: usize, settlement: Settlement) -> Settlement {
        let mut own = self.running.iter().filter(|node| self.systems.index_of(node) == system);
        if let Some(node) = own.clone().find(|node| self.views.get(*node).is_none_or(Option::is_none)) {
            let failure = self.failures.get(node).map_or(String::new(), |failure| format!(": {failure}"));
            return Settlement::Unsettled(format!("{node} does not answer{failure}"));
        }
        match (settlement, own.find(|node| !self.asked.contains_key(*node))) {
            (Settlement::Settled(_), Some(node)) => Settlement::Unsettled(not_asked(node)),
            (settlement, _) => settlement,
        }
    }

    /// Journals which of several systems settled, or agree on something else than before.
    fn journal_systems(&self, now: &[Settlement], journal: &Journal) {
        for (system, settlement) in now.iter().enumerate().filter(|_| now.len() > 1) {
            if matches!(settlement, Settlement::Settled(_)) && self.settlements.get(system) != Some(settlement) {
                journal.record(EventKind::SystemSettled { system });
            }
        }
    }

    /// Journals that the nodes settled, on something else than before, or are settled no longer.
    fn journal_settlement(&self, now: &Settlement, asked: Option<Instant>, journal: &Journal) {
        match (&self.observation.borrow().settlement, now) {
            (Settlement::Settled(before), Settlement::Settled(now)) if before == now => {}
            (_, Settlement::Settled(agreement)) => {
                let asked = asked.unwrap_or(self.changed);
                journal.record(EventKind::Settled { asked, agreement: agreement.clone() });
            }
            (Settlement::Settled(_), Settlement::Unsettled(reason)) => {
                journal.record(EventKind::Unsettled { reason: reason.clone() });
            }
            (Settlement::Unsettled(_), Settlement::Unsettled(_)) => {}
        }
    }

    /// A running node that has not answered since the last change of status.
    fn unasked(&self) -> Option<&NodeName> {
        self.running.iter().find(|node| !self.asked.contains_key(*node))
    }
}

fn not_asked(node: &NodeName) -> String {
    format!("{node} has not been asked since the last process or link changed")
}

#[cfg(test)]
mod tests;
