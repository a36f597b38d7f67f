//! `HGETALL key`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind};
use crate::evidence::{DataType, OperationEffect};
use crate::load::resp::push_command;

/// reads all fields of a hash and their values
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Hgetall {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
}

impl Hgetall {
    pub(super) const EXAMPLE: &str = "Hgetall()";
}

impl fmt::Display for Hgetall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HGETALL")
    }
}

impl OpKind for Hgetall {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "HGETALL", effect: OperationEffect::Reads }]
    }

    fn data(&self) -> DataType {
        DataType::Hash
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], _: u64) {
        push_command(out, &[b"HGETALL", key]);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.elements(2)
    }
}
