//! A rate that rises in even steps.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{PaceKind, excessive, idle, no_time};
use crate::text::{Cursor, Problem};
use crate::vocab::{Arrivals, Duration, RateStage, StairLimit};

/// starts operations at a rate that rises stair by stair, each as long as the last; the SLO `Capacity` says which stair is too high. With `until: (quantile: 99, max: "10ms")` the load is done with the first that is
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Staircase {
    /// Mix entries a second on the first stair.
    pub from: u32,
    /// How many more on each stair.
    pub step: u32,
    /// The highest that it may go.
    pub to: u32,
    /// How long it stays on a stair.
    pub every: Duration,
    /// What the operations of a stair must keep to for the next one to be climbed. The load is done with the first stair that does
    /// not hold, or with the last. Goes on whatever happens, and stays on its last stair, if not said.
    #[serde(default)]
    pub until: Option<StairLimit>,
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
        let Self { from, step, to, every, until: _ } = self;
        write!(f, "from {from} to {to} operations a second, {step} more every {every}")?;
        if let Some(StairLimit { quantile, max }) = self.until {
            write!(f, " until p{} exceeds {max}", quantile.value())?;
        }
        f.write_str(", on a schedule")
    }
}

impl PaceKind for Staircase {
    fn arrivals(&self) -> Option<Arrivals> {
        let stair = |rate| RateStage { from: rate, to: rate, lasts: self.every };
        // Where it ends, nothing is due any more.
        let end = self.until.map(|_| RateStage { from: 0, to: 0, lasts: Duration::default() });
        Some(Arrivals::Rates(self.rates().map(stair).chain(end).collect()))
    }

    fn ends(&self) -> bool {
        self.until.is_some()
    }

    fn limit(&self) -> Option<StairLimit> {
        self.until
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
        let limit = self.until.map(|until| wrong_limit(until, at.field("until"))).unwrap_or_default();
        problem.into_iter().chain(rates).chain(no_time).chain(limit).collect()
    }
}

fn wrong_limit(limit: StairLimit, at: Cursor<'_>) -> Vec<Problem> {
    let quantile = (limit.quantile.value() <= 1.0).then(|| {
        let problem = Problem::new(at.field("quantile").head(), "a quantile is a percentage above 1");
        problem.help("write such as 50, 99 or 99.9; 100 is the slowest operation")
    });
    quantile.into_iter().chain(no_time(limit.max == Duration::default(), at.field("max"))).collect()
}
