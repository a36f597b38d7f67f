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

    /// Where the scenario's snapshots are kept: `snapshots` beside the `scenarios` directory that the file is in.
    pub fn snapshots(&self) -> Option<PathBuf> {
        let path = std::path::absolute(&self.path).ok()?;
        Some(project_of(&path)?.join("snapshots"))
    }

    /// The path from the project's directory, as a repository knows the file: `scenarios/failover/master_kill.ron`.
    pub fn path_in_project(&self) -> PathBuf {
        let path = std::path::absolute(&self.path).ok();
        let inside = path.as_deref().and_then(|path| path.strip_prefix(project_of(path)?).ok());
        inside.unwrap_or(&self.path).to_owned()
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
