//! `SET key value`, then `GET` of the same key: the pair that simple workload generators count as one.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, get, set};
use crate::load::ValueSize;
use crate::load::resp::{push_array, push_command};

/// writes a value to a key, then reads that key: two operations
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct SetThenGet {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The value's size, at least 16 bytes: they hold the value's unique id.
    pub value: ValueSize,
}

impl SetThenGet {
    pub(super) const EXAMPLE: &str = r#"SetThenGet(value: "16B")"#;
}

impl fmt::Display for SetThenGet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SET of {}, then GET", self.value)
    }
}

impl OpKind for SetThenGet {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[set::WRITE, get::READ]
    }

    fn value(&self) -> Option<&ValueSize> {
        Some(&self.value)
    }

    fn encode(&self, command: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        if command == 0 {
            push_array(out, 3);
            set::push_set(out, key, id, &self.value);
        } else {
            push_command(out, &[b"GET", key]);
        }
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        if answer.command == 0 { answer.is_ok() } else { get::classify(answer) }
    }
}
