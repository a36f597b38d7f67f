//! As fast as replies come.

use std::fmt;

use documented::Documented;

use super::PaceKind;
use crate::text::{Cursor, Problem};
use crate::vocab::Arrivals;

/// each worker begins its next operation when its last has ended and its `think` time has passed
#[derive(Documented)]
pub(super) struct Closed;

impl Closed {
    pub(super) const EXAMPLE: &str = "Closed";
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("each starting an operation when its last has ended")
    }
}

impl PaceKind for Closed {
    fn arrivals(&self) -> Option<Arrivals> {
        None
    }

    fn problems(&self, _: Cursor<'_>) -> Vec<Problem> {
        Vec::new()
    }
}
