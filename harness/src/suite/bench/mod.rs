//! `redis-harness bench`: what loads do on a fresh cluster without faults, and another program beside them.

mod rival;
mod round;

use std::path::{Path, PathBuf};

use self::rival::{Rival, RivalCommand};
use self::round::Round;
use super::commands::{cancel_on_signals, waiting};
use super::{Exit, Loaded, ProviderOptions};
use crate::evidence::{Event, EventKind};
use crate::load::Load;
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
    #[command(flatten)]
    provider: ProviderOptions,
}

/// `redis-harness bench`.
pub fn bench(options: &BenchOptions) -> Exit {
    let style = Style { colour: present::errors_have_colour(), ..Style::PLAIN };
    let read = match &options.file {
        Some(file) => Loaded::read(file, style),
        None => Loaded::of(PathBuf::from("bench/default.ron"), Path::new(""), DEFAULT.to_owned(), style),
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
    /// What was measured so far.
    rows: Vec<BenchRow>,
    /// What is to be said about single rounds.
    remarks: Vec<String>,
}

impl<'a> Bench<'a> {
    fn new(scenario: Loaded, options: &'a BenchOptions) -> Result<Self, String> {
        if scenario.plan.loads.is_empty() {
            return Err(format!("{} has no load to measure", scenario.path.display()));
        }
        options.against.map_or(Ok(()), Rival::is_there)?;
        let row = |load: &Load| BenchRow {
            load: load.name.clone(),
            workers: load.workers(),
            pipeline: load.pipeline(),
            rounds: Vec::new(),
        };
        let rows = scenario.plan.loads.iter().map(row).collect();
        Ok(Self { scenario, options, rows, remarks: Vec::new() })
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
                Ok(exit) => end = end.max(exit),
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
        let rival = self.options.against.map(|rival| rival.to_string());
        let look = present::output_look();
        present::print(&present::render_bench(&self.rows, rival.as_deref(), &self.remarks, look));
        end
    }

    /// Runs a round and takes its figures. The error says why there is none.
    fn round(&mut self, number: u32, cancel: &Cancel) -> Result<Exit, (String, Exit)> {
        let rivals: Vec<_> = self.scenario.plan.loads.iter().map(|load| self.rival(load)).collect();
        let round = Round { number, scenario: &self.scenario, rivals: &rivals, r#for: self.options.r#for };
        let loaded = round.scenario().map_err(|why| (why, Exit::Usage))?;
        let name = &loaded.plan.name;
        let failed = |error: &dyn std::fmt::Display, exit| (format!("error: {name}: {error}\n"), exit);
        let (out, provider) = (self.options.out.clone(), self.options.provider.clone());
        let settings = RunSettings { out, provider, update: UpdatePolicy::No };
        require(&loaded.plan, &settings).map_err(|error| failed(&error, Exit::Inconclusive))?;
        let on_wait = |holders: &[LockHolder]| present::print_error(&waiting(holders));
        let machine_lock = lock_machine(name, MachineShare::of(&loaded.plan), cancel, on_wait)
            .map_err(|error| failed(&error, if cancel.is_cancelled() { Exit::Interrupted } else { Exit::Internal }))?;
        let (mut printed, mut steps_done) = (Vec::new(), 0);
        let mut on_event = |event: &Event| match &event.kind {
            EventKind::ProgramEnded { cpu_ms, printed: text, .. } => printed.push((*cpu_ms, text.clone())),
            EventKind::StepEnded { .. } => steps_done += 1,
            _ => {}
        };
        let executed = execute(&loaded, &settings, &machine_lock, cancel, &mut on_event);
        let Executed { verdict, directory, .. } = executed.map_err(|error| failed(&error, Exit::Internal))?;
        if verdict.outcome == RunOutcome::Fail {
            present::print(&present::render_brief(&verdict, directory.path(), present::output_look()));
        }
        // What was done in a round that broke off is no figure of anything.
        if steps_done == loaded.plan.steps.len() {
            self.take(&verdict, &rivals, &printed);
        }
        let broken = verdict.assumptions.iter().any(|assumption| !assumption.holds);
        // That nothing was claimed is no remark: a benchmark claims nothing.
        let exit = match verdict.outcome {
            RunOutcome::Fail => Exit::Fail,
            _ if broken => Exit::Inconclusive,
            _ => return Ok(Exit::Pass),
        };
        self.remarks.push(format!("round {}: {}", number + 1, verdict.because));
        Ok(exit)
    }

    /// What is measured beside a load, if anything is that can do the same.
    fn rival(&self, load: &Load) -> Option<RivalCommand> {
        self.options.against?.command(&self.scenario.plan, load)
    }

    /// Takes the figures of a round in which everything was done: what each rival printed, and its processor time, in their order.
    fn take(&mut self, verdict: &Verdict, rivals: &[Option<RivalCommand>], printed: &[(f64, String)]) {
        let mut printed = printed.iter();
        for ((row, summary), rival) in self.rows.iter_mut().zip(&verdict.loads).zip(rivals) {
            let said = rival.as_ref().and_then(|rival| Some((rival, printed.next()?)));
            let theirs = said
                .and_then(|(command, (cpu_ms, text))| self.options.against?.figures(text, *cpu_ms, command.operations));
            // Without an operation there is nothing to show.
            let Some(latency) = summary.latency.first() else { continue };
            let ours = BenchFigures {
                per_second: summary.ok_per_second,
                p50_ms: latency.p50_ms,
                p99_ms: latency.p99_ms,
                late_p99_us: summary.starts_late.as_ref().map(|late| late.p99_ms * 1e3),
                cpu_us: summary.totals.cpu_nanos as f64 / 1e3 / summary.totals.ok.max(1) as f64,
            };
            row.rounds.push((ours, theirs));
        }
    }
}
