//! Which keys a load is kept to, as a scenario writes it.

use std::fmt;

use serde::Deserialize;

use super::written_position::SlotNumber;
use crate::system::NodeSpec;
use crate::vocab::{NodeName, OwnedRange, Ownership};

/// Where keys lie, as a scenario writes it: `Shard("A")` or `Slot(0)`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum KeyPlace {
    /// Where this master's keys lie at the start.
    Shard(NodeName),
    /// In one slot.
    Slot(SlotNumber),
}

impl KeyPlace {
    /// What lies there, of what these nodes own at the start; empty for the shard of a node that owns nothing.
    pub fn owns(&self, nodes: &[NodeSpec]) -> Ownership {
        match self {
            Self::Shard(name) => {
                nodes.iter().find(|node| node.name == *name).map(|node| node.owns.clone()).unwrap_or_default()
            }
            Self::Slot(number) => {
                let position = number.position().0;
                [OwnedRange { first: position, last: position }].into_iter().collect()
            }
        }
    }

    /// The master whose keys they are, if it is named.
    pub fn shard(&self) -> Option<&NodeName> {
        if let Self::Shard(name) = self { Some(name) } else { None }
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shard(name) => write!(f, "{name}'s shard"),
            Self::Slot(number) => write!(f, "slot {number}"),
        }
    }
}
