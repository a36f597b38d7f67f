//! What is known about each node at a point of the timeline, without running it.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::Step;
use crate::vocab::{NodeName, Selector, Target};

/// Whether a node's process is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Running,
    Paused,
    Down,
}

/// What a step does to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Kill,
    Stop,
    Pause,
    Resume,
    Start,
    Wipe,
}

impl Action {
    /// The action of a step on a target, if it is one.
    pub(super) fn of(step: &Step) -> Option<(Self, &Target)> {
        Some(match step {
            Step::Kill(target) => (Self::Kill, target),
            Step::Stop(target) => (Self::Stop, target),
            Step::Pause(target) => (Self::Pause, target),
            Step::Resume(target) => (Self::Resume, target),
            Step::Start(target) => (Self::Start, target),
            Step::Wipe(target) => (Self::Wipe, target),
            Step::Run { .. } | Step::Join { .. } | Step::Until { .. } => return None,
        })
    }

    /// The states in which a node can be for it. A paused process would handle SIGTERM only once it goes on.
    pub(super) const fn needs(self) -> &'static [Life] {
        match self {
            Self::Kill => &[Life::Running, Life::Paused],
            Self::Stop | Self::Pause => &[Life::Running],
            Self::Resume => &[Life::Paused],
            Self::Start | Self::Wipe => &[Life::Down],
        }
    }

    /// The state it leaves a node in.
    const fn leaves(self) -> Life {
        match self {
            Self::Kill | Self::Stop | Self::Wipe => Life::Down,
            Self::Pause => Life::Paused,
            Self::Resume | Self::Start => Life::Running,
        }
    }

    pub(super) const fn is_fault(self) -> bool {
        matches!(self, Self::Kill | Self::Stop | Self::Pause)
    }

    /// The step's name, the verb, and what was done.
    pub(super) const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Kill => ("Kill", "kill", "killed"),
            Self::Stop => ("Stop", "stop", "stopped"),
            Self::Pause => ("Pause", "pause", "paused"),
            Self::Resume => ("Resume", "resume", "resumed"),
            Self::Start => ("Start", "start", "started"),
            Self::Wipe => ("Wipe", "wipe", "wiped"),
        }
    }
}

/// What is known about a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeState {
    /// None when a selector may have chosen it.
    pub(super) life: Option<Life>,
    /// The step that put it into this state.
    pub(super) since: Option<(usize, Action)>,
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
    /// Whether any node was joined to another shard, perhaps.
    pub(super) joined: bool,
}

impl Lives {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a NodeName>) -> Self {
        let state = NodeState { life: Some(Life::Running), since: None, stranger: Some(false) };
        Self { nodes: names.map(|name| (name.clone(), state)).collect(), ..Self::default() }
    }

    pub(super) fn life(&self, name: &NodeName) -> Option<Life> {
        self.nodes.get(name).and_then(|state| state.life)
    }

    /// Whether it is certain that no node is in that state.
    pub(super) fn none_is(&self, life: Life) -> bool {
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
    pub(super) fn act(&mut self, step: usize, action: Action, name: &NodeName) {
        if action.is_fault() {
            self.faulted.insert(name.clone());
        }
        let Some(state) = self.nodes.get_mut(name) else { return };
        if action == Action::Wipe {
            state.stranger = Some(true);
        }
        if state.life != Some(action.leaves()) {
            *state = NodeState { life: Some(action.leaves()), since: Some((step, action)), ..*state };
        }
    }

    /// A step acted on nodes that a selector chose: what it may have touched is known no longer.
    pub(super) fn act_on_selected(&mut self, step: usize, action: Action, selector: &Selector) {
        self.selected |= action.is_fault();
        let chosen = match selector {
            Selector::Down => Some(Life::Down),
            Selector::Paused => Some(Life::Paused),
            _ => None,
        };
        for state in self.nodes.values_mut() {
            let Some(life) = state.life else {
                if action == Action::Wipe {
                    state.stranger = None;
                }
                continue;
            };
            if chosen == Some(life) {
                let since = (step, action);
                *state = NodeState { life: Some(action.leaves()), since: Some(since), ..*state };
                if action == Action::Wipe {
                    state.stranger = Some(true);
                }
            } else if chosen.is_none() && action.needs().contains(&life) {
                // Wiping leaves a node down whether or not it was chosen.
                state.life = if action == Action::Wipe { Some(Life::Down) } else { None };
                if action == Action::Wipe && state.stranger != Some(true) {
                    state.stranger = None;
                }
            }
        }
    }
}
