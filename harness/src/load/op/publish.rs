//! `PUBLISH channel message`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind};
use crate::evidence::{DataType, OperationEffect};
use crate::load::ValueSize;
use crate::load::resp::{push_array, push_bulk};
use crate::load::value::push_value;

/// sends a message of that size, at least 16 bytes, to a channel, on which the load's `subscribers` hear it; an attempt that is repeated may send it twice, and the check allows for that
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The message's size, at least 16 bytes: they hold its unique id.
    pub value: ValueSize,
}

impl Publish {
    pub(super) const EXAMPLE: &str = r#"Publish(value: "16B")"#;
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PUBLISH of {}", self.value)
    }
}

impl OpKind for Publish {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "PUBLISH", effect: OperationEffect::Publishes }]
    }

    fn data(&self) -> DataType {
        DataType::Channel
    }

    fn value(&self) -> Option<&ValueSize> {
        Some(&self.value)
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        push_message(out, b"PUBLISH", key, &self.value, id);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.counts()
    }
}

/// Adds a command that sends a message to a channel.
pub(super) fn push_message(out: &mut Vec<u8>, command: &[u8], channel: &[u8], size: &ValueSize, id: u64) {
    push_array(out, 3);
    push_bulk(out, command);
    push_bulk(out, channel);
    push_value(out, id, size.of(id));
}
