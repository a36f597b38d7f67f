//! The house rules that no compiler holds: which room may use which, and that ARCHITECTURE.md says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The table of rooms in ARCHITECTURE.md. A room may always use itself.
const MAY_USE: &[(&str, &[&str])] = &[
    ("vocab", &[]),
    ("evidence", &["vocab"]),
    ("network", &["evidence", "vocab"]),
    ("provider", &["network", "evidence", "vocab"]),
    ("system", &["provider", "evidence", "vocab"]),
    ("fault", &["provider", "system", "evidence", "vocab"]),
    ("load", &["network", "system", "evidence", "vocab"]),
    ("observe", &["system", "evidence", "vocab"]),
    ("check", &["evidence", "vocab"]),
    ("scenario", &["check", "load", "fault", "system", "vocab"]),
    ("plan", &["scenario", "check", "fault", "load", "provider", "system", "evidence", "vocab"]),
    ("run", &["plan", "scenario", "network", "provider", "system", "fault", "load", "observe", "evidence", "vocab"]),
    ("verdict", &["check", "evidence", "vocab"]),
    ("present", &["system", "evidence", "verdict", "vocab"]),
    ("suite", &["plan", "scenario", "run", "provider", "system", "evidence", "verdict", "present", "vocab"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a file is only compiled for tests, which may build whatever their room reads.
fn is_test_support(file: &Path) -> bool {
    let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let in_sample = file.iter().any(|part| part == "sample" || part == "testing" || part == "tests");
    in_sample || matches!(name, "tests" | "testing") || name.ends_with("_test") || name.ends_with("_tests")
}

/// Every `crate::room` that a file names, with the line.
fn uses(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (at, _) in code.match_indices("crate::") {
            let name = &code[at + "crate::".len()..];
            let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(name.len());
            found.push((index + 1, &name[..end]));
        }
    }
    found
}

#[test]
fn rooms_use_only_what_they_may() {
    let table: BTreeMap<_, BTreeSet<_>> =
        MAY_USE.iter().map(|(room, others)| (*room, others.iter().copied().collect())).collect();
    let mut offences = Vec::new();
    let mut checked = 0;
    let mut files = Vec::new();
    rust_files(&source(), &mut files);
    for file in &files {
        let relative = file.strip_prefix(source()).unwrap();
        let first = relative.iter().next().unwrap().to_str().unwrap();
        let room = first.trim_end_matches(".rs");
        if matches!(room, "lib" | "main") || is_test_support(relative) {
            continue;
        }
        let allowed = table.get(room).unwrap_or_else(|| panic!("room `{room}` is not in the table"));
        for (line, used) in uses(&fs::read_to_string(file).unwrap()) {
            checked += 1;
            if used != room && !allowed.contains(used) {
                offences.push(format!("{}:{line}: {room} may not use {used}", relative.display()));
            }
        }
    }
    assert!(checked > 50, "only {checked} uses found: the rule looks at nothing");
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn the_table_of_rooms_is_the_one_in_the_architecture() {
    let text = fs::read_to_string(source().join("../../ARCHITECTURE.md")).unwrap();
    for (room, others) in MAY_USE {
        let row = text.lines().find(|line| line.starts_with(&format!("| `{room}` |")));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for `{room}`"));
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let written: BTreeSet<_> = cell.split(',').map(str::trim).filter(|name| !matches!(*name, "" | "-")).collect();
        assert_eq!(written, others.iter().copied().collect(), "the row of `{room}`");
    }
}
