//! Whether each worker reads what it has written.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::Finding;
use super::key_question::{AskedOfKeys, answer, to_ask};
use super::read_tally::{NewerValue, ReadsOlder};
use super::slo_kind::{NeededLoad, SloKind, of_load};

/// reads of a value that returned an older one than what the same worker had written and been told was done, and that was not lost
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct ReadYourWrites {
    /// How many there may be.
    pub max: u64,
    /// The load that it is about; every load together if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl ReadYourWrites {
    pub(super) const EXAMPLE: &str = "ReadYourWrites(max: 0)";
}

impl fmt::Display for ReadYourWrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reads older than the worker's own write{} <= {}", of_load(self.load()), self.max)
    }
}

impl SloKind for ReadYourWrites {
    fn of_keys(&self, case: &Case<'_>) -> Option<Box<dyn AskedOfKeys>> {
        Some(to_ask(self.question(case)))
    }

    fn judge(&self, case: &Case<'_>) -> Finding {
        answer(case, &self.question(case)).finding(self, 0..=self.max, "no worker read a key that it had written")
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

impl ReadYourWrites {
    fn question(&self, case: &Case<'_>) -> ReadsOlder {
        ReadsOlder { loads: case.loads(self.load()), than: NewerValue::OwnWrite }
    }
}
