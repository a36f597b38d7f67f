//! Scenarios as tests: one trial a file, found when the test runs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};

use super::commands::{report_to_github, waiting};
use super::execute::{Executed, RunSettings, execute};
use super::keep::{KEPT_RUNS, remove_earlier, removed_in_words};
use super::launch_queue::LaunchQueue;
use super::servers::{ServerAnswer, ServerCache};
use super::{Loaded, ProviderOptions, files};
use crate::plan::Plan;
use crate::present::{self, LiveView, Look, ProgressLines, UpdatePolicy};
use crate::provider::Need;
use crate::run::{self, Cancel, LockHolder, MachineShare, lock_machine, quarters};
use crate::text::Style;
use crate::verdict::RunOutcome;

/// The `main` of a test target with `harness = false`: a trial for each file in `scenarios/<family>`.
///
/// Names, filters, `--list`, `--exact` and `--ignored` work as in any Rust test. A scenario that this machine cannot run
/// is ignored with the reason; with `REQUIRE_ALL=1` it fails. One that is inconclusive because the machine was too busy, and for
/// no other reason, is run again up to `RERUN_INCONCLUSIVE` times (none if not said), and each time that is told.
pub fn main(family: &str) -> ExitCode {
    run::enter_if_lab();
    let mut arguments = Arguments::from_args();
    // Most of the time scenarios sleep. How many run at once is for the machine's lock to decide.
    arguments.test_threads.get_or_insert(quarters());
    let scenarios = match find_family(family) {
        Ok(scenarios) => scenarios,
        Err(message) => {
            present::print_error(&message);
            return ExitCode::FAILURE;
        }
    };
    let provider = match ProviderOptions::from_environment() {
        Ok(provider) => provider,
        Err(message) => {
            present::print_error(&message);
            return ExitCode::FAILURE;
        }
    };
    // Also when only a list is wanted: nextest learns from it what is ignored, and takes an ignored trial that it runs for a pass.
    let mut candidates: Vec<_> = scenarios.iter().map(|path| Candidate::read(family, path, &provider)).collect();
    // Runs that share the machine go before those that must have it alone, which would wait for them in between; and of these
    // the longest first, or it would be the last to end while nothing is left to fill the rest of the machine.
    candidates.sort_by_key(|candidate| {
        candidate.plan().map(|plan| (MachineShare::of(plan), Reverse(plan.shortest_timeline())))
    });
    let required = std::env::var_os("REQUIRE_ALL").is_some_and(|value| value == "1");
    if !required {
        present::print_error(&ignored(&candidates));
    }
    let watch = arguments.nocapture;
    let removed = Arc::new(AtomicUsize::new(0));
    let queue = Arc::new(LaunchQueue::default());
    let trials = candidates.into_iter().enumerate().map(|(place, candidate)| {
        let family =
            Family { watch, provider: provider.clone(), removed: Arc::clone(&removed), queue: Arc::clone(&queue) };
        candidate.trial(required, place, family)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    present::print_error(&removed_in_words(removed.load(Ordering::Relaxed), KEPT_RUNS));
    conclusion.exit_code()
}

/// What the trials of a family share.
struct Family {
    /// Whether somebody watches their runs.
    watch: bool,
    /// What runs the servers, by the environment.
    provider: ProviderOptions,
    /// How many earlier runs were removed.
    removed: Arc<AtomicUsize>,
    queue: Arc<LaunchQueue>,
}

/// A scenario that is to be a trial.
struct Candidate {
    name: String,
    loaded: Result<Loaded, String>,
    /// Why this machine cannot run it.
    incapable: Option<String>,
}

impl Candidate {
    /// Of a file, which becomes a trial also when it has errors: one that fails.
    fn read(family: &str, path: &Path, provider: &ProviderOptions) -> Self {
        let loaded = Loaded::read(path, Style::PLAIN);
        let incapable = loaded.as_ref().ok().and_then(|loaded| incapacity(&loaded.plan, provider));
        Self {
            name: format!("{family}::{}", path.file_stem().unwrap_or_default().to_string_lossy()),
            loaded,
            incapable,
        }
    }

    /// Its plan, unless the file has errors.
    fn plan(&self) -> Option<&Plan> {
        self.loaded.as_ref().ok().map(|loaded| &loaded.plan)
    }

    fn trial(self, required: bool, place: usize, family: Family) -> Trial {
        let Self { name, loaded, incapable } = self;
        let ignored = incapable.is_some() && !required;
        let run = move || match incapable {
            Some(reason) => Err(Failed::from(format!("this machine cannot run it: {reason}"))),
            None => attempt(&loaded?, place, &family),
        };
        Trial::test(name, run).with_ignored_flag(ignored)
    }
}

/// Says which trials are ignored: a line for each reason.
fn ignored(candidates: &[Candidate]) -> String {
    let mut by_reason = BTreeMap::<&str, Vec<&str>>::new();
    for candidate in candidates {
        if let Some(reason) = &candidate.incapable {
            by_reason.entry(reason).or_default().push(&candidate.name);
        }
    }
    let line = |(reason, names): (&str, Vec<&str>)| format!("ignored: {}: {reason}\n", names.join(", "));
    by_reason.into_iter().map(line).collect()
}

/// The scenarios of a family, from the nearest directory above this one that has them.
fn find_family(family: &str) -> Result<Vec<PathBuf>, String> {
    let here = std::env::current_dir().map_err(|error| format!("error: there is no current directory: {error}\n"))?;
    let wanted = Path::new("scenarios").join(family);
    let directory = here.ancestors().map(|ancestor| ancestor.join(&wanted)).find(|directory| directory.is_dir());
    let directory =
        directory.ok_or_else(|| format!("error: there is no {} here or in a directory above\n", wanted.display()))?;
    files::find(&[directory])
}

/// Why this machine cannot run the scenario; none if it can, or if what is asked for makes no sense.
fn incapacity(plan: &Plan, options: &ProviderOptions) -> Option<String> {
    let provider = options.choose(plan).ok()?;
    let needs = std::iter::once(Need::Hosts).chain(plan.needs());
    if let Some(missing) = needs.into_iter().find_map(|need| provider.check(need).err()) {
        return Some(missing.to_string());
    }
    // Most scenarios name no binary: the same one is meant by all nodes.
    let servers: BTreeSet<_> =
        plan.nodes.iter().map(|node| provider.server(node.binary.as_deref(), node.image.as_deref())).collect();
    servers.into_iter().find_map(|server| server.find().err()).map(|error| error.to_string())
}

/// How often a scenario is run again at most when the machine was too busy for an answer.
fn reruns() -> Result<u32, String> {
    let Some(value) = std::env::var_os("RERUN_INCONCLUSIVE") else { return Ok(0) };
    let number = value.to_str().and_then(|value| value.parse().ok());
    number.ok_or_else(|| format!("RERUN_INCONCLUSIVE must be a number such as 2, not {}", value.display()))
}

/// Runs the scenario until it has an answer: the first, unless nothing but the machine was in its way.
fn attempt(loaded: &Loaded, place: usize, family: &Family) -> Result<(), Failed> {
    match ServerCache::default().ask(loaded, &family.provider) {
        ServerAnswer::Refused(problems) => return Err(problems.to_string().into()),
        ServerAnswer::Unusable(why) => return Err(why.into()),
        ServerAnswer::Accepted | ServerAnswer::Unknown(_) => {}
    }
    let reruns = reruns()?;
    let mut executed = run_once(loaded, place, family)?;
    for rerun in 1..=reruns {
        if !executed.verdict.is_spoiled_by_machine() {
            break;
        }
        let (name, because) = (&loaded.plan.name, &executed.verdict.because);
        present::print_error(&format!("{name} is run again ({rerun} of at most {reruns} times): {because}\n"));
        executed = run_once(loaded, place, family)?;
    }
    conclude(executed, loaded)
}

fn run_once(loaded: &Loaded, place: usize, family: &Family) -> Result<Executed, Failed> {
    let (plan, cancel) = (&loaded.plan, Cancel::default());
    // That trials wait for each other is how the family runs.
    let on_wait = |holders: &[LockHolder]| {
        if holders.iter().any(|holder| !holder.is_own()) {
            present::print_error(&waiting(holders));
        }
    };
    let share = MachineShare::of(plan);
    let permit = family.queue.wait(place);
    let machine_lock = lock_machine(&plan.name, share, &cancel, on_wait).map_err(|error| error.to_string())?;
    drop(permit);
    let update = UpdatePolicy::from_environment(false).map_err(|error| error.to_string())?;
    let settings = RunSettings { out: out_directory(&loaded.path), provider: family.provider.clone(), update };
    let mut view = LiveView::new(&loaded.plan.record(), ProgressLines::EveryFiveSeconds, Look::plain());
    let executed = execute(loaded, &settings, &machine_lock, &cancel, &mut |event| {
        if family.watch {
            present::print(&view.show(event));
        }
    });
    let earlier = remove_earlier(&settings.out.join(&loaded.plan.name), KEPT_RUNS);
    family.removed.fetch_add(earlier, Ordering::Relaxed);
    Ok(executed.map_err(|error| error.to_string())?)
}

fn conclude(executed: Executed, loaded: &Loaded) -> Result<(), Failed> {
    report_to_github(&executed, loaded);
    let unwritten = executed.unwritten.map(|error| format!("error: {error}\n")).unwrap_or_default();
    if executed.verdict.outcome == RunOutcome::Pass && unwritten.is_empty() {
        return Ok(());
    }
    Err(Failed::from(present::render_verdict(&executed.verdict, executed.directory.path(), Look::plain()) + &unwritten))
}

/// `target/scenarios` of the workspace that the scenario belongs to.
fn out_directory(scenario: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let beside = files::project_of(scenario).unwrap_or(Path::new("")).join("target");
    target.unwrap_or(beside).join("scenarios")
}
