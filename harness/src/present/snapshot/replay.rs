//! The run divided at its faults, and the topology each part settled on: recomputed from the evidence.

use std::collections::BTreeMap;

use crate::evidence::{
    Agreement, Effect, Event, EventKind, Evidence, NetworkChange, NodeStatus, NodeView, Reach, Settlement,
    TopologyRecord,
};
use crate::system::cluster::settle;
use crate::vocab::{Instant, NodeName};

/// A part of the run: from a step's faults to the next step's, or to the end.
#[derive(Debug)]
pub(super) struct Segment {
    /// The step that asked for the faults; none for formation and for what the harness healed at the end.
    pub(super) step: Option<usize>,
    /// What was done to which nodes, by the names of the kinds; empty for formation.
    pub(super) faults: Vec<(String, NodeName)>,
    /// What was done to links.
    pub(super) network: Vec<NetworkChange>,
    /// The last on which all running nodes agreed, if they ever did after the faults.
    pub(super) settled: Option<Agreement>,
}

impl Segment {
    fn new(step: Option<usize>) -> Self {
        Self { step, faults: Vec::new(), network: Vec::new(), settled: None }
    }
}

/// The run's segments; the first is the formation.
pub(super) fn segments(evidence: &Evidence) -> Vec<Segment> {
    let (segments, mut moments) = divide(evidence);
    moments.extend(evidence.topology.iter().map(|record| Moment {
        at: record.at,
        rank: Rank::View,
        change: Change::View(record),
    }));
    // Stable: what the evidence holds in one order for one instant stays in that order.
    moments.sort_by_key(|moment| (moment.at, moment.rank));
    let mut replay =
        Replay { segments, current: 0, status: BTreeMap::new(), reach: Reach::default(), views: BTreeMap::new() };
    for moment in &moments {
        if !replay.apply(&moment.change) {
            break;
        }
    }
    replay.segments
}

struct Moment<'a> {
    at: Instant,
    rank: Rank,
    change: Change<'a>,
}

/// What comes first of several changes at the same instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Segment,
    Process,
    View,
}

enum Change<'a> {
    Segment(usize),
    Fault(&'a Effect, &'a NodeName),
    Network(&'a NetworkChange),
    Started(&'a NodeName),
    Exited { node: &'a NodeName, expected: bool },
    View(&'a TopologyRecord),
}

/// Faults of one step stand together in the events, whatever their number.
fn divide(evidence: &Evidence) -> (Vec<Segment>, Vec<Moment<'_>>) {
    let mut segments = vec![Segment::new(None)];
    let mut starts: Vec<Instant> = vec![Instant::default()];
    let mut moments = Vec::new();
    for Event { at, kind } in &evidence.events {
        let mut process = |at: Instant, change| moments.push(Moment { at, rank: Rank::Process, change });
        match kind {
            EventKind::NodeStarted { node, .. } => process(*at, Change::Started(node)),
            EventKind::NodeExited { node, expected, .. } => {
                process(*at, Change::Exited { node, expected: *expected });
            }
            // A node is down from the moment the fault began: its exit is recorded later.
            EventKind::Fault { step, fault, effect, node, began, .. } => {
                process(*began, Change::Fault(effect, node));
                segment_of(*step, *began, &mut segments, &mut starts).faults.push((fault.clone(), node.clone()));
            }
            EventKind::Network(change) => {
                process(change.began, Change::Network(change));
                segment_of(change.step, change.began, &mut segments, &mut starts).network.push(change.clone());
            }
            _ => {}
        }
    }
    moments.extend(starts.into_iter().enumerate().skip(1).map(|(index, at)| Moment {
        at,
        rank: Rank::Segment,
        change: Change::Segment(index),
    }));
    (segments, moments)
}

/// The segment of a step's faults, which is made by the first of them.
fn segment_of<'s>(
    step: Option<usize>,
    began: Instant,
    segments: &'s mut Vec<Segment>,
    starts: &mut Vec<Instant>,
) -> &'s mut Segment {
    let continues = segments.len() > 1 && segments.last().is_some_and(|last| last.step == step);
    if continues {
        if let Some(start) = starts.last_mut() {
            *start = (*start).min(began);
        }
    } else {
        segments.push(Segment::new(step));
        starts.push(began);
    }
    let last = segments.len() - 1;
    &mut segments[last]
}

struct Replay {
    segments: Vec<Segment>,
    current: usize,
    status: BTreeMap<NodeName, NodeStatus>,
    reach: Reach,
    views: BTreeMap<NodeName, Option<NodeView>>,
}

impl Replay {
    /// Applies a change and looks whether the cluster is settled; false when the harness begins to shut down.
    fn apply(&mut self, change: &Change<'_>) -> bool {
        match change {
            Change::Segment(index) => {
                self.current = *index;
                return true;
            }
            Change::View(record) => {
                self.views.insert(record.node.clone(), record.view.clone());
            }
            Change::Fault(effect, node) => {
                if let Some(status) = effect.process {
                    self.status.insert((*node).clone(), status);
                }
                self.forget_settled();
            }
            Change::Network(change) => {
                self.reach.apply(change);
                self.forget_settled();
            }
            Change::Started(node) => self.learn(node, NodeStatus::Running),
            Change::Exited { node, expected } => {
                // A node that a fault took down is down already, so any other expected exit means that the run is ending.
                if *expected && self.status.get(*node) != Some(&NodeStatus::Down) {
                    return false;
                }
                self.learn(node, NodeStatus::Down);
            }
        }
        if let (Settlement::Settled(agreement), Some(segment)) =
            (settle(&self.status, &self.reach, &self.views), self.segments.get_mut(self.current))
        {
            segment.settled = Some(agreement);
        }
        true
    }

    fn learn(&mut self, node: &NodeName, status: NodeStatus) {
        if self.status.insert(node.clone(), status) != Some(status) {
            self.forget_settled();
        }
    }

    /// What was settled before a process changed says nothing about what comes after.
    fn forget_settled(&mut self) {
        if let Some(segment) = self.segments.get_mut(self.current) {
            segment.settled = None;
        }
    }
}
