//! What is wrong with the SLOs.

use crate::check::{During, Slo};
use crate::scenario::{Cursor, Problem, Step};
use crate::vocab::Duration;

use super::checker::Checker;

impl Checker<'_> {
    /// Every SLO: whether it can be judged, and whether it can be met.
    pub(super) fn check_slos(&mut self) {
        let scenario = self.scenario;
        for (index, slo) in scenario.slos.iter().enumerate() {
            let at = self.root.field("slos").index(index);
            self.check_numbers(slo, at);
            self.check_load(slo, at);
            self.check_fault(slo, at);
            if let Slo::Failover(_) = slo {
                self.check_failover(at);
            }
            if let Some(first) = scenario.slos[..index].iter().position(|other| other == slo)
                && self.sound.slos
            {
                let first = self.root.field("slos").index(first).head();
                self.report(Problem::new(at.head(), "this SLO stands here twice").also(first, "the first"));
            }
        }
    }

    fn check_numbers(&mut self, slo: &Slo, at: Cursor<'_>) {
        let zero = Duration::default();
        match slo {
            Slo::Failover(slo) if slo.max == zero => {
                let problem = Problem::new(at.field("max").head(), "no failover takes no time at all");
                self.report(problem.help("write the longest it may take, such as `max: \"3s\"`"));
            }
            Slo::Latency(slo) => {
                if slo.max == zero {
                    let problem = Problem::new(at.field("max").head(), "no operation takes no time at all");
                    self.report(problem.help("write the longest it may take, such as `max: \"10ms\"`"));
                }
                if slo.quantile.value() <= 0.0 {
                    let problem = Problem::new(at.field("quantile").head(), "a quantile lies above 0");
                    self.report(
                        problem.help("write a percentage such as 50, 99 or 99.9; 100 is the slowest operation"),
                    );
                }
            }
            Slo::Throughput(slo) if !slo.min.is_finite() || slo.min < 0.0 => {
                let problem = Problem::new(at.field("min").head(), format!("`{}` is not a rate", slo.min));
                self.report(problem.help("write the lowest rate in operations a second, such as `min: 1000`"));
            }
            Slo::LostWrites(slo) if slo.min > slo.max => {
                let message = format!("at least {} and at most {} contradict each other", slo.min, slo.max);
                self.report(Problem::new(at.field("min").head(), message));
            }
            _ => {}
        }
    }

    /// An SLO about operations that nobody does.
    fn check_load(&mut self, slo: &Slo, at: Cursor<'_>) {
        let about_writes = matches!(slo, Slo::Failover(_) | Slo::LostWrites(_) | Slo::MinorityWrites(_));
        let message = if self.sound.load && self.scenario.load.is_empty() {
            "this cannot be judged without a load"
        } else if about_writes && !self.writes() {
            "this cannot be judged: no load writes"
        } else {
            return;
        };
        let problem = Problem::new(at.head(), message);
        self.report(problem.help("add a load that writes: `mix: [Set(value: \"16B\"), Get()]`"));
    }

    /// An SLO about a fault that does not happen.
    fn check_fault(&mut self, slo: &Slo, at: Cursor<'_>) {
        let during = match slo {
            Slo::Latency(slo) => slo.during,
            Slo::Throughput(slo) => slo.during,
            Slo::ErrorRate(slo) => slo.during,
            Slo::Failover(_) | Slo::MinorityWrites(_) => During::Fault,
            Slo::LostWrites(_) | Slo::Unavailability(_) => During::Whole,
        };
        let is_fault = |step: &Step| match slo {
            Slo::MinorityWrites(_) => matches!(step, Step::Partition(_)),
            _ => is_fault(step),
        };
        if during != During::Fault || !self.sound.timeline || self.scenario.timeline.iter().any(is_fault) {
            return;
        }
        let place = if at.field("during").is_exact() { at.field("during") } else { at };
        let problem = Problem::new(place.head(), "the timeline has no fault that this could be about");
        self.report(problem.help(match slo {
            Slo::MinorityWrites(_) => "cut a master off: `Partition(links: Isolate(node: \"A\", with: [\"app\"]))`",
            _ => "a fault is `Kill`, `Stop`, `Pause`, `Partition` or `Shape`",
        }));
    }

    fn check_failover(&mut self, at: Cursor<'_>) {
        if let Some((why, place)) = self.no_failover() {
            let problem = Problem::new(at.head(), format!("this cannot be met: {why}"));
            self.report(problem.also(place, "the reason"));
        }
    }
}

/// Whether a step is a fault, and not the end of one.
pub(super) fn is_fault(step: &Step) -> bool {
    matches!(step, Step::Kill(_) | Step::Stop(_) | Step::Pause(_) | Step::Partition(_) | Step::Shape(_))
}
