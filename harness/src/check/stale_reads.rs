//! Reads that miss a write which was acknowledged before they began.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::Finding;
use super::key_question::{AskedOfKeys, answer, to_ask};
use super::read_tally::{NewerValue, ReadsOlder};
use super::slo_kind::{NeededLoad, SloKind, WrongNumber, of_load};
use crate::vocab::Duration;

/// reads of a value that returned an older one than a write that had been acknowledged before they began and was not lost; with `older_than: "500ms"` only those that missed a write acknowledged that long before. With `min: 1` a run with fewer is inconclusive: the danger that it is about did not arise
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct StaleReads {
    /// How many there may be.
    pub max: u64,
    /// How many there must be at least, where the scenario is about a danger: with fewer the danger did not arise, and the run
    /// is inconclusive.
    #[serde(default)]
    pub min: u64,
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
        match self.min {
            0 => write!(f, " <= {}", self.max),
            min => write!(f, " {min} to {}", self.max),
        }
    }
}

impl SloKind for StaleReads {
    fn of_keys(&self, case: &Case<'_>) -> Option<Box<dyn AskedOfKeys>> {
        Some(to_ask(self.question(case)))
    }

    fn judge(&self, case: &Case<'_>) -> Finding {
        let tally = answer(case, &self.question(case));
        tally.finding(self, self.min..=self.max, "no key was read that a write had been acknowledged for")
    }

    /// What was read was read, whatever the machine took.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::ReadingWhatIsWritten
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        WrongNumber::of_range(&self.min, &self.max)
    }

    fn variant(&self) -> u64 {
        self.older_than.as_nanos()
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }
}

impl StaleReads {
    fn question(&self, case: &Case<'_>) -> ReadsOlder {
        ReadsOlder { loads: case.loads(self.load()), than: NewerValue::Acknowledged(self.older_than) }
    }
}
