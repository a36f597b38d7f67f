//! `APPEND key value`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait};
use crate::evidence::{DataType, OperationEffect};
use crate::load::resp::{push_array, push_bulk};
use crate::load::value::push_id;

/// appends 16 bytes, which nothing else appends, to a log
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Append {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// Ask for replicas before it counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

impl Append {
    pub(super) const EXAMPLE: &str = "Append()";
}

impl fmt::Display for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("APPEND")
    }
}

impl OpKind for Append {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "APPEND", effect: OperationEffect::Inserts }]
    }

    fn data(&self) -> DataType {
        DataType::Log
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        push_array(out, 3);
        push_bulk(out, b"APPEND");
        push_bulk(out, key);
        push_id(out, id);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.counts()
    }
}
