//! The subcommands of `redis-harness`.

use std::path::{Path, PathBuf};
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use super::execute::{ExecuteError, Executed, RunSettings, distrust, execute, judge_evidence, require};
use super::keep::{KEPT_RUNS, remove_earlier, removed_in_words};
use super::provider_options::ProviderOptions;
use super::servers::{ServerAnswer, ServerCache};
use super::{Exit, Loaded, files};
use crate::evidence::{Event, Evidence, EvidenceError, RunDirectory};
use crate::plan;
use crate::present::{self, LiveView, Look, ProgressLines, UpdatePolicy};
use crate::run::{Cancel, LockHolder, MachineLockError, MachineShare, lock_machine};
use crate::text::Style;
use crate::verdict::{RunOutcome, Verdict};

/// What `redis-harness run` can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct RunOptions {
    /// Scenario files, or directories of them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Run each scenario this many times.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Where run directories are made.
    #[arg(long, default_value = "target/scenarios", value_name = "DIR")]
    out: PathBuf,
    /// Keep this many earlier runs of each scenario that did not pass; of those that did, the last. What this command runs is
    /// kept until the next time.
    #[arg(long, default_value_t = KEPT_RUNS, value_name = "N")]
    keep: usize,
    /// Print verdicts only: a line each, and what was not met.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    provider: ProviderOptions,
    /// Record how the topology went as the scenario's snapshot, without a review.
    #[arg(long)]
    record: bool,
}

/// `redis-harness run`.
pub fn run(options: &RunOptions) -> Exit {
    let Ok(Found { loaded, broken: false }) = load_all(&options.files) else { return Exit::Usage };
    // What cannot be started at all is refused before anything waits for the machine. Without a server each run says so itself.
    if ask_servers(&loaded, &options.provider).is_err() {
        return Exit::Usage;
    }
    let cancel = Cancel::default();
    if let Err(error) = cancel_on_signals(cancel.clone()) {
        present::print_error(&format!("error: cannot watch for signals: {error}\n"));
        return Exit::Internal;
    }
    let settings = match UpdatePolicy::from_environment(options.record) {
        Ok(update) => RunSettings { out: options.out.clone(), provider: options.provider.clone(), update },
        Err(error) => {
            present::print_error(&format!("error: {error}\n"));
            return Exit::Usage;
        }
    };
    let mut tally = Tally::default();
    let mut worst = Exit::Pass;
    for scenario in &loaded {
        for _ in 0..options.times {
            if cancel.is_cancelled() {
                break;
            }
            worst = worst.max(run_one(scenario, options, &settings, &cancel, &mut tally));
        }
    }
    let removed = removed_in_words(tally.removed, options.keep);
    present::print(&present::fit(&removed, present::output_look()));
    if loaded.len() * options.times as usize > 1 {
        present::print(&tally.to_string());
    }
    if cancel.is_cancelled() { Exit::Interrupted } else { worst }
}

fn run_one(
    scenario: &Loaded,
    options: &RunOptions,
    settings: &RunSettings,
    cancel: &Cancel,
    tally: &mut Tally,
) -> Exit {
    // A run that is impossible here need not wait for the machine to be told so.
    if let Err(error) = require(&scenario.plan, settings) {
        present::print_error(&format!("error: {}: {error}\n", scenario.plan.name));
        tally.broken += 1;
        return end_of(&error);
    }
    let share = MachineShare::of(&scenario.plan);
    let on_wait = |holders: &[LockHolder]| present::print_error(&waiting(holders));
    let machine_lock = match lock_machine(&scenario.plan.name, share, cancel, on_wait) {
        Ok(machine_lock) => machine_lock,
        Err(MachineLockError::Interrupted) => return Exit::Interrupted,
        Err(error) => {
            present::print_error(&format!("error: {}: {error}\n", scenario.plan.name));
            tally.broken += 1;
            return Exit::Internal;
        }
    };
    let look = present::output_look();
    let progress = if present::is_watched() { ProgressLines::EverySecond } else { ProgressLines::EveryFiveSeconds };
    let mut view = LiveView::new(&scenario.plan.record(), progress, look);
    let mut show = |event: &Event| {
        let lines = view.show(event);
        if !options.quiet {
            present::print(&lines);
        }
    };
    let executed = execute(scenario, settings, &machine_lock, cancel, &mut show);
    tally.removed += remove_earlier(&settings.out.join(&scenario.plan.name), options.keep);
    match executed {
        Ok(executed) => {
            tally.add(&executed);
            show_executed(&executed, scenario, options.quiet, look)
        }
        Err(error) => {
            present::print_error(&format!("error: {}: {error}\n", scenario.plan.name));
            tally.broken += 1;
            end_of(&error)
        }
    }
}

