//! Rates that follow each other.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{PaceKind, excessive, idle, no_time};
use crate::text::{Cursor, Problem};
use crate::vocab::{Arrivals, Duration, RateStage};

/// starts operations at one rate for a time, then at the next; the last rate goes on, and a rate of 0 is a pause
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Stages {
    /// The rates, one after the other.
    pub stages: Vec<LoadStage>,
}

/// A rate, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadStage {
    /// Mix entries a second that are started.
    pub per_second: u32,
    /// For how long.
    pub r#for: Duration,
}

impl Stages {
    pub(super) const EXAMPLE: &str = r#"Stages(stages: [(per_second: 500, for: "5s"), (per_second: 2000, for: "5s")])"#;
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = |stage: &LoadStage| format!("{} operations a second for {}", stage.per_second, stage.r#for);
        let stages: Vec<_> = self.stages.iter().map(stage).collect();
        write!(f, "{}, on a schedule", stages.join(", then "))
    }
}

impl PaceKind for Stages {
    fn arrivals(&self) -> Option<Arrivals> {
        let stage = |&LoadStage { per_second, r#for }| RateStage { from: per_second, to: per_second, lasts: r#for };
        Some(Arrivals::Rates(self.stages.iter().map(stage).collect()))
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        let at = at.field("stages");
        let of_stage = |(index, stage): (usize, &LoadStage)| {
            let at = at.index(index);
            let no_time = no_time(stage.r#for == Duration::default(), at.field("for"));
            excessive(stage.per_second.into(), at.field("per_second")).into_iter().chain(no_time)
        };
        let idle = idle(self.stages.iter().all(|stage| stage.per_second == 0), at);
        idle.into_iter().chain(self.stages.iter().enumerate().flat_map(of_stage)).collect()
    }
}
