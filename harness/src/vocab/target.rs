//! What a step acts on: a node by name, or nodes chosen when the step begins.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{NodeName, Position};

/// What a step acts on. Exactly one of the two fields is written: `node: "A"` or `select: MasterOf(slot: 0)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// A node by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// Nodes chosen from the topology when the step begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Selector>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.node, &self.select) {
            (Some(node), _) => node.fmt(f),
            (None, Some(selector)) => selector.fmt(f),
            (None, None) => f.write_str("nothing"),
        }
    }
}

/// A hash slot as a scenario writes it, 0 to 16383.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Slot(u16);

impl Slot {
    const COUNT: u16 = 16_384;

    /// Where it lies in the numbering that ownership is counted in.
    pub const fn position(self) -> Position {
        Position(self.0)
    }
}

impl TryFrom<u16> for Slot {
    type Error = String;

    fn try_from(number: u16) -> Result<Self, String> {
        if number < Self::COUNT {
            Ok(Self(number))
        } else {
            Err(format!("`{number}` is not a slot: slots are 0 to {}", Self::COUNT - 1))
        }
    }
}

impl From<Slot> for u16 {
    fn from(slot: Slot) -> Self {
        slot.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Nodes chosen from the settled topology when a step begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Selector {
    /// The master that owns a slot.
    MasterOf {
        /// The slot.
        slot: Slot,
    },
    /// The replicas of the master that owns a slot.
    ReplicasOf {
        /// The slot.
        slot: Slot,
    },
    /// Every running master that owns slots.
    Masters,
    /// Every running replica.
    Replicas,
    /// As few slot-owning masters, in the order of their names, as are a majority of them.
    MajorityOfMasters,
    /// As many slot-owning masters, in the order of their names, as are not a majority of them.
    MinorityOfMasters,
    /// One running master, drawn from the run's seed.
    RandomMaster,
    /// One running replica, drawn from the run's seed.
    RandomReplica,
    /// Every node that is not running.
    Down,
    /// Every node that is paused.
    Paused,
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MasterOf { slot } => write!(f, "the master of slot {slot}"),
            Self::ReplicasOf { slot } => write!(f, "the replicas of slot {slot}"),
            Self::Masters => f.write_str("every master"),
            Self::Replicas => f.write_str("every replica"),
            Self::MajorityOfMasters => f.write_str("a majority of the masters"),
            Self::MinorityOfMasters => f.write_str("a minority of the masters"),
            Self::RandomMaster => f.write_str("a random master"),
            Self::RandomReplica => f.write_str("a random replica"),
            Self::Down => f.write_str("every node that is down"),
            Self::Paused => f.write_str("every paused node"),
        }
    }
}
