//! Every running replica.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind, check_replicas};
use crate::evidence::NodeStatus;
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen};
use crate::vocab::NodeName;

/// every running replica
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct Replicas;

impl Replicas {
    pub(super) const EXAMPLE: &str = "Replicas";
}

impl fmt::Display for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every replica")
    }
}

impl SelectorKind for Replicas {
    fn choose(&self, among: Candidates<'_>, _: &mut ChaCha8Rng) -> Vec<NodeName> {
        among.running_replicas()
    }

    fn means(&self) -> Option<NodeStatus> {
        Some(NodeStatus::Running)
    }

    fn check_anybody(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        check_replicas(checker, foreseen, at);
    }
}
