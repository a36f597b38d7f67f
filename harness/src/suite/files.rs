//! Finding and reading scenario files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::plan::{self, Plan};
use crate::scenario::Style;

/// A scenario file, read and planned.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// The file's text.
    pub text: String,
    /// The plan.
    pub plan: Plan,
}

impl Loaded {
    /// Reads and plans a file. The error is for people: every mistake, with its place.
    pub fn read(path: &Path, colour: bool) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| format!("error: cannot read {}: {error}\n", path.display()))?;
        let text = String::from_utf8(bytes)
            .map_err(|error| format!("error: {} is not text in UTF-8: {error}\n", path.display()))?;
        match plan::plan(path, &text) {
            Ok(plan) => Ok(Self { path: path.to_owned(), text, plan }),
            Err(problems) => Err(problems.render(if colour { Style::Coloured } else { Style::Plain })),
        }
    }

    /// Where the scenario's snapshot is kept: in `snapshots` beside the `scenarios` directory that the file is in; beside the
    /// file itself if it is in none.
    pub fn snapshot(&self) -> PathBuf {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let beside = project_of(&path).or_else(|| path.parent()).unwrap_or(Path::new(""));
        beside.join("snapshots").join(format!("{}.snap", self.plan.name.replace(['/', '\\'], "__")))
    }

    /// A path from the project's directory, as a repository knows it: `scenarios/failover/master_kill.ron`. One outside of it
    /// stays as it is.
    pub fn in_project(&self, path: &Path) -> PathBuf {
        let inside = || {
            let scenario = std::path::absolute(&self.path).ok()?;
            let path = std::path::absolute(path).ok()?;
            Some(path.strip_prefix(project_of(&scenario)?).ok()?.to_owned())
        };
        inside().unwrap_or_else(|| path.to_owned())
    }
}

/// The directory that holds the `scenarios` directory which the file is in.
pub(crate) fn project_of(scenario: &Path) -> Option<&Path> {
    let is_scenarios = |directory: &&Path| directory.file_name().is_some_and(|name| name == "scenarios");
    scenario.ancestors().find(is_scenarios)?.parent()
}

/// The scenario files that the paths mean: files as they are, directories with everything in them that ends in `.ron`.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in paths {
        if !path.exists() {
            return Err(format!("error: there is no file or directory {}{}\n", path.display(), nearest(path)));
        }
        let before = found.len();
        collect(path, &mut found).map_err(|error| format!("error: cannot read {}: {error}\n", path.display()))?;
        if found.len() == before {
            return Err(format!("error: there is no scenario (*.ron) in {}\n", path.display()));
        }
    }
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let mut entries =
        fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "ron") {
            collect(&entry, found)?;
        }
    }
    Ok(())
}

/// The name in the same directory that comes nearest, as a hint.
fn nearest(path: &Path) -> String {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wanted = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let scored = names.map(|name| (strsim::jaro_winkler(&name.to_string_lossy(), &wanted), name));
    match scored.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((score, name)) if score > 0.8 => format!("; did you mean {}?", parent.join(name).display()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::in_a_project("/p/scenarios/failover/a.ron", "/p/snapshots/failover__a.snap", "snapshots/failover__a.snap")]
    #[case::deep("/p/scenarios/big/failover/a.ron", "/p/snapshots/failover__a.snap", "snapshots/failover__a.snap")]
    #[case::nearest("/scenarios/p/scenarios/f/a.ron", "/scenarios/p/snapshots/f__a.snap", "snapshots/f__a.snap")]
    #[case::alone("/tmp/mine/a.ron", "/tmp/mine/snapshots/mine__a.snap", "/tmp/mine/snapshots/mine__a.snap")]
    #[case::at_the_root("/a.ron", "/snapshots/a.snap", "/snapshots/a.snap")]
    fn every_scenario_has_a_place_for_its_snapshot(#[case] path: &str, #[case] snapshot: &str, #[case] shown: &str) {
        let text = include_str!("../../../fixtures/scenarios/command/healthy.ron").to_owned();
        let plan = plan::plan(Path::new(path), &text).unwrap();
        let loaded = Loaded { path: path.into(), text, plan };
        assert_eq!(loaded.snapshot(), Path::new(snapshot));
        assert_eq!(loaded.in_project(&loaded.snapshot()), Path::new(shown));
    }

    #[test]
    fn the_name_does_not_depend_on_how_the_path_is_written() {
        let text = include_str!("../../../fixtures/scenarios/command/healthy.ron");
        let here = std::env::current_dir().unwrap();
        let names = [Path::new("a.ron"), Path::new("./a.ron"), &here.join("a.ron")]
            .map(|path| plan::plan(path, text).unwrap().name);
        assert_eq!(names[0], format!("{}/a", here.file_name().unwrap().to_string_lossy()));
        assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
    }
}
