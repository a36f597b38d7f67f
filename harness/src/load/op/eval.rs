//! `EVAL script 1 key value`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait, script};
use crate::evidence::OperationEffect;
use crate::load::ValueSize;
use crate::load::value::push_value;

/// writes a value with a script, `return redis.call("SET", KEYS[1], ARGV[1])` if `script` is not said: whatever else one does, it must leave `ARGV[1]` under `KEYS[1]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Eval {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The value's size, at least 16 bytes: they hold the value's unique id.
    pub value: ValueSize,
    /// The script.
    #[serde(default = "set_script")]
    pub script: String,
    /// Ask for replicas before the write counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

impl Eval {
    pub(super) const EXAMPLE: &str = r#"Eval(value: "16B")"#;
}

impl fmt::Display for Eval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EVAL that writes {}", self.value)
    }
}

impl OpKind for Eval {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "EVAL", effect: OperationEffect::Replaces }]
    }

    fn value(&self) -> Option<&ValueSize> {
        Some(&self.value)
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        script::encode(out, [b"EVAL", self.script.as_bytes()], key);
        push_value(out, id, self.value.of(id));
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        script::classify(answer)
    }
}

fn set_script() -> String {
    r#"return redis.call("SET", KEYS[1], ARGV[1])"#.to_owned()
}
