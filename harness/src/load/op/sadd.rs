//! `SADD key member`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait};
use crate::evidence::{DataType, OperationEffect};
use crate::load::resp::{push_array, push_bulk};
use crate::load::value::push_id;

/// adds a member of 16 bytes to a set
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Sadd {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// Ask for replicas before it counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

impl Sadd {
    pub(super) const EXAMPLE: &str = "Sadd()";
}

impl fmt::Display for Sadd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SADD")
    }
}

impl OpKind for Sadd {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "SADD", effect: OperationEffect::Inserts }]
    }

    fn data(&self) -> DataType {
        DataType::Set
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        push_array(out, 3);
        push_bulk(out, b"SADD");
        push_bulk(out, key);
        push_id(out, id);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.counts()
    }
}
