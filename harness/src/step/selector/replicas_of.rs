//! The replicas of the master that owns these keys.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind, check_replicas, is_replica};
use crate::system::{WrittenPosition, written_position_example};
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen, Meant};
use crate::vocab::{NodeName, SystemAbility};

/// the replicas of the master that owns these keys
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct ReplicasOf(pub WrittenPosition);

impl ReplicasOf {
    pub(super) const EXAMPLE: &str = concat!("ReplicasOf(", written_position_example!(), ")");
}

impl fmt::Display for ReplicasOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the replicas of {}", self.0)
    }
}

impl SelectorKind for ReplicasOf {
    fn choose(&self, among: Candidates<'_>, _: &mut ChaCha8Rng) -> Vec<NodeName> {
        let master = among.owner(self.0.position());
        among.running(|place| is_replica(place) && place.master.as_ref() == master)
    }

    fn check_anybody(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        checker.needs(SystemAbility::NumberedKeys, Meant::Any, "ReplicasOf", at);
        check_replicas(checker, foreseen, at);
    }
}
