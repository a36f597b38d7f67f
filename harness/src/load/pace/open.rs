//! A constant rate.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{PaceKind, excessive, idle};
use crate::text::{Cursor, Problem};
use crate::vocab::Arrivals;

/// starts that many operations a second, evenly spaced, whether or not earlier ones have ended
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Mix entries a second that are started, of the whole load.
    pub per_second: u32,
}

impl Open {
    pub(super) const EXAMPLE: &str = "Open(per_second: 1000)";
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} operations a second on a schedule", self.per_second)
    }
}

impl PaceKind for Open {
    fn arrivals(&self) -> Option<Arrivals> {
        Some(Arrivals::constant(self.per_second))
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        let at = at.field("per_second");
        idle(self.per_second == 0, at).or_else(|| excessive(self.per_second.into(), at)).into_iter().collect()
    }
}
