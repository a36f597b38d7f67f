//! What a step does to a node, whatever its kind: known of the kind before the run, and recorded with the event.

use serde::{Deserialize, Serialize};

use super::NodeStatus;

/// What a step does to the nodes that it acts on. What happened is read from this, never from the kind's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Effect {
    /// The state that the node's process is in from then on; none: the one it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<NodeStatus>,
    /// For how long the process runs and answers nobody, in milliseconds; none: it goes on answering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent_for_ms: Option<u64>,
    /// What becomes of the node's data.
    #[serde(skip_serializing_if = "is_default")]
    pub data: DataEffect,
    /// What becomes of its membership.
    #[serde(skip_serializing_if = "is_default")]
    pub membership: MembershipEffect,
    /// Whether it makes something worse (a fault), and is not the end of a fault or a plain command.
    #[serde(skip_serializing_if = "is_default")]
    pub harms: bool,
}

/// What becomes of a node's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataEffect {
    /// It stays.
    #[default]
    Kept,
    /// What was synchronised stays, what was not is gone.
    Synced,
    /// A file is not as the node left it.
    Damaged,
    /// It becomes what another node has.
    Replaced,
    /// It is gone, and what the node knew of the others with it.
    Emptied,
}

/// What becomes of a node's membership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MembershipEffect {
    /// It stays what it was.
    #[default]
    Kept,
    /// The node will wake up as one that the others do not know.
    Lost,
    /// The others know it from then on.
    Gained,
}

impl Effect {
    /// A fault that leaves the process in this state.
    pub const fn fault(process: NodeStatus) -> Self {
        Self { process: Some(process), harms: true, ..Self::NONE }
    }

    /// The end of a fault: the process runs again.
    pub const fn brings_back() -> Self {
        Self { process: Some(NodeStatus::Running), ..Self::NONE }
    }

    /// Nothing that others would have to know.
    pub const NONE: Self = Self {
        process: None,
        silent_for_ms: None,
        data: DataEffect::Kept,
        membership: MembershipEffect::Kept,
        harms: false,
    };

    /// Whether it leaves the node as it was, as far as the kind of step tells: a command, or room freed on a disk.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Whether the node cannot serve from this moment on: its process ends or stands still.
    pub fn takes_down(&self) -> bool {
        self.process.is_some_and(|process| process != NodeStatus::Running) || self.silent_for_ms.is_some()
    }

    /// Whether a node that was down or stood still serves again.
    pub fn is_return(&self) -> bool {
        self.process == Some(NodeStatus::Running)
    }

    /// Whether connections stay open while nobody answers on them, so that a client waits for its whole timeout.
    pub fn silences(&self) -> bool {
        self.process == Some(NodeStatus::Paused) || self.silent_for_ms.is_some()
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
