//! The nodes have come to rest.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{ConditionKind, agreed};
use crate::observe::Observation;
use crate::vocab::NodeName;

/// the nodes have settled, whatever they agree on
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct Settled;

impl Settled {
    pub(super) const EXAMPLE: &str = "Settled";
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the nodes have settled")
    }
}

impl ConditionKind for Settled {
    fn unmet(&self, seen: &Observation) -> Option<String> {
        agreed(seen, |_| None)
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }
}
