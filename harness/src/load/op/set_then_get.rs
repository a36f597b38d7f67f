//! `SET key value`, then `GET` of the same key: the pair that simple workload generators count as one.

use serde::Deserialize;

use super::{Command, get, set};
use crate::vocab::Size;

/// Writes a unique value to a random key, then reads it: two operations in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetThenGet {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The value's size, at least 16 bytes: they hold the value's unique id.
    pub value: Size,
}

impl SetThenGet {
    /// The write of the value with that id to a key, and the read behind it.
    pub(super) fn commands(&self, key: u32, id: u64) -> [Command; 2] {
        [set::write(key, id, self.value, None), get::read(key)]
    }
}
