//! What is known about each node at a point of the timeline, without running it. It follows from the effects of the steps
//! before, whatever their kinds.

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::{Effect, MembershipEffect, NodeStatus};
use crate::text::Cursor;
use crate::vocab::NodeName;

/// What a step does to a node, as a part of sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verb {
    /// What stands between "cannot" and the node's name: `kill`, `fill the disk of`.
    pub present: &'static str,
    /// What stands after the node's name and "was": `killed`, `left without disk space`.
    pub past: &'static str,
}

/// What a step does to nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// The step's name: `Kill`.
    pub name: &'static str,
    /// The same in sentences.
    pub verb: Verb,
    /// The statuses one of which a node must have.
    pub requires: &'static [NodeStatus],
    /// What it does.
    pub effect: Effect,
}

/// What is known about a node.
#[derive(Clone, Copy, Debug)]
pub struct NodeState<'a> {
    /// Its process; none when a selector may have chosen it.
    pub status: Option<NodeStatus>,
    /// The step that put it into this state, and what that did to it.
    pub since: Option<(Cursor<'a>, Verb)>,
    /// Whether the others know it; none when a selector may have chosen it.
    pub is_member: Option<bool>,
}

/// What is known about the nodes and the links between them.
#[derive(Debug, Default)]
pub struct Foreseen<'a> {
    /// Each node.
    pub nodes: BTreeMap<NodeName, NodeState<'a>>,
    /// The nodes that must be introduced to the others again once they were emptied.
    has_membership: BTreeSet<NodeName>,
    /// Nodes that a fault was done to by name.
    pub faulted: BTreeSet<NodeName>,
    /// Whether a fault was done to nodes that a selector chose.
    pub selected: bool,
    /// Whether links were cut or shaped: nodes may have lost sight of each other.
    pub disturbed: bool,
    /// Names partitions and shapes as they come.
    pub disturbance_names: DisturbanceNames,
    /// Partitions and shapes in force, each with the step that made it.
    pub disturbances: Vec<(String, Cursor<'a>)>,
    /// Those that were healed, each with the step that healed it.
    pub healed: Vec<(String, Cursor<'a>)>,
    /// Whether any node may belong to another shard than at the start.
    pub moved: bool,
    /// The loads that steps began or stopped.
    pub loads: BTreeMap<String, LoadState<'a>>,
}

/// What a step did to a load.
#[derive(Clone, Copy, Debug)]
pub enum LoadState<'a> {
    /// The step at this place began it.
    Begun(Cursor<'a>),
    /// The step at this place stopped it.
    Ended(Cursor<'a>),
}

/// Names partitions and shapes in the order of the timeline.
#[derive(Clone, Debug, Default)]
pub struct DisturbanceNames(BTreeMap<&'static str, usize>);

impl DisturbanceNames {
    /// The name of the next one of a kind: as written, or `partition-1`, `shape-2`, ...
    pub fn next(&mut self, kind: &'static str, written: Option<&String>) -> String {
        let count = self.0.entry(kind).or_default();
        *count += 1;
        written.cloned().unwrap_or_else(|| format!("{kind}-{count}"))
    }
}

impl<'a> Foreseen<'a> {
    /// All nodes run and know each other; with each is said whether it must be introduced to the others again once it was emptied.
    pub fn new<'n>(names: impl Iterator<Item = (&'n NodeName, bool)> + Clone) -> Self {
        let state = NodeState { status: Some(NodeStatus::Running), since: None, is_member: Some(true) };
        let has_membership = names.clone().filter(|(_, has)| *has).map(|(name, _)| name.clone()).collect();
        Self { nodes: names.map(|(name, _)| (name.clone(), state)).collect(), has_membership, ..Self::default() }
    }

    /// Whether nothing happened so far that a cluster could mind.
    pub fn is_untouched(&self) -> bool {
        self.faulted.is_empty() && !self.selected && !self.disturbed
    }

    /// A node's status, if it is certain.
    pub fn status(&self, name: &NodeName) -> Option<NodeStatus> {
        self.nodes.get(name).and_then(|state| state.status)
    }

    /// Whether the other nodes know this one, if that is certain.
    pub fn is_member(&self, name: &NodeName) -> Option<bool> {
        self.nodes.get(name).and_then(|state| state.is_member)
    }

    /// Whether it is certain that no node has that status.
    pub fn none_is(&self, status: NodeStatus) -> bool {
        self.nodes.values().all(|state| state.status.is_some_and(|known| known != status))
    }

    /// Nothing is certain any more.
    pub fn forget(&mut self) {
        self.selected = true;
        self.moved = true;
        for state in self.nodes.values_mut() {
            *state = NodeState { status: None, since: None, is_member: None };
        }
    }

    /// A step acted on a node by name.
    pub fn act(&mut self, step: Cursor<'a>, action: Action, name: &NodeName) {
        let effect = action.effect;
        if effect.takes_down() {
            self.faulted.insert(name.clone());
        }
        let membership = self.membership_after(effect, name);
        let Some(state) = self.nodes.get_mut(name) else { return };
        state.is_member = membership.or(state.is_member);
        // One that had the wrong status was reported; what follows assumes that it had the right one.
        let had = state.status.filter(|status| action.requires.contains(status)).or(action.requires.first().copied());
        let left = effect.process.or(had);
        if state.status != left && (state.status.is_some() || effect.process.is_some()) {
            *state = NodeState { status: left, since: Some((step, action.verb)), ..*state };
        }
    }

    fn membership_after(&self, effect: Effect, node: &NodeName) -> Option<bool> {
        match effect.membership {
            MembershipEffect::Lost if self.has_membership.contains(node) => Some(false),
            MembershipEffect::Gained => Some(true),
            MembershipEffect::Kept | MembershipEffect::Lost => None,
        }
    }

    /// A step acted on nodes that a selector chose: every node of the status `chosen`, or nodes that nobody knows before the run.
    /// What it may have touched is no longer certain.
    pub fn act_on_selected(&mut self, step: Cursor<'a>, action: Action, chosen: Option<NodeStatus>) {
        let effect = action.effect;
        self.selected |= effect.takes_down();
        let memberships: Vec<_> = self.nodes.keys().map(|node| self.membership_after(effect, node)).collect();
        for (state, membership) in self.nodes.values_mut().zip(memberships) {
            match state.status {
                Some(status) if chosen == Some(status) => {
                    let left = effect.process.unwrap_or(status);
                    let is_member = membership.or(state.is_member);
                    *state = NodeState { status: Some(left), since: Some((step, action.verb)), is_member };
                }
                Some(status) if chosen.is_none() && action.requires.contains(&status) => {
                    // What leaves the process as it was leaves it so whether or not the node was chosen.
                    state.status = if effect.process.is_some() { None } else { state.status };
                    state.forget_membership(membership);
                }
                None => state.forget_membership(membership),
                Some(_) => {}
            }
        }
    }
}

impl NodeState<'_> {
    /// The membership may have become another one, or may not.
    fn forget_membership(&mut self, after: Option<bool>) {
        if after.is_some() && self.is_member != after {
            self.is_member = None;
        }
    }
}
