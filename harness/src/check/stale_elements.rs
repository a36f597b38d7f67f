//! Elements that were acknowledged, and that somebody did not find although others found them later.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::element_tally::{ElementsThat, WrongFate};
use super::finding::Finding;
use super::key_question::{AskedOfKeys, answer, to_ask};
use super::slo_kind::{NeededLoad, SloKind, WrongNumber, of_load};
use crate::vocab::Duration;

/// elements of sets, hashes, lists and logs that a read did not find that began after they had been acknowledged, and a later one did; with `older_than: "500ms"` only those that were missed so long after. With `min: 1` a run with fewer is inconclusive: the danger that it is about did not arise
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct StaleElements {
    /// How many there may be.
    pub max: u64,
    /// How many there must be at least, where the scenario is about a danger: with fewer the danger did not arise, and the run
    /// is inconclusive.
    #[serde(default)]
    pub min: u64,
    /// How long before the read an element must have been acknowledged for the read to find it.
    #[serde(default)]
    pub older_than: Duration,
    /// The load that it is about; every load together if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl StaleElements {
    pub(super) const EXAMPLE: &str = "StaleElements(max: 0)";
}

impl fmt::Display for StaleElements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stale elements{}", of_load(self.load()))?;
        if self.older_than != Duration::default() {
            write!(f, " by {}", self.older_than)?;
        }
        match self.min {
            0 => write!(f, " <= {}", self.max),
            min => write!(f, " {min} to {}", self.max),
        }
    }
}

impl SloKind for StaleElements {
    fn of_keys(&self, case: &Case<'_>) -> Option<Box<dyn AskedOfKeys>> {
        Some(to_ask(self.question(case)))
    }

    fn judge(&self, case: &Case<'_>) -> Finding {
        answer(case, &self.question(case)).into_owned().finding(self, self.min..=self.max, 0)
    }

    /// What was missed was missed, whatever the machine took.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::ReadingElements
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

impl StaleElements {
    fn question(&self, case: &Case<'_>) -> ElementsThat {
        ElementsThat { loads: case.loads(self.load()), are: WrongFate::StaleBy(self.older_than) }
    }
}
