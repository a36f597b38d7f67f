//! Recorded snapshots: files that insta reads and `cargo insta review` shows.
//!
//! insta's own reader and its own rule of equality decide. Its assertion macros are not used: they print by
//! themselves, report by a panic, and ask cargo for the workspace at run time, which an installed binary may not have.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use insta::internals::TextSnapshotContents;
use insta::{Snapshot, TextSnapshotKind};
use similar::TextDiff;

use super::topology_snapshot;
use crate::evidence::{Evidence, News, RecordedSnapshot};
use crate::verdict::{RunOutcome, TopologyComparison, TopologyState, Verdict};

/// What to do with a snapshot that differs: the meanings of `INSTA_UPDATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdatePolicy {
    /// Write nothing.
    No,
    /// Write `<file>.snap.new` for review.
    New,
    /// Record a snapshot that is not there yet, write `.snap.new` for one that differs.
    Unseen,
    /// Record it.
    Always,
}

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The recorded snapshot is not one.
    #[error("{path} is not a snapshot that insta can read: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A snapshot could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `INSTA_UPDATE` has a value that insta does not know.
    #[error("INSTA_UPDATE is `{0}`: it must be auto, always, new, unseen, no or force")]
    Policy(String),
}

impl UpdatePolicy {
    /// The user's choice, else what `INSTA_UPDATE` says; `auto`, the default, is `no` in CI and `new` elsewhere.
    pub fn from_environment(record: bool) -> Result<Self, SnapshotError> {
        if record {
            return Ok(Self::Always);
        }
        Self::named(env::var("INSTA_UPDATE").ok().as_deref().unwrap_or_default(), is_ci())
    }

    fn named(name: &str, ci: bool) -> Result<Self, SnapshotError> {
        match name {
            "" | "auto" if ci => Ok(Self::No),
            "" | "auto" | "new" => Ok(Self::New),
            "no" => Ok(Self::No),
            "unseen" => Ok(Self::Unseen),
            "always" | "1" | "force" => Ok(Self::Always),
            other => Err(SnapshotError::Policy(other.to_owned())),
        }
    }
}

/// As insta decides it.
fn is_ci() -> bool {
    match env::var("CI").ok().as_deref() {
        Some("false" | "0" | "") => false,
        Some(_) => true,
        None => env::var_os("TF_BUILD").is_some(),
    }
}

/// What the run is to be compared with: the snapshot in the file at `path`, which people know as `shown`.
pub fn recorded_snapshot(path: &Path, shown: &Path, policy: UpdatePolicy) -> Result<RecordedSnapshot, SnapshotError> {
    let (text, first_line) = read(path)?.unzip();
    let news = match policy {
        UpdatePolicy::No => News::Dropped,
        UpdatePolicy::Unseen if text.is_none() => News::Recorded,
        UpdatePolicy::New | UpdatePolicy::Unseen => News::Reviewed,
        UpdatePolicy::Always => News::Recorded,
    };
    Ok(RecordedSnapshot { file: shown.display().to_string(), text, first_line: first_line.unwrap_or(1), news })
}

/// Compares how the topology went with what was recorded when the run began.
pub fn compare_topology(evidence: &Evidence) -> TopologyComparison {
    match &evidence.snapshot {
        _ if !evidence.plan.snapshot => {
            TopologyComparison::none(TopologyState::NotKept, "the scenario says snapshot: false")
        }
        Some(recorded) => compare(recorded, &topology_snapshot(evidence)),
        None => TopologyComparison::none(
            TopologyState::NotCompared,
            "the run directory does not say what was recorded: it has no snapshot.json",
        ),
    }
}

fn compare(recorded: &RecordedSnapshot, text: &str) -> TopologyComparison {
    let contents = |text: &str| TextSnapshotContents::new(text.to_owned(), TextSnapshotKind::File);
    let (old, new) = (recorded.text.as_deref().map(contents), contents(text));
    let state = match (&old, recorded.news) {
        (Some(old), _) if old.matches_latest(&new) => TopologyState::AsRecorded,
        (_, News::Recorded) => TopologyState::Recorded,
        (Some(_), _) => TopologyState::Differs,
        (None, _) => TopologyState::NotRecorded,
    };
    let diff = old.filter(|_| state == TopologyState::Differs).map(|old| line_diff(&old.to_string(), &new.to_string()));
    let diff = diff.unwrap_or_default();
    let file = &recorded.file;
    let note = match (state, recorded.news) {
        (TopologyState::Differs | TopologyState::NotRecorded, News::Dropped) => {
            "nothing was written: run it with INSTA_UPDATE=new, outside of CI, and review".to_owned()
        }
        (TopologyState::Differs | TopologyState::NotRecorded, _) => {
            format!("review it: `cargo insta review`, or rename {file}.new to accept it, or run it with --record")
        }
        _ => String::new(),
    };
    let common = diff.lines().take_while(|line| line.starts_with(' ') || line.is_empty()).count();
    let last = recorded.text.as_deref().map_or(0, |text| text.trim_end().lines().count().saturating_sub(1));
    TopologyComparison {
        state,
        snapshot: Some(file.clone()),
        line: (state == TopologyState::Differs).then_some(recorded.first_line + common.min(last)),
        states: text.split("\n\n").count().saturating_sub(1) as u64,
        diff,
        note,
    }
}

