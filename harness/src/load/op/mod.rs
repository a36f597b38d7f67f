//! The operations a mix is made of, one a file: encode, classify the reply. The accepted vocabulary is [`Op`].

mod answer;
mod command;
mod get;
mod set;
mod set_then_get;

use serde::Deserialize;

pub(crate) use answer::{Answer, error_answer, error_kind};
pub(crate) use command::Command;
pub use get::Get;
pub(crate) use get::{classify as classify_get, encode as encode_get};
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

    /// What people call its commands, in their order: each is one operation of the history.
    pub fn command_names(&self) -> &'static [&'static str] {
        match self {
            Self::Set(op) if op.wait.is_some() => &["SET+WAIT"],
            Self::Set(_) => &["SET"],
            Self::Get(_) => &["GET"],
            Self::SetThenGet(_) => &["SET", "GET"],
        }
    }

    /// How many operations the entry is.
    pub fn operations(&self) -> u32 {
        u32::try_from(self.command_names().len()).unwrap_or(u32::MAX)
    }

    /// Whether the entry writes.
    pub fn writes(&self) -> bool {
        self.value_bytes().is_some()
    }

    /// The size of the values that the entry writes, if it writes.
    pub(crate) fn value_bytes(&self) -> Option<u64> {
        match self {
            Self::Set(op) => Some(op.value.bytes),
            Self::Get(_) => None,
            Self::SetThenGet(op) => Some(op.value.bytes),
        }
    }

    /// The commands of the entry for a key, in order: each is one operation of the history. What it writes has this id.
    pub(crate) fn commands(&self, key: u32, value: u64) -> [Option<Command>; 2] {
        match self {
            Self::Set(op) => [Some(op.command(key, value)), None],
            Self::Get(_) => [Some(get::read(key)), None],
            Self::SetThenGet(op) => op.commands(key, value).map(Some),
        }
    }
}

fn one() -> u32 {
    1
}
