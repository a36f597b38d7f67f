//! `FCALL function 1 key value`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait, script};
use crate::evidence::OperationEffect;
use crate::load::ValueSize;
use crate::load::value::push_value;

/// writes a value with a function of the server (Redis and Valkey since 7.0), which must leave its argument under its key; a step `Command` can load it (`FUNCTION LOAD`)
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Fcall {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The value's size, at least 16 bytes: they hold the value's unique id.
    pub value: ValueSize,
    /// The function's name.
    pub function: String,
    /// Ask for replicas before the write counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

impl Fcall {
    pub(super) const EXAMPLE: &str = r#"Fcall(value: "16B", function: "set")"#;
}

impl fmt::Display for Fcall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FCALL {} that writes {}", self.function, self.value)
    }
}

impl OpKind for Fcall {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "FCALL", effect: OperationEffect::Replaces }]
    }

    fn value(&self) -> Option<&ValueSize> {
        Some(&self.value)
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        script::encode(out, [b"FCALL", self.function.as_bytes()], key);
        push_value(out, id, self.value.of(id));
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        script::classify(answer)
    }
}
