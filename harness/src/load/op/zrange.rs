//! `ZRANGE key -last -1`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind};
use crate::evidence::{DataType, OperationEffect};
use crate::load::resp::push_command;
use crate::text::{Cursor, Problem};

/// reads the members with the so many highest scores of a sorted set
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Zrange {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// How many of the last elements are read: at least 1.
    pub last: u32,
}

impl Zrange {
    pub(super) const EXAMPLE: &str = "Zrange(last: 10)";
}

impl fmt::Display for Zrange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ZRANGE of the last {}", self.last)
    }
}

impl OpKind for Zrange {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "ZRANGE", effect: OperationEffect::Reads }]
    }

    fn data(&self) -> DataType {
        DataType::SortedSet
    }

    fn reads_last(&self) -> Option<u32> {
        Some(self.last)
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        super::many_problems(self.last, "elements are read", at.field("last"))
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], _: u64) {
        push_command(out, &[b"ZRANGE", key, format!("-{}", self.last).as_bytes(), b"-1"]);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.elements(1)
    }
}
