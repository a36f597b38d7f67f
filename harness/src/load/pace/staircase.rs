//! A rate that rises in even steps.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{PaceKind, excessive, idle, no_time};
use crate::text::{Cursor, Problem};
use crate::vocab::{Arrivals, Duration, RateStage};

/// starts operations at a rate that rises stair by stair, each as long as the last; the SLO `Capacity` says which stair is too high
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Staircase {
    /// Mix entries a second on the first stair.
    pub from: u32,
    /// How many more on each stair.
    pub step: u32,
    /// The highest that it may go; it stays on its last stair.
    pub to: u32,
    /// How long it stays on a stair.
    pub every: Duration,
}

/// More stairs than anybody reads the figures of.
const STAIRS_MAX: u32 = 1_000;

impl Staircase {
    pub(super) const EXAMPLE: &str = r#"Staircase(from: 1000, step: 1000, to: 10_000, every: "2s")"#;

    fn rates(&self) -> impl Iterator<Item = u32> {
        // One that is refused for its stairs must not fill the memory first.
        (self.from..=self.to).step_by(self.step.max(1) as usize).take(STAIRS_MAX as usize + 1)
    }
}

impl fmt::Display for Staircase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, step, to, every } = self;
        write!(f, "from {from} to {to} operations a second, {step} more every {every}, on a schedule")
    }
}

impl PaceKind for Staircase {
    fn arrivals(&self) -> Option<Arrivals> {
        let stair = |rate| RateStage { from: rate, to: rate, lasts: self.every };
        Some(Arrivals::Rates(self.rates().map(stair).collect()))
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        let stairs = |text: String| Problem::new(at.field("step").head(), text);
        let problem = if self.step == 0 || self.to <= self.from {
            Some(stairs("this has only one stair".to_owned()).help("`to` lies above `from`, and `step` above 0"))
        } else if (self.to - self.from) / self.step >= STAIRS_MAX {
            Some(stairs(format!("more than {STAIRS_MAX} stairs")).help("take larger steps"))
        } else {
            None
        };
        let rates = idle(self.to == 0, at.field("to")).or_else(|| excessive(self.to.into(), at.field("to")));
        let no_time = no_time(self.every == Duration::default(), at.field("every"));
        problem.into_iter().chain(rates).chain(no_time).collect()
    }
}
