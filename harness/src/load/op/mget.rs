//! `MGET key ..` of keys that are written together.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, group};
use crate::evidence::{DataType, OperationEffect};
use crate::load::resp::{push_array, push_bulk};
use crate::text::{Cursor, Problem};

/// reads so many keys at once that `Mset` or `Transaction` writes
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Mget {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// How many keys are read at once.
    pub keys: u16,
    /// Whether the keys have a hash tag in common.
    #[serde(default = "super::group::hash_tag")]
    pub hash_tag: bool,
}

impl Mget {
    pub(super) const EXAMPLE: &str = "Mget(keys: 3)";
}

impl fmt::Display for Mget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let apart = if self.hash_tag { "" } else { " without a hash tag" };
        write!(f, "MGET of {} keys{apart}", self.keys)
    }
}

impl OpKind for Mget {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "MGET", effect: OperationEffect::Reads }]
    }

    fn data(&self) -> DataType {
        if self.hash_tag { DataType::Group } else { DataType::Scattered }
    }

    fn keys(&self) -> Option<u16> {
        Some(self.keys)
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        group::problems(self.keys, at)
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], _: u64) {
        encode(out, key, self.keys);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.acknowledges(group::read)
    }
}

/// Adds the command for so many keys to a request.
pub(crate) fn encode(out: &mut Vec<u8>, key: &[u8], keys: u16) {
    push_array(out, 1 + usize::from(keys));
    push_bulk(out, b"MGET");
    (1..=keys).for_each(|member| group::push_key(out, key, member));
}
