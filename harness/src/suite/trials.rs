//! Scenarios as tests: one trial a file, found when the test runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use super::execute::{Executed, Settings, execute};
use super::{Loaded, files};
use crate::lab::{self, ServerBinary};
use crate::present::{self, LiveView, ProgressLines, UpdatePolicy};
use crate::run::{self, Cancel, Sharing, take_turn};

/// The `main` of a test target with `harness = false`: a trial for each file in `scenarios/<family>`.
///
/// Names, filters, `--list`, `--exact` and `--ignored` work as in any Rust test. A scenario that this machine cannot run
/// is ignored with the reason; with `REQUIRE_ALL=1` it fails.
pub fn main(family: &str) -> ExitCode {
    run::enter_if_lab();
    let arguments = Arguments::from_args();
    let scenarios = match find_family(family) {
        Ok(scenarios) => scenarios,
        Err(message) => {
            present::print_error(&message);
            return ExitCode::FAILURE;
        }
    };
    // Asked for a list, too: nextest learns from it what is ignored, and takes an ignored trial that it runs for a pass.
    let incapable = incapacity();
    let required = std::env::var_os("REQUIRE_ALL").is_some_and(|value| value == "1");
    if let Some(reason) = &incapable
        && !required
    {
        present::print_error(&format!("{family}: every scenario is ignored: {reason}\n"));
    }
    let watch = arguments.nocapture;
    let trials = scenarios.into_iter().map(|path| {
        let name = format!("{family}::{}", path.file_stem().unwrap_or_default().to_string_lossy());
        let reason = incapable.clone();
        let ignored = reason.is_some() && !required;
        Trial::test(name, move || match reason {
            Some(reason) => Err(Failed::from(format!("this machine cannot run it: {reason}"))),
            None => attempt(&path, watch),
        })
        .with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
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

/// Why this machine can run no scenario at all; none if it can.
fn incapacity() -> Option<String> {
    let lab = lab::probe().err().map(|missing| missing.to_string());
    lab.or_else(|| ServerBinary::find(None).err().map(|error| error.to_string()))
}

fn attempt(path: &Path, watch: bool) -> Result<(), Failed> {
    let loaded = Loaded::read(path, false)?;
    let _turn = take_turn(Sharing::of(&loaded.plan), &Cancel::default(), || {}).map_err(|error| error.to_string())?;
    let update = UpdatePolicy::from_environment(false).map_err(|error| error.to_string())?;
    let settings = Settings { out: out_directory(path), update };
    let mut view = LiveView::new(&loaded.plan, ProgressLines::Trouble, false);
    let executed = execute(&loaded, &settings, &Cancel::default(), &mut |event| {
        if watch {
            present::print(&view.show(event));
        }
    });
    let executed = executed.map_err(|error| error.to_string())?;
    present::report_to_github(&executed.verdict, &loaded.path_in_project())
        .map_err(|error| format!("cannot report to GitHub: {error}"))?;
    if executed.is_pass() { Ok(()) } else { Err(Failed::from(explain_failure(&executed))) }
}

/// `target/scenarios` of the workspace that the scenario belongs to.
fn out_directory(scenario: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let beside = files::project_of(scenario).unwrap_or(Path::new("")).join("target");
    target.unwrap_or(beside).join("scenarios")
}

fn explain_failure(executed: &Executed) -> String {
    let verdict = present::render_verdict(&executed.verdict, executed.directory.path(), false);
    let snapshot = executed.snapshot.as_ref().map(|status| present::render_snapshot_status(status, false));
    verdict + &snapshot.unwrap_or_default()
}
