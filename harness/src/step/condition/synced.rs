//! Replicas have what their masters have.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::ConditionKind;
use crate::observe::Observation;
use crate::vocab::NodeName;

/// every running replica has applied all that its master had written when it was asked; under load this is never true for long
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct Synced;

impl Synced {
    pub(super) const EXAMPLE: &str = "Synced";
}

impl fmt::Display for Synced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every replica has all writes")
    }
}

impl ConditionKind for Synced {
    fn unmet(&self, seen: &Observation) -> Option<String> {
        seen.synced.clone().err()
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }
}
