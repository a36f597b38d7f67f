//! Recorded snapshots: files that insta reads and `cargo insta review` shows.
//!
//! insta's own reader and its own rule of equality decide. Its assertion macros are not used: they print by
//! themselves, report by a panic, and ask cargo for the workspace at run time, which an installed binary may not have.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use insta::internals::TextSnapshotContents;
use insta::{Snapshot, TextSnapshotKind};

use super::diff::line_diff;

/// What became of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotStatus {
    /// The recorded snapshot says the same.
    Unchanged,
    /// The recorded snapshot says something else.
    Changed {
        /// Both texts, line by line: `-` recorded, `+` of this run.
        diff: String,
        /// The file that waits for `cargo insta review`; none where nothing may be written.
        pending: Option<PathBuf>,
    },
    /// No snapshot was recorded yet.
    New {
        /// The file that waits for `cargo insta review`; none where nothing may be written.
        pending: Option<PathBuf>,
    },
    /// The snapshot was recorded as the user asked.
    Recorded {
        /// The file.
        path: PathBuf,
    },
}

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

/// Compares `text` with `<snapshots>/<family>__<name>.snap`, where `name` is `family/name`.
///
/// `source` is the scenario's path, for reviewers. A snapshot that agrees removes a pending one that no longer does.
pub fn compare_snapshot(
    snapshots: &Path,
    name: &str,
    source: &str,
    text: &str,
    policy: UpdatePolicy,
) -> Result<SnapshotStatus, SnapshotError> {
    let path = snapshots.join(format!("{}.snap", name.replace(['/', '\\'], "__")));
    let pending = path.with_extension("snap.new");
    let new = TextSnapshotContents::new(text.to_owned(), TextSnapshotKind::File);
    let recorded = read(&path)?;
    if recorded.as_ref().is_some_and(|recorded| recorded.matches_latest(&new)) {
        // A leftover that cannot be removed only shows up once more in the next review.
        let _ = fs::remove_file(&pending);
        return Ok(SnapshotStatus::Unchanged);
    }
    let record = policy == UpdatePolicy::Always || (policy == UpdatePolicy::Unseen && recorded.is_none());
    if record {
        write(&path, source, &new)?;
        let _ = fs::remove_file(&pending);
        return Ok(SnapshotStatus::Recorded { path });
    }
    let pending = if policy == UpdatePolicy::No { None } else { Some(pending) };
    if let Some(pending) = &pending {
        write(pending, source, &new)?;
    }
    Ok(match recorded {
        Some(recorded) => SnapshotStatus::Changed { diff: line_diff(&recorded.to_string(), &new.to_string()), pending },
        None => SnapshotStatus::New { pending },
    })
}

fn read(path: &Path) -> Result<Option<TextSnapshotContents>, SnapshotError> {
    if !path.exists() {
        return Ok(None);
    }
    let unreadable = |reason: String| SnapshotError::Read { path: path.to_owned(), reason };
    let snapshot = Snapshot::from_file(path).map_err(|error| unreadable(error.to_string()))?;
    match snapshot.as_text() {
        Some(text) => Ok(Some(text.clone())),
        None => Err(unreadable("it holds no text".to_owned())),
    }
}

/// insta's file format: a header in YAML between lines of `---`, then the text.
fn write(path: &Path, source: &str, text: &TextSnapshotContents) -> Result<(), SnapshotError> {
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

    use super::*;

    fn compare(dir: &Path, text: &str, policy: UpdatePolicy) -> SnapshotStatus {
        compare_snapshot(dir, "failover/master_kill", "scenarios/failover/master_kill.ron", text, policy).unwrap()
    }

    #[test]
    fn a_snapshot_is_recorded_compared_and_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("failover__master_kill.snap");
        let pending = dir.path().join("failover__master_kill.snap.new");
        assert_eq!(compare(dir.path(), "a\nb\n", UpdatePolicy::No), SnapshotStatus::New { pending: None });
        assert_eq!(
            compare(dir.path(), "a\nb\n", UpdatePolicy::New),
            SnapshotStatus::New { pending: Some(pending.clone()) }
        );
        assert!(!path.exists());
        assert_eq!(
            compare(dir.path(), "a\nb\n", UpdatePolicy::Always),
            SnapshotStatus::Recorded { path: path.clone() }
        );
        assert!(!pending.exists());
        assert_eq!(compare(dir.path(), "a\nb\n", UpdatePolicy::New), SnapshotStatus::Unchanged);
        let changed = compare(dir.path(), "a\nc\n", UpdatePolicy::New);
        let diff = "  a\n- b\n+ c\n".to_owned();
        assert_eq!(changed, SnapshotStatus::Changed { diff, pending: Some(pending.clone()) });
        assert!(pending.exists());
        assert_eq!(compare(dir.path(), "a\nb\n", UpdatePolicy::New), SnapshotStatus::Unchanged);
        assert!(!pending.exists());
    }

    #[test]
    fn insta_reads_what_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let SnapshotStatus::Recorded { path } = compare(dir.path(), "x\n  y\n\n", UpdatePolicy::Unseen) else {
            panic!("not recorded")
        };
        let snapshot = Snapshot::from_file(&path).unwrap();
        assert_eq!(snapshot.metadata().source(), Some("scenarios/failover/master_kill.ron"));
        assert_eq!(snapshot.metadata().expression(), Some("topology"));
        assert_eq!(snapshot.as_text().unwrap().to_string(), "x\n  y");
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
        assert!(compare_snapshot(dir.path(), "a/b", "s", "x", UpdatePolicy::New).is_err());
    }
}
