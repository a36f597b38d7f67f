//! `SET key value`, then `GET` of the same key: the pair that simple workload generators count as one.

use serde::Deserialize;

use super::{Command, get, set};
use crate::load::draw::Draw;
use crate::vocab::Size;

/// Writes a unique value to a random key of the worker's share, then reads it: two operations in the history.
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
    /// The write that comes next, and the read behind it.
    pub(super) fn commands(&self, draw: &mut Draw) -> [Command; 2] {
        let write = set::write(draw, self.value, None);
        [write, get::read(write.key)]
    }
}
