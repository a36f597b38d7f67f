//! `LRANGE key -last -1`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind};
use crate::evidence::{DataType, OperationEffect};
use crate::load::resp::push_command;
use crate::text::{Cursor, Problem};

/// reads the last so many elements of a list
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Lrange {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// How many of the last elements are read: at least 1.
    pub last: u32,
}

impl Lrange {
    pub(super) const EXAMPLE: &str = "Lrange(last: 10)";
}

impl fmt::Display for Lrange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LRANGE of the last {}", self.last)
    }
}

impl OpKind for Lrange {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "LRANGE", effect: OperationEffect::Reads }]
    }

    fn data(&self) -> DataType {
        DataType::List
    }

    fn reads_last(&self) -> Option<u32> {
        Some(self.last)
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        super::many_problems(self.last, "elements are read", at.field("last"))
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], _: u64) {
        push_command(out, &[b"LRANGE", key, format!("-{}", self.last).as_bytes(), b"-1"]);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.elements(1)
    }
}
