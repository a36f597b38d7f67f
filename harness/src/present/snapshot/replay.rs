//! The run divided at the steps that acted, and the topology each part settled on, as the observer recorded it.

use std::collections::BTreeMap;

use crate::evidence::{
    Agreement, Effect, Event, EventKind, Evidence, ExitCause, LinkChange, NetworkChange, NodeStatus, Side,
};
use crate::vocab::{Instant, NodeName};

/// A part of the run: from what a step did to what the next one did, or to the end.
#[derive(Debug)]
pub(super) struct Segment {
    /// The step; none for formation and for what the harness undid at the end.
    pub(super) step: Option<usize>,
    /// What was done to which nodes, by the names of the kinds; empty for formation.
    pub(super) actions: Vec<(String, NodeName)>,
    /// What was done to links.
    pub(super) network: Vec<NetworkChange>,
    /// The last on which all running nodes agreed, if they ever did after it.
    pub(super) settled: Option<Agreement>,
}

impl Segment {
    fn new(step: Option<usize>) -> Self {
        Self { step, actions: Vec::new(), network: Vec::new(), settled: None }
    }
}

/// The run's segments; the first is the formation.
pub(super) fn segments(evidence: &Evidence) -> Vec<Segment> {
    let (segments, mut moments) = divide(evidence);
    // Stable: what the evidence holds in one order for one instant stays in that order.
    moments.sort_by_key(|moment| (moment.at, moment.rank));
    let mut replay =
        Replay { segments, current: 0, status: BTreeMap::new(), changed: Instant::default(), in_force: None };
    for Moment { at, change, .. } in &moments {
        if !replay.apply(*at, change) {
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
    Settlement,
}

enum Change<'a> {
    Segment(usize),
    Node(&'a Effect, &'a NodeName),
    Network(&'a NetworkChange),
    Started(&'a NodeName),
    Exited { node: &'a NodeName, expected: bool, refused: bool },
    Settled { asked: Instant, agreement: &'a Agreement },
    Unsettled,
}

/// What one step did stands together in the events, whatever their number.
fn divide(evidence: &Evidence) -> (Vec<Segment>, Vec<Moment<'_>>) {
    let mut segments = vec![Segment::new(None)];
    let mut starts: Vec<Instant> = vec![Instant::default()];
    let mut moments = Vec::new();
    for Event { at, kind } in &evidence.events {
        let mut add = |at: Instant, rank, change| moments.push(Moment { at, rank, change });
        match kind {
            EventKind::NodeStarted { node, .. } => add(*at, Rank::Process, Change::Started(node)),
            EventKind::NodeExited { node, cause, expected } => {
                let refused = matches!(cause, ExitCause::Code(code) if *code != 0);
                add(*at, Rank::Process, Change::Exited { node, expected: *expected, refused });
            }
            EventKind::Settled { asked, agreement } => {
                add(*at, Rank::Settlement, Change::Settled { asked: *asked, agreement });
            }
            EventKind::Unsettled { .. } => add(*at, Rank::Settlement, Change::Unsettled),
            // A node is down from the moment the step acted: its exit is recorded later.
            EventKind::ActedOnNode { step, action, effect, node, began, .. } => {
                add(*began, Rank::Process, Change::Node(effect, node));
                segment_of(*step, *began, &mut segments, &mut starts).actions.push((action.clone(), node.clone()));
            }
            EventKind::Network(change) => {
                add(change.began, Rank::Process, Change::Network(change));
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

/// The segment of a step, which is made by the first thing that it did.
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
    /// When a process or a cut changed last. An agreement counts if all nodes were asked since then.
    changed: Instant,
    /// What all running nodes agree on now, if they do.
    in_force: Option<Agreement>,
}

impl Replay {
    /// Applies a change; false when the harness begins to shut down.
    fn apply(&mut self, at: Instant, change: &Change<'_>) -> bool {
        match *change {
            Change::Segment(index) => self.current = index,
            Change::Settled { asked, agreement } if asked >= self.changed => {
                self.in_force = Some(agreement.clone());
                self.keep_agreement();
            }
            Change::Settled { .. } => {}
            Change::Unsettled => self.in_force = None,
            Change::Node(effect, node) => {
                if let Some(status) = effect.process {
                    self.learn(at, node, status);
                }
                self.keep_agreement();
            }
            Change::Network(change) => {
                match change.change {
                    LinkChange::Cut(_) | LinkChange::CutPort(_) | LinkChange::HealCut => {
                        self.forget_agreement(change.done);
                    }
                    LinkChange::Shape(_) | LinkChange::HealShape => {}
                }
                self.keep_agreement();
            }
            Change::Started(node) => self.learn(at, node, NodeStatus::Running),
            Change::Exited { node, expected, refused } => {
                // A node that a fault took down is down already, so any other expected exit means that the run is ending, unless
                // the server was to refuse its files.
                if expected && !refused && self.status.get(node) != Some(&NodeStatus::Down) {
                    return false;
                }
                self.learn(at, node, NodeStatus::Down);
            }
        }
        true
    }

    fn learn(&mut self, at: Instant, node: &NodeName, status: NodeStatus) {
        if self.status.insert(node.clone(), status) != Some(status) {
            let unconcerned = self.in_force.take().filter(|_| status != NodeStatus::Running);
            self.forget_agreement(at);
            self.in_force = unconcerned.and_then(|agreement| without(agreement, node));
            self.keep_agreement();
        }
    }

    /// The segment has settled on what is in force. A fault that changes neither processes nor cuts, such as a wiped disk, leaves
    /// the agreement before it in force: the nodes are not asked again because of it.
    fn keep_agreement(&mut self) {
        if let (Some(agreement), Some(segment)) = (&self.in_force, self.segments.get_mut(self.current)) {
            segment.settled = Some(agreement.clone());
        }
    }

    /// What was agreed before a process or a cut changed says nothing about what comes after.
    fn forget_agreement(&mut self, at: Instant) {
        (self.changed, self.in_force) = (at, None);
        if let Some(segment) = self.segments.get_mut(self.current) {
            segment.settled = None;
        }
    }
}

/// What is still agreed when a node goes that all others held for failed already, such as one that was cut off; none if any of
/// them still counted on it.
fn without(mut agreement: Agreement, node: &NodeName) -> Option<Agreement> {
    let systems = agreement.systems().count();
    for side in &mut agreement.sides {
        side.members.remove(node);
    }
    agreement.sides.retain(|side| !side.members.is_empty());
    let is_failed = |side: &Side| side.topology.nodes.get(node).is_none_or(|place| place.failed);
    (agreement.systems().count() == systems && agreement.sides.iter().all(is_failed)).then_some(agreement)
}
