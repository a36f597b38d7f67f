//! Many starts at once, again and again.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{PaceKind, excessive, idle, no_time};
use crate::text::{Cursor, Problem};
use crate::vocab::{Arrivals, Duration};

/// starts that many operations at the same moment, and again every so often
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Bursts {
    /// Mix entries that are started at once.
    pub starts: u32,
    /// How long from one burst to the next.
    pub every: Duration,
}

impl Bursts {
    pub(super) const EXAMPLE: &str = r#"Bursts(starts: 500, every: "1s")"#;

    fn own_arrivals(&self) -> Arrivals {
        Arrivals::Bursts { starts: self.starts, every: self.every }
    }
}

impl fmt::Display for Bursts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} operations at once every {}, on a schedule", self.starts, self.every)
    }
}

impl PaceKind for Bursts {
    fn arrivals(&self) -> Option<Arrivals> {
        Some(self.own_arrivals())
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        let (starts, every) = (at.field("starts"), at.field("every"));
        let problem = idle(self.starts == 0, starts)
            .or_else(|| no_time(self.every == Duration::default(), every))
            .or_else(|| excessive(self.own_arrivals().per_second_max(), starts));
        problem.into_iter().collect()
    }
}
