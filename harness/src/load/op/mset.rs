//! `MSET key value ..` of keys that share a hash tag, or of keys that lie anywhere.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait, group};
use crate::evidence::{DataType, OperationEffect};
use crate::load::ValueSize;
use crate::load::resp::{push_array, push_bulk};
use crate::load::value::push_value;
use crate::text::{Cursor, Problem};

/// writes one value to so many keys at once, which share a hash tag; with `hash_tag: false` they share none, and a cluster answers `CROSSSLOT`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Mset {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// How many keys are written at once.
    pub keys: u16,
    /// The value's size, at least 16 bytes: they hold the value's unique id.
    pub value: ValueSize,
    /// Whether the keys have a hash tag in common.
    #[serde(default = "super::group::hash_tag")]
    pub hash_tag: bool,
    /// Ask for replicas before the write counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

impl Mset {
    pub(super) const EXAMPLE: &str = r#"Mset(keys: 3, value: "16B")"#;
}

impl fmt::Display for Mset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let apart = if self.hash_tag { "" } else { " without a hash tag" };
        write!(f, "MSET of {} to {} keys{apart}", self.value, self.keys)
    }
}

impl OpKind for Mset {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "MSET", effect: OperationEffect::Replaces }]
    }

    fn data(&self) -> DataType {
        if self.hash_tag { DataType::Group } else { DataType::Scattered }
    }

    fn keys(&self) -> Option<u16> {
        Some(self.keys)
    }

    fn value(&self) -> Option<&ValueSize> {
        Some(&self.value)
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        group::problems(self.keys, at)
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        push_array(out, 1 + 2 * usize::from(self.keys));
        push_bulk(out, b"MSET");
        for member in 1..=self.keys {
            group::push_key(out, key, member);
            push_value(out, id, self.value.of(id));
        }
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.is_ok()
    }
}
