//! A rate that rises or falls.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{PaceKind, excessive, idle, no_time};
use crate::text::{Cursor, Problem};
use crate::vocab::{Arrivals, Duration, RateStage};

/// starts operations at a rate that changes evenly from one to another over a time, and then stays
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// Mix entries a second at the beginning; 0 if not said.
    #[serde(default)]
    pub from: u32,
    /// Mix entries a second at the end, and from then on. At 0 nothing more is started.
    pub to: u32,
    /// How long the change takes.
    pub over: Duration,
}

impl Ramp {
    pub(super) const EXAMPLE: &str = r#"Ramp(from: 100, to: 2000, over: "10s")"#;
}

impl fmt::Display for Ramp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, over } = self;
        write!(f, "from {from} to {to} operations a second over {over}, on a schedule")
    }
}

impl PaceKind for Ramp {
    fn arrivals(&self) -> Option<Arrivals> {
        Some(Arrivals::Rates(vec![RateStage { from: self.from, to: self.to, lasts: self.over }]))
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        let (from, to) = (excessive(self.from.into(), at.field("from")), excessive(self.to.into(), at.field("to")));
        let idle = idle(self.from == 0 && self.to == 0, at.field("to"));
        let no_time = no_time(self.over == Duration::default(), at.field("over"));
        from.into_iter().chain(to).chain(idle).chain(no_time).collect()
    }
}
