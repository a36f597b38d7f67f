//! What is wrong with the SLOs.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};

use crate::check::{During, Promotions, Slo, Throughput};
use crate::load::{Load, Op, Pace};
use crate::scenario::{Cursor, Partition, Problem, Step};
use crate::vocab::{Duration, HostName, Links};

use super::checker::Checker;

/// The fewest masters of which a majority is left when one is cut off.
const MASTERS_MIN: u16 = 3;

impl Checker<'_> {
    /// Every SLO: whether it can be judged, and whether it can be met.
    pub(super) fn check_slos(&mut self) {
        let scenario = self.scenario;
        for (index, slo) in scenario.slos.iter().enumerate() {
            let at = self.root.field("slos").index(index);
            self.check_numbers(slo, at);
            self.check_load(slo, at);
            self.check_demand(slo, at);
            self.check_fault(slo, at);
            if matches!(slo, Slo::Failover(_) | Slo::Promotions(Promotions { min: 1.., .. })) {
                self.check_failover(at);
            }
        }
        if self.sound.slos {
            self.check_twins();
        }
    }

    /// SLOs about the same: of two bounds the stricter one decides, and the other would be read for what holds.
    fn check_twins(&mut self) {
        let mut first_of = HashMap::new();
        let slos = self.root.field("slos");
        for (index, slo) in self.scenario.slos.iter().enumerate() {
            let first = *first_of.entry(subject(slo)).or_insert(index);
            if first == index {
                continue;
            }
            let message = if self.scenario.slos[first] == *slo {
                "this SLO stands here twice"
            } else {
                "another SLO bounds the same: the stricter of the two decides"
            };
            let problem = Problem::new(slos.index(index).head(), message).also(slos.index(first).head(), "the first");
            self.report(problem.help("keep one of them"));
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
                let quantile = slo.quantile.value();
                if quantile > 0.0 && quantile <= 1.0 {
                    let message = format!("a quantile is a percentage: `{quantile}` would be {quantile} %");
                    let meant = (quantile * 1e8).round() / 1e6;
                    self.report(
                        Problem::new(at.field("quantile").head(), message).help(format!("did you mean `{meant}`?")),
                    );
                } else if quantile <= 0.0 {
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
            Slo::MinorityWrites(slo) if slo.max == zero => {
                let problem = Problem::new(at.field("max").head(), "no master notices at once that it is cut off");
                self.report(problem.help("it takes a `cluster-node-timeout` and more: write such as `max: \"2s\"`"));
            }
            Slo::LostWrites(slo) if slo.min > slo.max && self.is_as_written(at) => {
                let message = format!("at least {} and at most {} contradict each other", slo.min, slo.max);
                self.report(Problem::new(at.field("min").head(), message));
            }
            _ => {}
        }
    }

    /// An SLO about operations that nobody does.
    fn check_load(&mut self, slo: &Slo, at: Cursor<'_>) {
        let about_writes = matches!(slo, Slo::Failover(_) | Slo::LostWrites(_) | Slo::MinorityWrites(_));
        if let Slo::Promotions(_) = slo {
            return;
        }
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

    /// A rate above what open loops ask for. A closed one asks for as much as it gets.
    fn check_demand(&mut self, slo: &Slo, at: Cursor<'_>) {
        let Slo::Throughput(Throughput { min, .. }) = slo else { return };
        let rate_of = |load: &Load| {
            let most = load.mix.iter().map(Op::operations).max().unwrap_or_default();
            match load.pace {
                Pace::Open { per_second } => Some(u64::from(per_second) * u64::from(most)),
                Pace::Closed => None,
            }
        };
        let demand: Option<u64> = self.scenario.load.iter().map(rate_of).sum();
        let Some(demand) = demand.filter(|demand| self.sound.load && *demand > 0) else { return };
        if min.is_finite() && *min > demand as f64 {
            let message =
                format!("no load asks for that much: the loads demand at most {demand} operations a second together");
            let problem = Problem::new(at.field("min").head(), message);
            self.report(problem.help("a rate that is reached lies a little below what the loads demand"));
        }
    }

    /// An SLO about a fault that does not happen.
    fn check_fault(&mut self, slo: &Slo, at: Cursor<'_>) {
        let during = match slo {
            Slo::Latency(slo) => slo.during,
            Slo::Throughput(slo) => slo.during,
            Slo::ErrorRate(slo) => slo.during,
            Slo::Failover(_) | Slo::MinorityWrites(_) => During::Fault,
            Slo::LostWrites(_) | Slo::Promotions(_) | Slo::Unavailability(_) => During::Whole,
        };
        let is_fault = |step: &Step| match slo {
            Slo::MinorityWrites(_) => matches!(step, Step::Partition(_)),
            // No shape takes a master away.
            Slo::Failover(_) => is_fault(step) && !matches!(step, Step::Shape(_)),
            _ => is_fault(step),
        };
        if during != During::Fault || !self.sound.timeline {
            return;
        }
        if self.scenario.timeline.iter().any(is_fault) {
            if let Slo::MinorityWrites(_) = slo {
                self.check_minority(at);
            }
            return;
        }
        let place = if at.field("during").is_exact() { at.field("during") } else { at };
        let (fault, help) = match slo {
            Slo::MinorityWrites(_) => {
                ("partition", "cut a master off: `Partition(links: Isolate(node: \"A\", with: [\"app\"]))`")
            }
            Slo::Failover(_) => ("fault", "a master is taken away by `Kill`, `Stop`, `Pause` or `Partition`"),
            _ => ("fault", "a fault is `Kill`, `Stop`, `Pause`, `Partition` or `Shape`"),
        };
        let problem = Problem::new(place.head(), format!("the timeline has no {fault} that this could be about"));
        self.report(problem.help(help));
    }

    /// A single partition that cuts one node off from everybody who writes: what it acknowledges alone is nothing. With other
    /// faults beside it others may be in a minority, too.
    fn check_minority(&mut self, at: Cursor<'_>) {
        let scenario = self.scenario;
        let takes_away = |step: &Step| is_fault(step) && !matches!(step, Step::Shape(_));
        let faults: Vec<_> = scenario.timeline.iter().enumerate().filter(|(_, step)| takes_away(step)).collect();
        let [(index, Step::Partition(Partition { links: Links::Isolate(isolated), .. }))] = faults[..] else { return };
        let Some(node) = &isolated.node else { return };
        let clients = self.client_hosts();
        let writers: Vec<_> =
            scenario.load.iter().filter(|load| load.mix.iter().any(Op::writes)).map(Load::host).collect();
        let Some(first) = writers.first() else { return };
        let reaches = |host: &HostName| host.is(node) || isolated.with.contains(host);
        let certain = self.sound.topology && self.sound.load && self.shape().0 >= MASTERS_MIN;
        // A node on its side may make it the majority; an unknown host may be meant to be the one that writes.
        if certain && isolated.with.iter().all(|host| clients.contains(host)) && !writers.iter().any(reaches) {
            let message = format!("this cannot be judged: no write reaches `{node}` after the cut");
            let place = self.root.field("timeline").index(index).field("links");
            let problem = Problem::new(at.head(), message).also(place.head(), "nobody who writes is on its side");
            self.report(problem.help(format!("put a client there: `Isolate(node: \"{node}\", with: [\"{first}\"])`")));
        }
    }

    fn check_failover(&mut self, at: Cursor<'_>) {
        if let Some((why, place)) = self.no_failover() {
            let problem = Problem::new(at.head(), format!("this cannot be met: {why}"));
            self.report(problem.also(place, "the reason"));
        }
    }
}

/// What an SLO is about: its kind, the quantile and the part of the run.
fn subject(slo: &Slo) -> (Discriminant<Slo>, u64, &'static str) {
    let part = |during: During| match during {
        During::Steady => "steady",
        During::Fault => "fault",
        During::Whole => "whole",
    };
    let (quantile, during) = match slo {
        Slo::Latency(slo) => (slo.quantile.value().to_bits(), part(slo.during)),
        Slo::Throughput(slo) => (0, part(slo.during)),
        Slo::ErrorRate(slo) => (0, part(slo.during)),
        Slo::Failover(_)
        | Slo::LostWrites(_)
        | Slo::MinorityWrites(_)
        | Slo::Promotions(_)
        | Slo::Unavailability(_) => (0, ""),
    };
    (discriminant(slo), quantile, during)
}

/// Whether a step is a fault, and not the end of one.
pub(super) fn is_fault(step: &Step) -> bool {
    matches!(step, Step::Kill(_) | Step::Stop(_) | Step::Pause(_) | Step::Partition(_) | Step::Shape(_))
}
