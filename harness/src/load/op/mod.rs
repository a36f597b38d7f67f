//! The operations a mix is made of, one a file. The accepted vocabulary is [`Op`].

mod get;
mod set;
mod set_then_get;

use serde::Deserialize;

pub use get::Get;
pub use set::{Set, Wait};
pub use set_then_get::SetThenGet;

/// One entry of a mix.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Op {
    /// Write a key.
    Set(Set),
    /// Read a key.
    Get(Get),
    /// Write a key, then read the same key.
    SetThenGet(SetThenGet),
}

impl Op {
    /// How often the entry is chosen, relative to the others.
    pub fn weight(&self) -> u32 {
        match self {
            Self::Set(op) => op.weight,
            Self::Get(op) => op.weight,
            Self::SetThenGet(op) => op.weight,
        }
    }

    /// Whether the entry writes.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Set(_) | Self::SetThenGet(_))
    }
}

fn one() -> u32 {
    1
}
