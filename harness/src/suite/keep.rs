//! Which runs are kept: of each scenario the last that passed, and the last few others.

use std::fs;
use std::path::{Path, PathBuf};

use crate::evidence::RunDirectory;
use crate::verdict::RunOutcome;

/// How many runs of a scenario are kept that did not pass, if nobody says otherwise.
pub(super) const KEPT_RUNS: usize = 10;

/// Removes earlier runs from a scenario's directory; returns how many.
///
/// Kept are the newest that passed, the newest `others`, and every run of a process that still lives: its paths were just
/// shown to somebody, or it is not over. So a run is removed by a later invocation only.
pub(super) fn remove_earlier(scenario: &Path, others: usize) -> usize {
    let entries = fs::read_dir(scenario).into_iter().flatten().flatten();
    let mut runs: Vec<_> = entries.filter_map(|entry| Run::of(entry.path())).collect();
    // Their names begin with the time.
    runs.sort_by(|one, other| other.path.cmp(&one.path));
    let (passed, not_passed): (Vec<_>, Vec<_>) = runs.into_iter().partition(Run::has_passed);
    let surplus = passed.into_iter().skip(1).chain(not_passed.into_iter().skip(others));
    // Somebody else may have removed it first.
    surplus.filter(|run| !run.lives() && fs::remove_dir_all(&run.path).is_ok()).count()
}

/// What is said of this many removed runs; nothing if there are none.
pub(super) fn removed_in_words(removed: usize, others: usize) -> String {
    match removed {
        0 => String::new(),
        _ => format!(
            "\nremoved {removed} earlier run{}: of each scenario the last {others} that did not pass are kept, and the last that \
             did\n",
            if removed == 1 { "" } else { "s" }
        ),
    }
}

/// A directory that the harness made for a run: it looks like one from outside and from inside.
struct Run {
    path: PathBuf,
    process: u32,
}

impl Run {
    fn of(path: PathBuf) -> Option<Self> {
        let (time, process) = path.file_name()?.to_str()?.rsplit_once('-')?;
        let process = process.parse().ok()?;
        jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%.3fZ", time).ok()?;
        let directory = RunDirectory::new(&path);
        let is_file = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_file());
        let is_run =
            path.symlink_metadata().ok()?.is_dir() && is_file(&directory.scenario()) && is_file(&directory.lab_log());
        is_run.then_some(Self { path, process })
    }

    fn has_passed(&self) -> bool {
        #[derive(serde::Deserialize)]
        struct Report {
            outcome: RunOutcome,
        }
        let report = fs::read(RunDirectory::new(&self.path).report()).unwrap_or_default();
        serde_json::from_slice::<Report>(&report).is_ok_and(|report| report.outcome == RunOutcome::Pass)
    }

    fn lives(&self) -> bool {
        Path::new("/proc").join(self.process.to_string()).exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No process has this number: the kernel gives none above 4194304.
    const DEAD: u32 = 4_294_967;

    fn run(parent: &Path, second: u32, process: u32, outcome: Option<&str>) -> PathBuf {
        let path = parent.join(format!("20260101T0000{second:02}.000Z-{process}"));
        let directory = RunDirectory::new(&path);
        fs::create_dir(&path).unwrap();
        fs::write(directory.scenario(), "").unwrap();
        fs::write(directory.lab_log(), "").unwrap();
        if let Some(outcome) = outcome {
            fs::write(directory.report(), format!(r#"{{ "scenario": "a/b", "outcome": "{outcome}" }}"#)).unwrap();
        }
        path
    }

    #[test]
    fn the_last_pass_and_the_last_others_are_kept() {
        let parent = tempfile::tempdir().unwrap();
        let made = |second, outcome| run(parent.path(), second, DEAD, outcome);
        let failed = [made(1, Some("fail")), made(2, Some("inconclusive")), made(3, None), made(9, Some("fail"))];
        let passed = [made(4, Some("pass")), made(5, Some("pass"))];
        assert_eq!(remove_earlier(parent.path(), 2), 3);
        let is_there = |paths: &[PathBuf]| paths.iter().map(|path| path.exists()).collect::<Vec<_>>();
        assert_eq!(is_there(&failed), [false, false, true, true]);
        assert_eq!(is_there(&passed), [false, true]);
    }

    #[test]
    fn runs_of_this_invocation_survive_it() {
        let parent = tempfile::tempdir().unwrap();
        let own = std::process::id();
        let runs = [1, 2, 3].map(|second| run(parent.path(), second, own, Some("pass")));
        let before = run(parent.path(), 0, DEAD, Some("pass"));
        assert_eq!(remove_earlier(parent.path(), 0), 1);
        assert!(runs.iter().all(|run| run.exists()) && !before.exists());
    }

    #[test]
    fn what_the_harness_did_not_make_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        run(parent.path(), 59, DEAD, Some("fail"));
        let named_otherwise = parent.path().join("my-evidence-7");
        fs::rename(run(parent.path(), 1, DEAD, Some("fail")), &named_otherwise).unwrap();
        let without_scenario = run(parent.path(), 2, DEAD, Some("fail"));
        fs::remove_file(without_scenario.join("scenario.ron")).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let target = run(elsewhere.path(), 3, DEAD, Some("fail"));
        let link = parent.path().join(target.file_name().unwrap());
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(remove_earlier(parent.path(), 1), 0);
        for path in [named_otherwise, without_scenario, target, link] {
            assert!(path.exists(), "{}", path.display());
        }
    }
}
