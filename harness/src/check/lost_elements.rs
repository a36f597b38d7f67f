//! Elements that were acknowledged and are found no more.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::element_tally::{ElementsThat, WrongFate};
use super::finding::Finding;
use super::key_question::{AskedOfKeys, answer, to_ask};
use super::slo_kind::{NeededLoad, SloKind, WrongNumber, of_load};

/// elements of sets, hashes, lists and logs that had been acknowledged, and that the last of all reads did not find that should have. With `min: 1` a run that lost fewer is inconclusive: the danger that it is about did not arise
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct LostElements {
    /// How many there may be.
    pub max: u64,
    /// How many there must be at least, where the scenario is about a danger: with fewer the danger did not arise, and the run
    /// is inconclusive.
    #[serde(default)]
    pub min: u64,
    /// The load that it is about; every load together if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl LostElements {
    pub(super) const EXAMPLE: &str = "LostElements(max: 0)";
}

impl fmt::Display for LostElements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost elements{}", of_load(self.load()))?;
        match self.min {
            0 => write!(f, " <= {}", self.max),
            min => write!(f, " {min} to {}", self.max),
        }
    }
}

impl SloKind for LostElements {
    fn of_keys(&self, case: &Case<'_>) -> Option<Box<dyn AskedOfKeys>> {
        Some(to_ask(self.question(case)))
    }

    fn judge(&self, case: &Case<'_>) -> Finding {
        let tally = answer(case, &self.question(case)).into_owned();
        // An element that nobody looked for, as of a shard that could not be read at the end, may be lost as well.
        let unseen = tally.unseen();
        tally.finding(self, self.min..=self.max, unseen)
    }

    /// What was lost was lost, whatever the machine took.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::ReadingElements
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        WrongNumber::of_range(&self.min, &self.max)
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }
}

impl LostElements {
    fn question(&self, case: &Case<'_>) -> ElementsThat {
        ElementsThat { loads: case.loads(self.load()), are: WrongFate::Lost }
    }
}
