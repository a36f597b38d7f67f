//! Arrivals that were recorded somewhere else.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{PaceKind, excessive};
use crate::text::{Cursor, Problem};
use crate::vocab::{ArrivalTrace, Arrivals};

/// starts an operation at each time that a file holds, one a line in seconds from the load's start, such as `0.125`; the load is done with the last
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// The file, from the directory of the scenario file.
    pub file: String,
    /// What it holds, once the plan has read it.
    #[serde(skip)]
    pub(crate) nanos: Option<ArrivalTrace>,
}

impl Trace {
    pub(super) const EXAMPLE: &str = r#"Trace(file: "arrivals.csv")"#;

    fn own_arrivals(&self) -> ArrivalTrace {
        self.nanos.clone().unwrap_or_else(|| ArrivalTrace { file: self.file.clone(), nanos: [].into() })
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, on a schedule", self.own_arrivals())
    }
}

impl PaceKind for Trace {
    fn arrivals(&self) -> Option<Arrivals> {
        Some(Arrivals::Trace(self.own_arrivals()))
    }

    fn ends(&self) -> bool {
        true
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        excessive(self.own_arrivals().per_second_max(), at.field("file")).into_iter().collect()
    }
}
