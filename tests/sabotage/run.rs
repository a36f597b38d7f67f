//! A run of a scenario against a sabotaged server, by the command.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::check::{RunOutcome, Status};
use harness::provider::{SERVER_VARIABLE, ServerBinary};
use harness::verdict::Verdict;

use super::server::TRUE_SERVER;

/// What a run came to.
pub(super) struct Ran {
    pub(super) verdict: Verdict,
    /// What the command printed.
    pub(super) printed: String,
}

/// Runs the scenario with the server of this name; as scenarios are, again where nothing but a busy machine was in the way of an
/// answer: up to `RERUN_INCONCLUSIVE` times, and each time that is told.
pub(super) fn run_to_an_answer(sabotage: &str, scenario: &str) -> Ran {
    let reruns = std::env::var("RERUN_INCONCLUSIVE").map_or(0, |number| number.parse().expect("a number"));
    let mut ran = run(sabotage, scenario);
    for rerun in 1..=reruns {
        if !ran.verdict.is_spoiled_by_machine() {
            break;
        }
        super::tell(&format!(
            "{scenario}::{sabotage} is run again ({rerun} of at most {reruns} times): {}",
            ran.verdict.because
        ));
        ran = run(sabotage, scenario);
    }
    ran
}

/// Runs it once.
fn run(sabotage: &str, scenario: &str) -> Ran {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = directory.path().join(sabotage);
    symlink(std::env::current_exe().expect("a path"), &server).expect("a link");
    let true_server = ServerBinary::find(None).expect("a server").path;
    let scenario =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/sabotage").join(scenario).with_extension("ron");
    let out = directory.path().join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-harness"));
    command.arg("run").arg(scenario).arg("--out").arg(&out).stdin(Stdio::null()).env_remove("GITHUB_ACTIONS");
    command.env(SERVER_VARIABLE, &server).env(TRUE_SERVER, true_server);
    let ended = command.output().expect("the command starts");
    let printed = [ended.stdout, ended.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let report = report_in(&out).unwrap_or_else(|| panic!("there is no report: {printed}"));
    let verdict: Verdict = serde_json::from_slice(&fs::read(report).expect("a report")).expect("a verdict");
    Ran { verdict, printed }
}

/// The report of the one run whose directory lies in here, by family and scenario.
fn report_in(out: &Path) -> Option<PathBuf> {
    let inside =
        |path: PathBuf| fs::read_dir(path).ok()?.flatten().map(|entry| entry.path()).find(|path| path.is_dir());
    let report = (0..3).try_fold(out.to_owned(), |path, _| inside(path))?.join("report.json");
    report.is_file().then_some(report)
}

impl Ran {
    /// The checks that failed.
    pub(super) fn failed(&self) -> Vec<&str> {
        let findings = self.verdict.findings.iter();
        findings.filter(|finding| finding.status == Status::Fail).map(|finding| finding.check.as_str()).collect()
    }

    #[track_caller]
    pub(super) fn ends(&self, outcome: RunOutcome, failed: &[&str]) {
        assert_eq!((self.verdict.outcome, &self.failed()[..]), (outcome, failed), "{}", self.printed);
    }
}
