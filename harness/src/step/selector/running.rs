//! Every running node.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind, check_status};
use crate::evidence::NodeStatus;
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen};
use crate::vocab::NodeName;

/// every running node, master or replica
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct Running;

impl Running {
    pub(super) const EXAMPLE: &str = "Running";
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every running node")
    }
}

impl SelectorKind for Running {
    fn choose(&self, among: Candidates<'_>, _: &mut ChaCha8Rng) -> Vec<NodeName> {
        among.with_status(NodeStatus::Running)
    }

    fn by_status(&self) -> Option<NodeStatus> {
        Some(NodeStatus::Running)
    }

    fn check_anybody(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        check_status(NodeStatus::Running, checker, foreseen, at);
    }
}
