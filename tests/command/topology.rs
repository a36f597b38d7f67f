//! The topology compared with its recorded snapshot, in projects made for these tests.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::started::{END_BOUND, Ended, Started, WAIT_BOUND, command, scenario};

pub(super) const TRIALS: &[(&str, fn())] = &[
    ("topology::one_that_differs_fails_wherever_it_is_told", differs),
    ("topology::one_that_nobody_recorded_fails_with_the_way_out", not_recorded),
    ("topology::it_is_recorded_outside_of_any_project", alone),
    ("topology::a_snapshot_that_cannot_be_written_loses_no_verdict", unwritten),
];

/// A scenario whose snapshot is kept, in a directory of its own, and where its runs go.
struct Project {
    directory: TempDir,
    scenario: PathBuf,
    snapshot: PathBuf,
}

impl Project {
    /// With the scenario in this directory, and its snapshot in this file.
    fn new(scenarios: &str, snapshot: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let text = fs::read_to_string(scenario("healthy")).expect("a scenario").replace("snapshot: false,", "");
        let path = directory.path().join(scenarios).join("healthy.ron");
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(&path, text).expect("a file");
        let snapshot = directory.path().join(snapshot);
        Self { directory, scenario: path, snapshot }
    }

    fn family() -> Self {
        Self::new("scenarios/fam", "snapshots/fam__healthy.snap")
    }

    fn pending(&self) -> PathBuf {
        self.snapshot.with_extension("snap.new")
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &Path)]) -> Ended {
        let mut command = command(&["run", &self.scenario.to_string_lossy(), "--out"]);
        command.arg(self.directory.path().join("out")).args(arguments).envs(environment.iter().copied());
        Started::new(command).end(WAIT_BOUND)
    }

    fn explain(&self) -> String {
        words(&Started::new(command(&["explain", &self.scenario.to_string_lossy()])).end(END_BOUND).with(0))
    }
}

/// What was printed, wherever its lines are broken.
fn words(ended: &Ended) -> String {
    ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The run directory that a command printed last.
fn last_run(ended: &Ended) -> PathBuf {
    let mut paths = ended.stdout.lines().map(|line| PathBuf::from(line.trim()));
    paths.rfind(|path| path.join("run.json").is_file()).unwrap_or_else(|| panic!("no run in {ended}"))
}

fn differs() {
    let project = Project::family();
    project.run(&["--record"], &[]).with(0).says("PASS fam/healthy").says("recorded by this run");
    let recorded = fs::read_to_string(&project.snapshot).expect("a snapshot");
    project.run(&[], &[]).with(0).says("snapshots/fam__healthy.snap  as recorded");
    fs::write(&project.snapshot, recorded.replace("A  master of 0-5460", "A  master of 0-5461")).expect("a snapshot");

    let summary = project.directory.path().join("summary.md");
    let github = [("GITHUB_ACTIONS", Path::new("1")), ("GITHUB_STEP_SUMMARY", &summary)];
    let ended = project.run(&[], &github).with(1).says("\nFAIL fam/healthy\n");
    let ended = ended.says("Not met: topology as in snapshots/fam__healthy.snap: differs");
    let diff = "\n-   A  master of 0-5461\n+   A  master of 0-5460\n";
    let ended = ended.says(&diff.replace('\n', "\n  ")).says("::error file=snapshots/fam__healthy.snap,line=9,");
    let summary = fs::read_to_string(summary).expect("a summary");
    assert!(summary.starts_with("### ❌ FAIL `fam/healthy`") && summary.contains("\n```diff\n"), "{summary}");
    assert!(summary.contains(diff), "{summary}");
    assert!(project.pending().is_file());

    let run = last_run(&ended);
    let report = fs::read_to_string(run.join("report.json")).expect("a report");
    assert!(report.contains("\"state\": \"differs\"") && report.contains("\"outcome\": \"fail\""), "{report}");
    assert!(fs::read_to_string(run.join("report.html")).expect("a report").contains("<pre>"));
    // What was recorded then is in the run's directory: what is recorded now does not matter.
    fs::remove_dir_all(project.snapshot.parent().expect("a parent")).expect("it was there");
    let judge = || Started::new(command(&["judge", &run.to_string_lossy()])).end(END_BOUND);
    let again = judge().with(1).says("\nFAIL fam/healthy\n").says(&diff.replace('\n', "\n  "));
    assert_eq!(fs::read_to_string(run.join("report.json")).expect("a report"), report, "{again}");
    // Without it nobody knows what was compared.
    fs::remove_file(run.join("snapshot.json")).expect("it was there");
    judge().with(2).says("snapshot.json");
}

fn not_recorded() {
    let project = Project::family();
    let ended = project.run(&[], &[("INSTA_UPDATE", Path::new("no"))]).with(1).says("\nFAIL fam/healthy\n");
    assert!(words(&ended).contains("not recorded yet (nothing was written: run it with INSTA_UPDATE=new"), "{ended}");
    assert!(!project.pending().exists());
    let ended = project.run(&[], &[]).with(1).says("\nFAIL fam/healthy\n");
    assert!(words(&ended).contains("not recorded yet (review it: `cargo insta review`"), "{ended}");
    // A snapshot can be accepted without any tool.
    fs::rename(project.pending(), &project.snapshot).expect("it waits for a review");
    project.run(&[], &[]).with(0).says("PASS fam/healthy");
}

fn alone() {
    let project = Project::new("mine", "mine/snapshots/mine__healthy.snap");
    let path = project.snapshot.to_string_lossy().into_owned();
    let explained = project.explain();
    assert!(explained.contains(&format!("snapshot will be {path}: runs fail until")), "{explained}");
    project.run(&[], &[]).with(1).says("not recorded yet");
    project.run(&["--record"], &[]).with(0);
    let explained = project.explain();
    assert!(project.snapshot.is_file() && explained.contains(&format!("snapshot is {path}")), "{explained}");
    // However the file is named, it is the same scenario.
    let mut command = command(&["run", "healthy.ron", "--out"]);
    command.arg(project.directory.path().join("out")).current_dir(project.directory.path().join("mine"));
    Started::new(command).end(WAIT_BOUND).with(0).says("PASS mine/healthy").says("as recorded");
}

fn unwritten() {
    let project = Project::family();
    // A file stands where the directory should be, so even root cannot write there.
    fs::write(project.directory.path().join("snapshots"), "").expect("a file");
    let ended = project.run(&[], &[]).with(4).says("\nFAIL fam/healthy\n");
    ended.complains("cannot write").complains("fam__healthy.snap.new");
}
