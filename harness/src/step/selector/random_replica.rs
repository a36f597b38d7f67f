//! One running replica, drawn from the run's seed.

use std::fmt;

use documented::Documented;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind, check_replicas};
use crate::evidence::NodeStatus;
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen};
use crate::vocab::NodeName;

/// one running replica, drawn from the run's seed
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct RandomReplica;

impl RandomReplica {
    pub(super) const EXAMPLE: &str = "RandomReplica";
}

impl fmt::Display for RandomReplica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a random replica")
    }
}

impl SelectorKind for RandomReplica {
    fn choose(&self, among: Candidates<'_>, random: &mut ChaCha8Rng) -> Vec<NodeName> {
        among.running_replicas().choose(random).cloned().into_iter().collect()
    }

    fn means(&self) -> Option<NodeStatus> {
        Some(NodeStatus::Running)
    }

    fn check_anybody(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        check_replicas(checker, foreseen, at);
    }
}
