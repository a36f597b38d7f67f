//! `GET key`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::answer::read_elements;
use super::{Answer, AttemptOutcome, CommandKind, OpKind, text};
use crate::evidence::{DataType, OperationEffect};
use crate::load::resp::push_command;
use crate::load::value::{ID_BYTES, read_number, read_value};

/// reads a key; `of: Counter` one that `Incr` counts with, `of: Log` one that `Append` appends to
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// What the key holds.
    #[serde(default)]
    pub of: Text,
}

/// What a string may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Text {
    /// What `Set` wrote.
    #[default]
    Value,
    /// A number that is incremented.
    Counter,
    /// What was appended.
    Log,
}

/// `GET`.
pub(super) const READ: CommandKind = CommandKind { name: "GET", effect: OperationEffect::Reads };

impl Get {
    pub(super) const EXAMPLE: &str = "Get()";
}

impl fmt::Display for Get {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.of {
            Text::Value => "GET",
            Text::Counter => "GET of a counter",
            Text::Log => "GET of a log",
        })
    }
}

impl OpKind for Get {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[READ]
    }

    fn data(&self) -> DataType {
        match self.of {
            Text::Value => DataType::Value,
            Text::Counter => DataType::Counter,
            Text::Log => DataType::Log,
        }
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], _: u64) {
        push_command(out, &[b"GET", key]);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        match self.of {
            Text::Value => classify(answer),
            Text::Counter => answer.acknowledges(|reply| text(reply, read_number)),
            Text::Log => {
                answer.acknowledges(|reply| text(reply, |bytes| read_elements(bytes.len().div_ceil(ID_BYTES))))
            }
        }
    }
}

/// What the reply to a read of a value says.
pub(super) fn classify(answer: &Answer<'_>) -> AttemptOutcome {
    answer.acknowledges(|reply| text(reply, read_value))
}
