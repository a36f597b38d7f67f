//! How much load the servers carry before operations take too long.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::excess::explain_excess;
use super::finding::{self, Finding, Status};
use super::schedule::{began, pace_changes};
use super::slo_kind::{ClaimedRate, NeededLoad, SloKind, WrongNumber, of_load};
use super::window::Window;
use super::{sample_size, samples};
use crate::evidence::{Operation, Outcome};
use crate::vocab::{Arrivals, Duration, Instant, Percent, RateStage, StairLimit};

/// the highest rate of a load in stages before one at which operations took longer than that, or did not end ok; for each load in stages by itself, or with `load: "app"` for that one
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// The quantile of the latency, in percent.
    pub quantile: Percent,
    /// The longest that it may be.
    pub max: Duration,
    /// The lowest capacity, in mix entries a second.
    pub min: u32,
    /// The load that it is about; every load in stages by itself if not said.
    #[serde(default)]
    pub load: Option<String>,
}

/// How long an operation takes that does not end ok.
const FOR_EVER: u64 = u64::MAX;

/// One stage of a load, and what became of the operations that were due in it.
struct Stage {
    per_second: u32,
    window: Window,
    /// When each of its operations was due, and how long it took; [`FOR_EVER`] if it did not end ok.
    operations: Vec<(Instant, u64)>,
    /// How many they are.
    samples: u64,
    /// The quantile of their latency; the longest possible if so many did not end ok; none if there were none.
    nanos: Option<u64>,
}

impl Capacity {
    pub(super) const EXAMPLE: &str = r#"Capacity(quantile: 99, max: "10ms", min: 2_000)"#;

    /// The stages of a load, in order; none of a load that has not at least two.
    fn stages(&self, case: &Case<'_>, load: usize) -> Vec<Stage> {
        let recorded = case.plan.loads.get(load);
        let in_stages = recorded.and_then(|load| Some((load, load.arrivals.as_ref().filter(|own| own.has_stages())?)));
        let Some((recorded, arrivals @ Arrivals::Rates(rates))) = in_stages else { return Vec::new() };
        // A step that changes the pace ends the stages.
        let until = pace_changes(case, &recorded.name).next().map_or(Instant(u64::MAX), |(from, _)| from);
        let nanos = |due: &Operation| if due.outcome == Outcome::Ok { due.latency_nanos() } else { FOR_EVER };
        let due = case.operations_of(load).filter(|operation| operation.intended < until);
        let operations: Vec<_> = due.map(|operation| (operation.intended, nanos(&operation))).collect();
        let due = || operations.iter().map(|(due, _)| *due);
        let (Some(first), Some(last)) = (due().min(), due().max()) else { return Vec::new() };
        let mut from = began(arrivals, first);
        let mut stages = Vec::new();
        for (index, RateStage { to, lasts, .. }) in rates.iter().enumerate() {
            let is_last = index + 1 == rates.len();
            let end = if is_last { last.plus_nanos(1) } else { from.plus_nanos(lasts.as_nanos()) };
            stages.push(self.stage(*to, Window { start: from, end }, &operations));
            from = end;
        }
        stages
    }

    fn stage(&self, per_second: u32, window: Window, operations: &[(Instant, u64)]) -> Stage {
        let operations: Vec<_> = operations.iter().copied().filter(|(due, _)| window.contains(*due)).collect();
        let mut times: Vec<_> = operations.iter().map(|(_, nanos)| *nanos).collect();
        let samples = times.len() as u64;
        let nanos = samples::quantile(&mut times, self.quantile.fraction());
        Stage { per_second, window, operations, samples, nanos }
    }

    /// By the rule that a load goes by which ends with the first stair that is too high.
    fn is_too_slow(&self, stage: &Stage) -> bool {
        let limit = StairLimit { quantile: self.quantile, max: self.max };
        let is_good = |(_, nanos): &&(Instant, u64)| limit.is_good(*nanos != FOR_EVER, *nanos);
        !limit.holds(stage.samples, stage.operations.iter().filter(is_good).count() as u64)
    }

