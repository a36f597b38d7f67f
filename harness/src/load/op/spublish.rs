//! `SPUBLISH channel message`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, publish};
use crate::evidence::{DataType, OperationEffect};
use crate::load::ValueSize;

/// sends a message of that size to a channel that belongs to a shard by its name (Redis and Valkey since 7.0), on which the load's `subscribers` hear it
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Spublish {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The message's size, at least 16 bytes: they hold its unique id.
    pub value: ValueSize,
}

impl Spublish {
    pub(super) const EXAMPLE: &str = r#"Spublish(value: "16B")"#;
}

impl fmt::Display for Spublish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SPUBLISH of {}", self.value)
    }
}

impl OpKind for Spublish {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "SPUBLISH", effect: OperationEffect::Publishes }]
    }

    fn data(&self) -> DataType {
        DataType::ShardChannel
    }

    fn value(&self) -> Option<&ValueSize> {
        Some(&self.value)
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        publish::push_message(out, b"SPUBLISH", key, &self.value, id);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.counts()
    }
}