/// Who has the machine, for those who wait for it.
pub(super) fn waiting(holders: &[LockHolder]) -> String {
    let who: Vec<_> = holders.iter().map(ToString::to_string).collect();
    match who.len() {
        // It has only just begun, or is of a version that does not say so.
        0 => "waiting: another run has the machine\n".to_owned(),
        1 => format!("waiting: another run has the machine: {}\n", who[0]),
        count => format!("waiting: {count} other runs have the machine: {}\n", who.join("; ")),
    }
}

fn show_executed(executed: &Executed, scenario: &Loaded, quiet: bool, look: Look) -> Exit {
    let render = if quiet { present::render_brief } else { present::render_verdict };
    present::print(&render(&executed.verdict, executed.directory.path(), look));
    if let Some(error) = &executed.unwritten {
        present::print_error(&format!("error: {error}\n"));
        return Exit::Internal;
    }
    report_to_github(executed, scenario);
    executed.verdict.outcome.into()
}

/// A summary that cannot be written takes nothing from the verdict: it is told.
pub(super) fn report_to_github(executed: &Executed, scenario: &Loaded) {
    if let Err(error) = present::report_to_github(&executed.verdict, &scenario.in_project(&scenario.path)) {
        present::print_error(&format!("cannot report to GitHub: {error}; the verdict stands\n"));
    }
}

fn end_of(error: &ExecuteError) -> Exit {
    if error.is_incapable() { Exit::Inconclusive } else { Exit::Internal }
}

/// How many runs ended how.
#[derive(Debug, Default)]
struct Tally {
    pass: u32,
    fail: u32,
    inconclusive: u32,
    broken: u32,
    /// Earlier runs that were removed.
    removed: usize,
}

impl Tally {
    fn add(&mut self, executed: &Executed) {
        match executed.verdict.outcome {
            RunOutcome::Pass => self.pass += 1,
            RunOutcome::Fail => self.fail += 1,
            RunOutcome::Inconclusive => self.inconclusive += 1,
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let runs = self.pass + self.fail + self.inconclusive + self.broken;
        write!(f, "\n{runs} runs: {} pass, {} fail, {} inconclusive", self.pass, self.fail, self.inconclusive)?;
        if self.broken > 0 {
            write!(f, ", {} without a verdict", self.broken)?;
        }
        writeln!(f)
    }
}

/// The first Ctrl-C (or SIGTERM) ends runs early with their evidence, the second ends the process, and its labs with it.
pub(super) fn cancel_on_signals(cancel: Cancel) -> nix::Result<()> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    // Blocked here, before any other thread exists, so that only the waiting thread gets them. Children start unblocked.
    signals.thread_block()?;
    thread::spawn(move || {
        while signals.wait().is_ok() {
            if cancel.is_cancelled() {
                std::process::exit(130);
            }
            present::print_error("\ninterrupted: ending the run (again: at once)\n");
            cancel.cancel();
        }
    });
    Ok(())
}

/// `redis-harness check`.
pub fn check(paths: &[PathBuf], provider: &ProviderOptions) -> Exit {
    let Ok(Found { loaded, broken }) = load_all(paths) else { return Exit::Usage };
    let Ok(not_asked) = ask_servers(&loaded, provider) else { return Exit::Usage };
    if broken {
        return Exit::Usage;
    }
    let scenarios = if loaded.len() == 1 { "scenario" } else { "scenarios" };
    present::print(&format!("{} {scenarios} without an error\n", loaded.len()));
    if let Some(why) = not_asked {
        let note = format!("note: directives were not checked: {why}\n");
        let is_as_wide = present::output_width().is_some();
        present::print(&if is_as_wide { present::fit(&note, present::output_look()) } else { note });
    }
    Exit::Pass
}

