//! Every node that is not running.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind, check_status};
use crate::evidence::NodeStatus;
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen};
use crate::vocab::NodeName;

/// every node that is not running
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct Down;

impl Down {
    pub(super) const EXAMPLE: &str = "Down";
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every node that is down")
    }
}

impl SelectorKind for Down {
    fn choose(&self, among: Candidates<'_>, _: &mut ChaCha8Rng) -> Vec<NodeName> {
        among.with_status(NodeStatus::Down)
    }

    fn by_status(&self) -> Option<NodeStatus> {
        Some(NodeStatus::Down)
    }

    fn check_anybody(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        check_status(NodeStatus::Down, checker, foreseen, at);
    }
}
