//! How many locks were taken.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::During;
use super::case::Case;
use super::finding::{self, Finding};
use super::slo_kind::{NeededLoad, SloKind, WrongNumber, of_load};
use crate::evidence::{OperationEffect, Outcome};

/// how often clients had a lock in the end: with `min` the lock goes on, with `max: 0` nobody gets one; of all loads together, or with `load: "app"` of that one
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Acquisitions {
    /// How many there must be at least.
    #[serde(default)]
    pub min: u64,
    /// How many there may be; as many as there are if not said.
    #[serde(default)]
    pub max: Option<u64>,
    /// The part of the run in which they were had.
    #[serde(default)]
    pub during: During,
    /// The load that it is about; every load together if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl Acquisitions {
    pub(super) const EXAMPLE: &str = "Acquisitions(min: 100, during: Fault)";

    fn limit(&self) -> String {
        self.max.map_or_else(|| format!(">= {}", self.min), |max| finding::count_limit(self.min, max))
    }
}

impl fmt::Display for Acquisitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "locks taken {}{} {}", self.during, of_load(self.load()), self.limit())
    }
}

impl SloKind for Acquisitions {
    /// A lock counts where it was had, whenever it was asked for.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let (mut taken, mut tried) = (0, 0);
        for lock in case.operations_of_loads(self.load()).filter(|lock| lock.effect == OperationEffect::Locks) {
            let ended_here = case.windows.contains(self.during, lock.ended);
            tried += u64::from(ended_here || case.windows.has(self.during, &lock));
            taken += u64::from(ended_here && lock.outcome == Outcome::Ok);
        }
        if tried == 0 {
            let nothing = format!("nobody wanted a lock in the {} part", self.during);
            return Finding::nothing(self, self.limit(), nothing);
        }
        Finding {
            status: finding::met(taken >= self.min && self.max.is_none_or(|max| taken <= max)),
            measured: taken.to_string(),
            samples: tried,
            ..Finding::nothing(self, self.limit(), "")
        }
    }

    /// What was not taken is not blamed on the servers if the clients stood still by themselves for half of the time.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let whole = case.windows.whole;
        (self.min > 0 && case.machine.stalled_nanos(whole) >= whole.nanos() / 2).then(|| case.machine.figures(whole))
    }

    fn during(&self) -> Option<During> {
        Some(self.during)
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Locking
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        match self.max {
            None if self.min == 0 => {
                let help = "write how many there must be, `min: 100`, or may be, `max: 0`";
                vec![WrongNumber::new("min", "this is met whatever happens", help)]
            }
            max => max.into_iter().flat_map(|max| WrongNumber::of_range(&self.min, &max)).collect(),
        }
    }
}
