//! Every running master that owns keys.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind};
use crate::evidence::NodeStatus;
use crate::vocab::NodeName;

/// every running master that owns keys
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct Masters;

impl Masters {
    pub(super) const EXAMPLE: &str = "Masters";
}

impl fmt::Display for Masters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every master")
    }
}

impl SelectorKind for Masters {
    fn choose(&self, among: Candidates<'_>, _: &mut ChaCha8Rng) -> Vec<NodeName> {
        among.running_masters()
    }

    fn means(&self) -> Option<NodeStatus> {
        Some(NodeStatus::Running)
    }
}
