//! Every node that is paused.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind, check_status};
use crate::evidence::NodeStatus;
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen};
use crate::vocab::NodeName;

/// every node that is paused
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct Paused;

impl Paused {
    pub(super) const EXAMPLE: &str = "Paused";
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every paused node")
    }
}

impl SelectorKind for Paused {
    fn choose(&self, among: Candidates<'_>, _: &mut ChaCha8Rng) -> Vec<NodeName> {
        among.with_status(NodeStatus::Paused)
    }

    fn by_status(&self) -> Option<NodeStatus> {
        Some(NodeStatus::Paused)
    }

    fn check_anybody(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        check_status(NodeStatus::Paused, checker, foreseen, at);
    }
}
