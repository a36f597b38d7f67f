//! `SET key value`, and `WAIT` behind it.

use serde::Deserialize;

use crate::vocab::{Duration, Size};

/// Writes a unique value to a random key of the worker's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The value's size, at least 16 bytes: they hold the value's unique id.
    pub value: Size,
    /// Ask for replicas before the write counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

/// `WAIT replicas timeout` behind a write, on the same connection. A short count leaves the write's outcome unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// How many replicas must have acknowledged.
    pub replicas: u16,
    /// How long to wait for them.
    pub timeout: Duration,
}
