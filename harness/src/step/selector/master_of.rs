//! The master that owns these keys.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind};
use crate::system::{WrittenPosition, written_position_example};
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen, Meant};
use crate::vocab::{NodeName, SystemAbility};

/// the master that owns these keys
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct MasterOf(pub WrittenPosition);

impl MasterOf {
    pub(super) const EXAMPLE: &str = concat!("MasterOf(", written_position_example!(), ")");
}

impl fmt::Display for MasterOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the master of {}", self.0)
    }
}

impl SelectorKind for MasterOf {
    fn choose(&self, among: Candidates<'_>, _: &mut ChaCha8Rng) -> Vec<NodeName> {
        let position = self.0.position();
        among.running(|place| place.owns.contains(position))
    }

    fn check_anybody(&self, checker: &mut Checker<'_>, _: &Foreseen<'_>, at: Cursor<'_>) {
        checker.needs(SystemAbility::NumberedKeys, Meant::Any, "MasterOf", at);
    }
}