    fn judge_load(&self, case: &Case<'_>, load: usize) -> (Finding, f64) {
        let limit = format!("{}/s", self.min);
        let stages = self.stages(case, load);
        // A pause says nothing, and neither does a stage that the run did not reach.
        let reached: Vec<_> = stages.iter().filter(|stage| stage.samples > 0).collect();
        if reached.is_empty() {
            return (Finding::nothing(self, limit, "no load in stages did anything"), 0.0);
        }
        let needed = sample_size::for_quantile(self.quantile);
        let broke = reached.iter().position(|stage| self.is_too_slow(stage));
        let carried = &reached[..broke.unwrap_or(reached.len())];
        // The stage that proves the claim must have samples enough, or the one that refutes it.
        let highest = |samples_min: u64| {
            let carried = carried.iter().filter(|stage| stage.samples >= samples_min);
            carried.map(|stage| stage.per_second).max().unwrap_or(0)
        };
        let is_met = highest(needed) >= self.min;
        let capacity = if is_met { highest(needed) } else { highest(0) };
        let is_refuted = capacity < self.min && broke.is_some_and(|broke| reached[broke].samples >= needed);
        let is_proven = is_met || is_refuted;
        let note = match broke.map(|broke| reached[broke]) {
            Some(Stage { per_second, nanos: Some(FOR_EVER), .. }) => {
                format!("at {per_second}/s too many operations did not end ok")
            }
            Some(stage) => {
                let nanos = finding::time(stage.nanos.unwrap_or_default());
                format!("at {}/s p{} was {nanos}", stage.per_second, self.quantile.value())
            }
            None => "no stage was too much: the load did not reach the servers' capacity".to_owned(),
        };
        let doubt = format!("{needed} operations are needed in a stage for this quantile");
        let overloaded = broke.is_some_and(|broke| case.machine.overloaded_nanos(reached[broke].window) > 0);
        let client = "which was too much for the client: the servers may carry more".to_owned();
        let finding = Finding {
            status: if is_proven { finding::met(is_met) } else { Status::Inconclusive },
            measured: format!("{}{capacity}/s", if broke.is_some() { "" } else { ">= " }),
            samples: reached.iter().map(|stage| stage.samples).sum(),
            note: finding::note([
                note,
                if overloaded { client } else { String::new() },
                if is_proven { String::new() } else { doubt },
            ]),
            ..Finding::nothing(self, limit, "")
        };
        (finding, -f64::from(capacity))
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_load = of_load(self.load());
        write!(f, "capacity{of_load} at p{} <= {} >= {}/s", self.quantile.value(), self.max, self.min)
    }
}

impl SloKind for Capacity {
    /// It holds for each load in stages by itself.
    fn judge(&self, case: &Case<'_>) -> Finding {
        case.each_load(self.load(), |load| self.judge_load(case, load))
    }

    /// A miss is explained as that of a latency is, by the operations of the stage that was too much.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let missed =
            case.loads(self.load()).into_iter().filter(|load| self.judge_load(case, *load).0.status == Status::Fail);
        finding::all_explained(missed.map(|load| {
            let stages = self.stages(case, load);
            let broke = stages.into_iter().find(|stage| self.is_too_slow(stage))?;
            explain_excess(case, self.quantile, self.max, &broke.operations)
        }))
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn needs_idle_machine(&self) -> bool {
        true
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::InStages
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        let max = (self.max == Duration::default()).then(|| {
            let help = "write the longest it may take, such as `max: \"10ms\"`";
            WrongNumber::new("max", "no operation takes no time at all", help)
        });
        let quantile = (self.quantile.value() <= 1.0).then(|| {
            let help = "write a percentage such as 50, 99 or 99.9; 100 is the slowest operation";
            WrongNumber::new("quantile", "a quantile is a percentage above 1", help)
        });
        let min = (self.min == 0).then(|| {
            WrongNumber::new("min", "every server carries that much", "write operations a second, such as `min: 1000`")
        });
        max.into_iter().chain(quantile).chain(min).collect()
    }

    fn variant(&self) -> u64 {
        self.quantile.value().to_bits()
    }

    fn claimed_rate(&self) -> Option<ClaimedRate> {
        Some(ClaimedRate::OfStages(self.min))
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }
}
