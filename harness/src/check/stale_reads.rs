//! Reads that miss a write which was acknowledged before they began.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding};
use super::reads::Tally;
use super::slo_kind::{NeededLoad, SloKind, of_load};
use crate::vocab::Duration;

/// reads of a value that returned an older one than a write that had been acknowledged before they began and was not lost; with `older_than: "500ms"` only those that missed a write acknowledged that long before
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct StaleReads {
    /// How many there may be.
    pub max: u64,
    /// How long before the read a write must have been acknowledged for the read to know it.
    #[serde(default)]
    pub older_than: Duration,
    /// The load that it is about; every load together if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl StaleReads {
    pub(super) const EXAMPLE: &str = "StaleReads(max: 0)";
}

impl fmt::Display for StaleReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stale reads{}", of_load(self.load()))?;
        if self.older_than != Duration::default() {
            write!(f, " by {}", self.older_than)?;
        }
        write!(f, " <= {}", self.max)
    }
}

impl SloKind for StaleReads {
    fn judge(&self, case: &Case<'_>) -> Finding {
        let tally = Tally::of(case, self.load(), |found| {
            let missed = found.newest.filter(|_| found.impossible.is_none())?;
            let nanos = found.read.started.nanos_since(missed.ended);
            let is_stale = found.is_stale && nanos >= self.older_than.as_nanos();
            Some(is_stale.then(|| format!("a write had been acknowledged {} before", finding::time(nanos))))
        });
        tally.finding(self, self.max, "no key was read that a write had been acknowledged for")
    }

    /// What was read was read, whatever the machine took.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::ReadingWhatIsWritten
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }
}
