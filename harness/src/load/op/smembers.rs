//! `SMEMBERS key`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind};
use crate::evidence::{DataType, OperationEffect};
use crate::load::resp::push_command;

/// reads all members of a set
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Smembers {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
}

impl Smembers {
    pub(super) const EXAMPLE: &str = "Smembers()";
}

impl fmt::Display for Smembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SMEMBERS")
    }
}

impl OpKind for Smembers {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "SMEMBERS", effect: OperationEffect::Reads }]
    }

    fn data(&self) -> DataType {
        DataType::Set
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], _: u64) {
        push_command(out, &[b"SMEMBERS", key]);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.elements(1)
    }
}
