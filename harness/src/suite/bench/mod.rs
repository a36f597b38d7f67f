//! `redis-harness bench`: what loads do on a fresh cluster without faults, and another program beside them.

mod rival;
mod round;

use std::path::PathBuf;

use self::rival::Rival;
use self::round::Round;
use super::commands::{cancel_on_signals, waiting};
use super::{Exit, Loaded};
use crate::evidence::{Event, EventKind};
use crate::present::{self, BenchFigures, BenchRow, UpdatePolicy};
use crate::run::{Cancel, LockHolder, MachineShare, lock_machine};
use crate::text::Style;
use crate::verdict::{RunOutcome, Verdict};
use crate::vocab::Duration;

use super::execute::{Executed, RunSettings, execute, require};

/// The scenario that is measured if none is named.
const DEFAULT: &str = include_str!("default.ron");

/// What `redis-harness bench` can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchOptions {
    /// A scenario: its cluster and its loads are taken, and neither its timeline nor its SLOs. If none is named: SET and GET of 50
    /// workers, one command after the other and in pipelines of 16.
    file: Option<PathBuf>,
    /// Measure each load this many times, each time on a fresh cluster.
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long a load runs that has no number of operations.
    #[arg(long, default_value = "5s", value_name = "TIME")]
    r#for: Duration,
    /// Measure this program by turns with the loads, on the same cluster.
    #[arg(long, value_name = "PROGRAM")]
    against: Option<Rival>,
    /// Where run directories are made.
    #[arg(long, default_value = "target/scenarios", value_name = "DIR")]
    out: PathBuf,
}

/// `redis-harness bench`.
pub fn bench(options: &BenchOptions) -> Exit {
    let style = Style { colour: present::errors_have_colour(), ..Style::PLAIN };
    let read = match &options.file {
        Some(file) => Loaded::read(file, style),
        None => Loaded::of(PathBuf::from("bench/default.ron"), DEFAULT.to_owned(), style),
    };
    let measured = read.and_then(|loaded| Bench::new(loaded, options).map_err(|why| format!("error: {why}\n")));
    match measured {
        Ok(bench) => bench.run(),
        Err(message) => {
            present::print_error(&message);
            Exit::Usage
        }
    }
}

struct Bench<'a> {
    scenario: Loaded,
    options: &'a BenchOptions,
    /// What was measured of each load so far, and of the rival beside it.
    measured: Vec<(Vec<BenchFigures>, Vec<BenchFigures>)>,
    /// What is to be said about single rounds.
    remarks: Vec<String>,
}

impl<'a> Bench<'a> {
    fn new(scenario: Loaded, options: &'a BenchOptions) -> Result<Self, String> {
        if scenario.plan.loads.is_empty() {
            return Err(format!("{} has no load to measure", scenario.path.display()));
        }
        options.against.map_or(Ok(()), Rival::is_there)?;
        let measured = vec![(Vec::new(), Vec::new()); scenario.plan.loads.len()];
        Ok(Self { scenario, options, measured, remarks: Vec::new() })
    }

    fn run(mut self) -> Exit {
        let cancel = Cancel::default();
        if let Err(error) = cancel_on_signals(cancel.clone()) {
            present::print_error(&format!("error: cannot watch for signals: {error}\n"));
            return Exit::Internal;
        }
        let mut end = Exit::Pass;
        for number in 0..self.options.rounds {
            present::print_error(&format!("round {} of {}\n", number + 1, self.options.rounds));
            match self.round(number, &cancel) {
                Ok(executed) => end = end.max(self.take(number, &executed)),
                Err((why, exit)) => {
                    present::print_error(&why);
                    end = end.max(exit);
                    break;
                }
            }
            if cancel.is_cancelled() {
                return Exit::Interrupted;
            }
        }
        present::print(&self.table());
        end
    }

    /// Runs a round. The error says why there is none.
    fn round(&mut self, number: u32, cancel: &Cancel) -> Result<Verdict, (String, Exit)> {
        let round = Round { number, scenario: &self.scenario, options: self.options };
        let loaded = round.scenario().map_err(|why| (why, Exit::Usage))?;
        let name = &loaded.plan.name;
        let failed = |error: &dyn std::fmt::Display, exit| (format!("error: {name}: {error}\n"), exit);
        require(&loaded.plan).map_err(|error| failed(&error, Exit::Inconclusive))?;
        let on_wait = |holders: &[LockHolder]| present::print_error(&waiting(holders));
        let machine_lock = lock_machine(name, MachineShare::of(&loaded.plan), cancel, on_wait)
            .map_err(|error| failed(&error, if cancel.is_cancelled() { Exit::Interrupted } else { Exit::Internal }))?;
        let settings = RunSettings { out: self.options.out.clone(), update: UpdatePolicy::No };
        let mut rivals = Vec::new();
        let mut on_event = |event: &Event| {
            if let EventKind::ProgramEnded { cpu_ms, printed, .. } = &event.kind {
                rivals.push((*cpu_ms, printed.clone()));
            }
        };
        let executed = execute(&loaded, &settings, &machine_lock, cancel, &mut on_event);
        let Executed { verdict, directory, .. } = executed.map_err(|error| failed(&error, Exit::Internal))?;
        if verdict.outcome == RunOutcome::Fail {
            present::print(&present::render_brief(&verdict, directory.path(), present::output_look()));
        }
        let mut rivals = rivals.iter();
        for (load, (_, theirs)) in self.scenario.plan.loads.iter().zip(&mut self.measured) {
            let Some(operations) = round.rivalled(load) else { continue };
            let figures = rivals.next().and_then(|(cpu_ms, printed)| rival::figures(printed, *cpu_ms, operations));
            theirs.extend(figures);
        }
        Ok(verdict)
    }

    /// Takes what the loads did in a round.
    fn take(&mut self, number: u32, verdict: &Verdict) -> Exit {
        for (summary, (ours, _)) in verdict.loads.iter().zip(&mut self.measured) {
            let latency = summary.latency.first();
            ours.push(BenchFigures {
                per_second: summary.ok_per_second,
                p50_ms: latency.map_or(0.0, |latency| latency.p50_ms),
                p99_ms: latency.map_or(0.0, |latency| latency.p99_ms),
                cpu_us: summary.totals.cpu_nanos as f64 / 1e3 / summary.totals.ok.max(1) as f64,
            });
        }
        if verdict.outcome != RunOutcome::Pass {
            self.remarks.push(format!("round {}: {}", number + 1, verdict.because));
        }
        if verdict.outcome == RunOutcome::Fail { Exit::Fail } else { Exit::Pass }
    }

    fn table(self) -> String {
        let rows = self.scenario.plan.loads.iter().zip(self.measured).map(|(load, (ours, theirs))| BenchRow {
            load: load.name.clone(),
            workers: load.workers(),
            pipeline: load.pipeline(),
            ours,
            theirs,
        });
        let rows: Vec<_> = rows.filter(|row| !row.ours.is_empty()).collect();
        let rival = self.options.against.as_ref().map(ToString::to_string);
        present::render_bench(&rows, rival.as_deref(), &self.remarks, present::output_look())
    }
}