/// Asks the servers of all scenarios whether they accept their directives, and shows what they refuse, and all warnings.
/// Gives the reason if some could not be asked.
fn ask_servers(loaded: &[Loaded], provider: &ProviderOptions) -> Result<Option<String>, Exit> {
    let mut servers = ServerCache::default();
    let mut not_asked = None;
    let mut unusable = None;
    let mut refused = false;
    for scenario in loaded {
        present::print_error(&scenario.warnings(error_style()));
        match servers.ask(scenario, provider) {
            ServerAnswer::Accepted => {}
            ServerAnswer::Unknown(why) => not_asked = Some(why),
            ServerAnswer::Unusable(why) => unusable = Some(why),
            ServerAnswer::Refused(problems) => {
                present::print_error(&problems.render(error_style()));
                refused = true;
            }
        }
    }
    if let Some(why) = &unusable {
        present::print_error(&format!("error: {why}\n"));
    }
    if refused || unusable.is_some() { Err(Exit::Usage) } else { Ok(not_asked) }
}

/// `redis-harness list`.
pub fn list(paths: &[PathBuf]) -> Exit {
    let Ok(Found { loaded, broken }) = load_all(paths) else { return Exit::Usage };
    let rows: Vec<_> = loaded.iter().map(|Loaded { plan, .. }| (plan.name.as_str(), plan.about.as_str())).collect();
    present::print(&present::list(&rows, present::output_width()));
    if broken { Exit::Usage } else { Exit::Pass }
}

/// `redis-harness explain`.
pub fn explain(path: &Path) -> Exit {
    match Loaded::read(path, error_style()) {
        Ok(loaded) => {
            let text = plan::explain(&loaded.plan) + &snapshot_in_words(&loaded);
            present::print(&present::fit(&text, present::output_look()));
            Exit::Pass
        }
        Err(message) => {
            present::print_error(&message);
            Exit::Usage
        }
    }
}

/// Which snapshot a run will be compared with.
fn snapshot_in_words(loaded: &Loaded) -> String {
    let path = loaded.snapshot();
    let shown = loaded.in_project(&path);
    match (loaded.plan.snapshot, path.exists()) {
        (false, _) => "\nNo snapshot of the topology is kept (snapshot: false)\n".to_owned(),
        (true, true) => format!("\nThe topology's snapshot is {}\n", shown.display()),
        (true, false) => format!(
            "\nThe topology's snapshot will be {}: runs fail until one is reviewed and recorded\n",
            shown.display()
        ),
    }
}

/// `redis-harness judge`.
pub fn judge(path: &Path) -> Exit {
    match judge_again(path) {
        Ok(verdict) => {
            present::print(&present::render_verdict(&verdict, path, present::output_look()));
            verdict.outcome.into()
        }
        Err(message) => {
            present::print_error(&message);
            Exit::Usage
        }
    }
}

/// Judges a finished run from its directory. The error is for people: why this is nothing that can be judged.
pub fn judge_again(path: &Path) -> Result<Verdict, String> {
    let directory = run_directory(path)?;
    let told = |error: &dyn std::fmt::Display| format!("error: {error}\n");
    match Evidence::read(&directory) {
        Err(EvidenceError::Altered { differences }) => Ok(distrust(&directory, &differences)),
        evidence => {
            let evidence = evidence.map_err(|error| told(&error))?;
            judge_evidence(&directory, &evidence).map_err(|error| told(&error))
        }
    }
}

/// The directory of a run, if it is one.
pub(super) fn run_directory(path: &Path) -> Result<RunDirectory, String> {
    let directory = RunDirectory::new(path);
    if [directory.seal(), directory.info()].iter().all(|file| file.symlink_metadata().is_err()) {
        return Err(format!("error: {} is no run directory\n", path.display()));
    }
    Ok(directory)
}

fn error_style() -> Style {
    Style { colour: present::errors_have_colour(), columns: present::error_width().unwrap_or(Style::PLAIN.columns) }
}

/// The scenarios that could be read, and whether others could not.
struct Found {
    loaded: Vec<Loaded>,
    broken: bool,
}

/// Reads every scenario; every mistake in any of them is shown.
fn load_all(paths: &[PathBuf]) -> Result<Found, Exit> {
    let paths = files::find(paths).map_err(|message| {
        present::print_error(&message);
        Exit::Usage
    })?;
    let mut found = Found { loaded: Vec::with_capacity(paths.len()), broken: false };
    for path in paths {
        match Loaded::read(&path, error_style()) {
            Ok(scenario) => found.loaded.push(scenario),
            Err(message) => {
                present::print_error(&message);
                found.broken = true;
            }
        }
    }
    Ok(found)
}
