//! `ZADD key score member`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait};
use crate::evidence::{DataType, OperationEffect, Value};
use crate::load::resp::{push_array, push_bulk};
use crate::load::value::{push_id, push_number};

/// adds a member of 16 bytes to a sorted set, with a higher score than those that its worker added before
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Zadd {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// Ask for replicas before it counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

impl Zadd {
    pub(super) const EXAMPLE: &str = "Zadd()";
}

impl fmt::Display for Zadd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ZADD")
    }
}

impl OpKind for Zadd {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "ZADD", effect: OperationEffect::Inserts }]
    }

    fn data(&self) -> DataType {
        DataType::SortedSet
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        push_array(out, 4);
        push_bulk(out, b"ZADD");
        push_bulk(out, key);
        push_number(out, Value::count(id));
        push_id(out, id);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.counts()
    }
}
