//! The operations that a mix is made of, one a file. The list below is the only one that names them.

mod answer;
mod command;

use std::fmt;

use crate::evidence::{OperationEffect, Value};
use crate::load::ValueSize;
use crate::load::resp::Reply;
use crate::text::kinds;

pub use answer::AttemptOutcome;
pub(crate) use answer::{error_kind, error_outcome};
pub(crate) use command::MixCommand;

kinds! {
    /// One entry of a mix.
    #[derive(Eq)]
    pub enum Op: OpKind {
        get::Get,
        set::Set,
        set_then_get::SetThenGet,
    }
}

pub(crate) use get::{classify as classify_get, encode as encode_get};
pub use set::Wait;
pub(crate) use set::{classify as classify_set, encode as encode_set};

/// What an entry of a mix says and does. It is displayed as the plan explains it, such as `SET of 16 B`.
pub trait OpKind: fmt::Display {
    /// How often it is chosen, relative to the mix's other entries.
    fn weight(&self) -> u32;

    /// The commands that it is made of, in order: each is one operation of the history. At least one, at most 256.
    fn commands(&self) -> &'static [CommandKind];

    /// The size of the values that it writes; none if it writes none.
    fn value(&self) -> Option<&ValueSize> {
        None
    }

    /// What a write waits for before it counts as acknowledged.
    fn wait(&self) -> Option<Wait> {
        None
    }

    /// Adds the command at `position` in [`Self::commands`] to a request, with the key and the value's id.
    fn encode(&self, position: usize, out: &mut Vec<u8>, key: &[u8], id: u64);

    /// How many replies the command at `position` gets.
    fn replies(&self, _position: usize) -> usize {
        1
    }

    /// What is known of the command at `position` after the reply number `nth` (from 0), when `before` was known before it.
    /// `written` is the value that the command writes.
    fn classify(
        &self,
        position: usize,
        nth: usize,
        reply: &Reply<'_>,
        written: Value,
        before: AttemptOutcome,
    ) -> AttemptOutcome;
}

/// What is known of a command before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandKind {
    /// What people call it.
    pub name: &'static str,
    /// What it does to its key.
    pub effect: OperationEffect,
}

impl Op {
    /// How often the entry is chosen, relative to the others.
    pub fn weight(&self) -> u32 {
        self.kind().weight()
    }

    /// How many operations of the history the entry is.
    pub fn operations(&self) -> u32 {
        u32::try_from(self.kind().commands().len()).unwrap_or(u32::MAX)
    }

    /// Whether the entry writes.
    pub fn writes(&self) -> bool {
        self.kind().commands().iter().any(|command| command.effect == OperationEffect::WritesUnique)
    }

    /// The size of the largest value that the entry writes, in bytes, if it writes any.
    pub(crate) fn value_bytes_max(&self) -> Option<u64> {
        self.kind().value().map(ValueSize::bytes_max)
    }
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::testing::load;

    #[test]
    fn every_kind_is_written_as_its_example() {
        for example in Op::WORDS.iter().map(|word| word.example) {
            let mix = load("app", &format!("mix: [{example}], keys: Uniform(1)")).mix;
            let commands = mix[0].kind().commands();
            assert_eq!((mix.len(), mix[0].weight()), (1, 1), "{example}");
            assert!((1..=256).contains(&commands.len()), "{example}");
            assert_eq!(mix[0].value_bytes_max().is_some(), mix[0].writes(), "{example}");
        }
    }
}
