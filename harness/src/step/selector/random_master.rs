//! One running master, drawn from the run's seed.

use std::fmt;

use documented::Documented;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind};
use crate::evidence::NodeStatus;
use crate::vocab::NodeName;

/// one running master, drawn from the run's seed
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct RandomMaster;

impl RandomMaster {
    pub(super) const EXAMPLE: &str = "RandomMaster";
}

impl fmt::Display for RandomMaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a random master")
    }
}

impl SelectorKind for RandomMaster {
    fn choose(&self, among: Candidates<'_>, random: &mut ChaCha8Rng) -> Vec<NodeName> {
        among.running_masters().choose(random).cloned().into_iter().collect()
    }

    fn means(&self) -> Option<NodeStatus> {
        Some(NodeStatus::Running)
    }
}