/// The lines of both texts: `-` only in the old one, `+` only in the new one, a space in both.
fn line_diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let diff = TextDiff::from_slices(&old, &new);
    let lines = diff.iter_all_changes().map(|change| {
        let line = format!("{} {}", change.tag(), change.value());
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

/// Does with the topology of a judged run what the user wants done with news: see [`News`].
///
/// `source` is the scenario's path, for reviewers. A topology as recorded removes a pending one that no longer is.
pub fn update_snapshot(path: &Path, source: &str, evidence: &Evidence, verdict: &Verdict) -> Result<(), SnapshotError> {
    let pending = path.with_extension("snap.new");
    let counts = verdict.topology_finding().is_some_and(|finding| finding.status != RunOutcome::Inconclusive);
    let (Some(recorded), true) = (&evidence.snapshot, counts) else { return Ok(()) };
    let text = || topology_snapshot(evidence);
    match (verdict.topology.state, recorded.news) {
        (TopologyState::Differs | TopologyState::NotRecorded, News::Reviewed) => write(&pending, source, &text())?,
        (TopologyState::Recorded, _) => write(path, source, &text())?,
        _ => {}
    }
    if matches!(verdict.topology.state, TopologyState::AsRecorded | TopologyState::Recorded) {
        // A leftover that cannot be removed only shows up once more in the next review.
        let _ = fs::remove_file(&pending);
    }
    Ok(())
}

/// The text of a snapshot, and the line of the file on which it begins.
fn read(path: &Path) -> Result<Option<(String, usize)>, SnapshotError> {
    if !path.exists() {
        return Ok(None);
    }
    let unreadable = |reason: String| SnapshotError::Read { path: path.to_owned(), reason };
    let snapshot = Snapshot::from_file(path).map_err(|error| unreadable(error.to_string()))?;
    let text = snapshot.as_text().ok_or_else(|| unreadable("it holds no text".to_owned()))?.to_string();
    let file = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let lines = |text: &str| text.trim_end().lines().count();
    let first_line = lines(&file).saturating_sub(lines(&text)) + 1;
    Ok(Some((text, first_line)))
}

/// insta's file format: a header in YAML between lines of `---`, then the text.
fn write(path: &Path, source: &str, text: &str) -> Result<(), SnapshotError> {
    let text = TextSnapshotContents::new(text.to_owned(), TextSnapshotKind::File);
    let file = format!("---\nsource: {}\nexpression: topology\n---\n{text}\n", yaml(source));
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, file))
        .map_err(|source| SnapshotError::Write { path: path.to_owned(), source })
}

