//! What is known about each node at a point of the timeline, without running it.

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::{FaultKind, NodeStatus};
use crate::fault::{self, Demand};
use crate::scenario::Step;
use crate::vocab::{NodeName, Selector, Target};

use super::types::{DisturbanceNames, Plan};

/// The fault of a step on a target, if it is one. What a fault requires and leaves is the fault room's to say.
pub(super) fn fault_of(step: &Step) -> Option<(FaultKind, &Target)> {
    Some(match step {
        Step::Kill(target) => (FaultKind::Kill, target),
        Step::Stop(target) => (FaultKind::Stop, target),
        Step::Pause(target) => (FaultKind::Pause, target),
        Step::Resume(target) => (FaultKind::Resume, target),
        Step::Start(target) => (FaultKind::Start, target),
        Step::Wipe(target) => (FaultKind::Wipe, target),
        Step::Run { .. }
        | Step::Join { .. }
        | Step::Partition(_)
        | Step::Shape(_)
        | Step::Heal { .. }
        | Step::Until { .. } => return None,
    })
}

impl Plan {
    /// What a step demands of the servers that it acts on, of whichever may take longest; none if nothing.
    pub fn demand(&self, step: usize) -> Option<Demand> {
        let kind = match &self.steps.get(step)?.step {
            Step::Join { .. } => FaultKind::Join,
            step => fault_of(step)?.0,
        };
        self.nodes.iter().filter_map(|node| fault::demand(kind, node)).max_by_key(|demand| demand.within)
    }
}

/// The step's name, the verb, and what was done.
pub(super) const fn words(kind: FaultKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        FaultKind::Kill => ("Kill", "kill", "killed"),
        FaultKind::Stop => ("Stop", "stop", "stopped"),
        FaultKind::Pause => ("Pause", "pause", "paused"),
        FaultKind::Resume => ("Resume", "resume", "resumed"),
        FaultKind::Start => ("Start", "start", "started"),
        FaultKind::Wipe => ("Wipe", "wipe", "wiped"),
        FaultKind::Join => ("Join", "join", "joined"),
    }
}

/// What is known about a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeState {
    /// None when a selector may have chosen it.
    pub(super) life: Option<NodeStatus>,
    /// The step that put it into this state.
    pub(super) since: Option<(usize, FaultKind)>,
    /// Whether it was wiped and not joined since; none when a selector may have.
    pub(super) stranger: Option<bool>,
}

/// What is known about the cluster.
#[derive(Debug, Default)]
pub(super) struct Lives {
    pub(super) nodes: BTreeMap<NodeName, NodeState>,
    /// Nodes that a fault was done to by name.
    pub(super) faulted: BTreeSet<NodeName>,
    /// Whether a fault was done to nodes that a selector chose.
    pub(super) selected: bool,
    /// Whether links were cut or shaped: nodes may have lost sight of each other.
    pub(super) disturbed: bool,
    /// Names partitions and shapes as they come.
    pub(super) disturbance_names: DisturbanceNames,
    /// The partitions and shapes that are in force, with the steps that made them.
    pub(super) disturbances: Vec<(String, usize)>,
    /// Those that were healed, with the steps that healed them.
    pub(super) healed: Vec<(String, usize)>,
    /// Whether any node was joined to another shard, perhaps.
    pub(super) joined: bool,
}

impl Lives {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a NodeName>) -> Self {
        let state = NodeState { life: Some(NodeStatus::Running), since: None, stranger: Some(false) };
        Self { nodes: names.map(|name| (name.clone(), state)).collect(), ..Self::default() }
    }

    /// Whether nothing happened so far that a cluster could mind.
    pub(super) fn is_untouched(&self) -> bool {
        self.faulted.is_empty() && !self.selected && !self.disturbed
    }

    pub(super) fn life(&self, name: &NodeName) -> Option<NodeStatus> {
        self.nodes.get(name).and_then(|state| state.life)
    }

    /// Whether it is certain that no node is in that state.
    pub(super) fn none_is(&self, life: NodeStatus) -> bool {
        self.nodes.values().all(|state| state.life.is_some_and(|known| known != life))
    }

    /// Nothing is certain any more.
    pub(super) fn forget(&mut self) {
        self.selected = true;
        self.joined = true;
        for state in self.nodes.values_mut() {
            *state = NodeState { life: None, since: None, stranger: None };
        }
    }

    /// A step acted on a node by name.
    pub(super) fn act(&mut self, step: usize, action: FaultKind, name: &NodeName) {
        if action.takes_down() {
            self.faulted.insert(name.clone());
        }
        let Some(state) = self.nodes.get_mut(name) else { return };
        if action == FaultKind::Wipe {
            state.stranger = Some(true);
        }
        if let Some(left) = fault::leaves(action)
            && state.life != Some(left)
        {
            *state = NodeState { life: Some(left), since: Some((step, action)), ..*state };
        }
    }

    /// A step acted on nodes that a selector chose: what it may have touched is known no longer.
    pub(super) fn act_on_selected(&mut self, step: usize, action: FaultKind, selector: &Selector) {
        self.selected |= action.takes_down();
        let chosen = match selector {
            Selector::Down => Some(NodeStatus::Down),
            Selector::Paused => Some(NodeStatus::Paused),
            _ => None,
        };
        for state in self.nodes.values_mut() {
            let Some(life) = state.life else {
                if action == FaultKind::Wipe {
                    state.stranger = None;
                }
                continue;
            };
            if chosen == Some(life) {
                let since = (step, action);
                *state = NodeState { life: fault::leaves(action).or(Some(life)), since: Some(since), ..*state };
                if action == FaultKind::Wipe {
                    state.stranger = Some(true);
                }
            } else if chosen.is_none() && fault::requires(action).contains(&life) {
                // Wiping leaves a node down whether or not it was chosen.
                state.life = if action == FaultKind::Wipe { Some(NodeStatus::Down) } else { None };
                if action == FaultKind::Wipe && state.stranger != Some(true) {
                    state.stranger = None;
                }
            }
        }
    }
}
