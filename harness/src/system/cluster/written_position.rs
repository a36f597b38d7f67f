//! A slot as a scenario writes it.

use std::fmt;

use serde::Deserialize;

use super::slot::SLOT_COUNT;
use crate::vocab::Position;

/// Where keys lie, as a scenario writes it: `slot: 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenPosition {
    slot: SlotNumber,
}

impl WrittenPosition {
    /// The name of its field.
    pub const FIELD: &str = "slot";
    /// An example of what its field is.
    pub const EXAMPLE: &str = "0";
    /// What its field may be.
    pub const RANGE: &str = "a slot: a whole number from 0 to 16383";

    /// The position in the numbering that ownership is counted in.
    pub const fn position(self) -> Position {
        self.slot.position()
    }
}

impl fmt::Display for WrittenPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}", self.slot)
    }
}

/// The number of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub struct SlotNumber(u16);

impl SlotNumber {
    /// The position in the numbering that ownership is counted in.
    pub const fn position(self) -> Position {
        Position(self.0)
    }
}

impl fmt::Display for SlotNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u16> for SlotNumber {
    type Error = String;

    fn try_from(number: u16) -> Result<Self, String> {
        if number < SLOT_COUNT {
            Ok(Self(number))
        } else {
            Err(format!("`{number}` is not a slot: slots are 0 to {}", SLOT_COUNT - 1))
        }
    }
}

/// What stands in the parentheses of a selector, as a literal.
macro_rules! written_position_example {
    () => {
        "slot: 0"
    };
}

pub(crate) use written_position_example;