/// A path as a YAML string: plain where insta writes it plain, so that accepting a file and recording it give the same bytes.
fn yaml(path: &str) -> String {
    let path = path.replace('\\', "/");
    let plain = path.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    if plain && path.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/') {
        path
    } else {
        format!("\"{}\"", path.replace('"', "'"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::super::sample::{self, master_kill};
    use super::*;
    use crate::verdict::Finding;

    /// Records `old`, if anything; then compares `new` with it.
    fn compared(old: Option<&str>, new: &str, policy: UpdatePolicy) -> TopologyComparison {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a__b.snap");
        if let Some(old) = old {
            write(&path, "scenarios/a/b.ron", old).unwrap();
        }
        compare(&recorded_snapshot(&path, Path::new("snapshots/a__b.snap"), policy).unwrap(), new)
    }

    #[rstest]
    #[case::same(Some("a\nb\n"), UpdatePolicy::New, TopologyState::AsRecorded, "")]
    #[case::differs(Some("a\nc\n"), UpdatePolicy::New, TopologyState::Differs, "rename snapshots/a__b.snap.new")]
    #[case::differs_in_ci(Some("a\nc\n"), UpdatePolicy::No, TopologyState::Differs, "nothing was written")]
    #[case::new(None, UpdatePolicy::New, TopologyState::NotRecorded, "cargo insta review")]
    #[case::new_in_ci(None, UpdatePolicy::No, TopologyState::NotRecorded, "nothing was written")]
    #[case::unseen(None, UpdatePolicy::Unseen, TopologyState::Recorded, "")]
    #[case::seen(Some("a\nc\n"), UpdatePolicy::Unseen, TopologyState::Differs, "cargo insta review")]
    #[case::always(Some("a\nc\n"), UpdatePolicy::Always, TopologyState::Recorded, "")]
    fn a_topology_is_compared(
        #[case] old: Option<&str>,
        #[case] policy: UpdatePolicy,
        #[case] state: TopologyState,
        #[case] note: &str,
    ) {
        let compared = compared(old, "a\nb\n", policy);
        assert_eq!(compared.state, state);
        assert!(compared.note.contains(note) && compared.note.is_empty() == note.is_empty(), "{}", compared.note);
        assert_eq!(compared.diff.is_empty(), state != TopologyState::Differs);
    }

    #[test]
    fn the_first_difference_has_its_line_in_the_file() {
        let compared = compared(Some("x/y\nabout\n\nformed\n  A\n"), "x/y\nabout\n\nformed\n  B\n", UpdatePolicy::No);
        assert_eq!(compared.diff, "  x/y\n  about\n\n  formed\n-   A\n+   B\n");
        // Four lines of header, then the fifth of the text.
        assert_eq!((compared.line, compared.states), (Some(9), 1));
    }

    #[test]
    fn changed_lines_stand_beside_each_other() {
        assert_eq!(line_diff("a\nb\nc", "a\nB\nc\nd"), "  a\n- b\n+ B\n  c\n+ d\n");
        assert_eq!(line_diff("", "a"), "+ a\n");
        assert_eq!(line_diff("a", ""), "- a\n");
    }

    #[test]
    fn insta_reads_what_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshots/a__b.snap");
        write(&path, "scenarios/failover/master_kill.ron", "x\n  y\n\n").unwrap();
        let snapshot = Snapshot::from_file(&path).unwrap();
        assert_eq!(snapshot.metadata().source(), Some("scenarios/failover/master_kill.ron"));
        assert_eq!(snapshot.metadata().expression(), Some("topology"));
        assert_eq!(snapshot.as_text().unwrap().to_string(), "x\n  y");
    }

    /// What a run leaves beside the scenario: recorded, pending, or nothing.
    #[test]
    fn files_are_written_as_the_user_asked_and_only_after_a_verdict() {
        let dir = tempfile::tempdir().unwrap();
        let (path, pending) = (dir.path().join("a__b.snap"), dir.path().join("a__b.snap.new"));
        let mut evidence = master_kill();
        let mut run = |policy, status| {
            let recorded = recorded_snapshot(&path, Path::new("a__b.snap"), policy).unwrap();
            evidence.snapshot = Some(recorded);
            let mut verdict = sample::verdict();
            verdict.topology = compare_topology(&evidence);
            let check = verdict.topology.check();
            verdict.findings.push(Finding { check, status, ..verdict.findings[0].clone() });
            update_snapshot(&path, "s.ron", &evidence, &verdict).unwrap();
            (verdict.topology.state, path.exists(), pending.exists())
        };
        assert_eq!(run(UpdatePolicy::No, RunOutcome::Fail), (TopologyState::NotRecorded, false, false));
        assert_eq!(run(UpdatePolicy::New, RunOutcome::Inconclusive), (TopologyState::NotRecorded, false, false));
        assert_eq!(run(UpdatePolicy::New, RunOutcome::Fail), (TopologyState::NotRecorded, false, true));
        assert_eq!(run(UpdatePolicy::Always, RunOutcome::Inconclusive), (TopologyState::Recorded, false, true));
        assert_eq!(run(UpdatePolicy::Always, RunOutcome::Pass), (TopologyState::Recorded, true, false));
        write(&pending, "s.ron", "a leftover").unwrap();
        assert_eq!(run(UpdatePolicy::New, RunOutcome::Pass), (TopologyState::AsRecorded, true, false));
    }

    #[rstest]
    #[case("scenarios/a/b-c.ron", "scenarios/a/b-c.ron")]
    #[case("my scenarios/a: b.ron", "\"my scenarios/a: b.ron\"")]
    fn paths_become_yaml(#[case] path: &str, #[case] written: &str) {
        assert_eq!(yaml(path), written);
    }

    #[rstest]
    #[case("", true, UpdatePolicy::No)]
    #[case("", false, UpdatePolicy::New)]
    #[case("auto", true, UpdatePolicy::No)]
    #[case("always", true, UpdatePolicy::Always)]
    #[case("new", true, UpdatePolicy::New)]
    #[case("no", false, UpdatePolicy::No)]
    fn the_policy_is_instas(#[case] name: &str, #[case] ci: bool, #[case] policy: UpdatePolicy) {
        assert_eq!(UpdatePolicy::named(name, ci).unwrap(), policy);
    }

    #[test]
    fn an_unknown_policy_is_an_error() {
        assert!(UpdatePolicy::named("sometimes", false).is_err());
    }

    #[test]
    fn rubbish_is_an_error_not_a_difference() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a__b.snap"), "---\nsource: [\n---\n").unwrap();
        let path = dir.path().join("a__b.snap");
        assert!(recorded_snapshot(&path, Path::new("a__b.snap"), UpdatePolicy::New).is_err());
    }
}
