//! `HSET key field value`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait};
use crate::evidence::{DataType, OperationEffect};
use crate::load::ValueSize;
use crate::load::resp::{push_array, push_bulk};
use crate::load::value::{push_id, push_value};

/// adds a field to a hash, with a name of 16 bytes and a value of that size
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Hset {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The size of what is added, at least 16 bytes: they hold its unique id.
    pub value: ValueSize,
    /// Ask for replicas before it counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

impl Hset {
    pub(super) const EXAMPLE: &str = r#"Hset(value: "16B")"#;
}

impl fmt::Display for Hset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HSET of {}", self.value)
    }
}

impl OpKind for Hset {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "HSET", effect: OperationEffect::Inserts }]
    }

    fn data(&self) -> DataType {
        DataType::Hash
    }

    fn value(&self) -> Option<&ValueSize> {
        Some(&self.value)
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        push_array(out, 4);
        push_bulk(out, b"HSET");
        push_bulk(out, key);
        push_id(out, id);
        push_value(out, id, self.value.of(id));
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.counts()
    }
}
