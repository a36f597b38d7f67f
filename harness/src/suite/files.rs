//! Finding and reading scenario files.

use std::collections::{HashSet, VecDeque};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;
use std::{fmt, fs};

use crate::plan::{self, Plan, Traces};
use crate::text::{Problem, Problems, Style};

/// The most that a scenario file holds: ten times what the longest timeline takes.
const FILE_BYTES_MAX: u64 = 8 << 20;

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
    pub fn read(path: &Path, style: Style) -> Result<Self, String> {
        let beside = path.parent().unwrap_or(Path::new(""));
        Self::of(path.to_owned(), beside, read_text(path, style)?, style)
    }

    /// Plans a text as if a file held it that names traces in the directory `beside`. The error is for people: every mistake, with
    /// its place.
    pub fn of(path: PathBuf, beside: &Path, text: String, style: Style) -> Result<Self, String> {
        match plan::plan_with(&path, &text, Traces::Beside(beside)) {
            Ok(plan) => Ok(Self { path, text, plan }),
            Err(problems) => Err(problems.render(style)),
        }
    }

    /// What is no error, and may not do what it was meant to; empty if there is nothing.
    pub fn warnings(&self, style: Style) -> String {
        let warnings = &self.plan.warnings;
        if warnings.is_empty() { String::new() } else { warnings.render(style) }
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

/// The text of a scenario file, without the mark of its encoding that some editors put first.
fn read_text(path: &Path, style: Style) -> Result<String, String> {
    let cannot = |why: &dyn fmt::Display| format!("error: cannot read {}: {why}\n", path.display());
    let mut bytes = Vec::new();
    // To open a pipe is to wait for its other end.
    if !fs::metadata(path).map_err(|error| cannot(&error))?.is_file() {
        return Err(cannot(&"it is no regular file"));
    }
    let file = fs::File::open(path).map_err(|error| cannot(&error))?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(cannot(&format!("a scenario has at most {} MiB", FILE_BYTES_MAX >> 20)));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(cannot(&"it is UTF-16: save it as UTF-8"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text)),
        Err(error) => Err(not_text(path, &error).render(style)),
    }
}

/// Where a file stops being text in UTF-8.
fn not_text(path: &Path, error: &FromUtf8Error) -> Problems {
    let at = error.utf8_error().valid_up_to();
    let byte = error.as_bytes().get(at).copied().unwrap_or_default();
    // What cannot be shown stands for itself from there on: the place remains.
    let shown = String::from_utf8_lossy(error.as_bytes());
    let problem = Problem::new(at..at + 1, format!("the byte 0x{byte:02X} is not text in UTF-8"));
    Problems::new(path.display().to_string(), &shown, vec![problem.help("save the file as UTF-8")])
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
            return Err(match fs::read_link(path) {
                Ok(to) => format!("error: {} is a link to {}, which does not exist\n", path.display(), to.display()),
                Err(_) => format!("error: there is no file or directory {}{}\n", path.display(), nearest(path)),
            });
        }
        let before = found.len();
        collect(path, &mut found).map_err(|error| format!("error: cannot read {}: {error}\n", path.display()))?;
        if found.len() == before {
            return Err(format!("error: there is no scenario (*.ron) in {}\n", path.display()));
        }
    }
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let mut walk = Walk { visited: HashSet::new(), links: VecDeque::from([path.to_owned()]), found };
    while let Some(directory) = walk.links.pop_front() {
        walk.enter(&directory)?;
    }
    Ok(())
}

/// A way through directories that enters none twice, whatever links lead to it.
struct Walk<'f> {
    visited: HashSet<PathBuf>,
    /// Links to directories, for when all that is no link was visited: what has a path of its own is found under it.
    links: VecDeque<PathBuf>,
    found: &'f mut Vec<PathBuf>,
}

impl Walk<'_> {
    fn enter(&mut self, directory: &Path) -> io::Result<()> {
        if !self.visited.insert(directory.canonicalize()?) {
            return Ok(());
        }
        let mut entries =
            fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
        entries.sort();
        for entry in entries {
            if !entry.is_dir() {
                self.found.extend(Some(entry).filter(|entry| entry.extension().is_some_and(|end| end == "ron")));
            } else if entry.is_symlink() {
                self.links.push_back(entry);
            } else {
                self.enter(&entry)?;
            }
        }
        Ok(())
    }
}

/// The name in the same directory that comes nearest, as a hint.
fn nearest(path: &Path) -> String {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wanted = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let scored = names
        .filter(|name| name.to_string_lossy() != wanted)
        .map(|name| (strsim::jaro_winkler(&name.to_string_lossy(), &wanted), name));
    match scored.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((score, name)) if score > 0.8 => format!("; did you mean {}?", parent.join(name).display()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

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
    fn a_directory_is_entered_once_whatever_links_lead_to_it() {
        let temporary = tempfile::tempdir().unwrap();
        let (family, other) = (temporary.path().join("family"), temporary.path().join("other"));
        fs::create_dir_all(family.join("inner")).unwrap();
        fs::create_dir(&other).unwrap();
        for file in [family.join("inner/a.ron"), family.join("b.ron"), family.join("b.txt"), other.join("c.ron")] {
            fs::write(file, "").unwrap();
        }
        for (to, link) in [(".", "a-loop"), ("inner", "again"), ("../other", "far")] {
            symlink(to, family.join(link)).unwrap();
        }
        symlink("../family", other.join("back")).unwrap();
        let found = find(std::slice::from_ref(&family)).unwrap();
        assert_eq!(found, ["b.ron", "inner/a.ron", "far/c.ron"].map(|path| family.join(path)));
    }

    #[test]
    fn a_pipe_is_refused_without_waiting_for_its_other_end() {
        let temporary = tempfile::tempdir().unwrap();
        let pipe = temporary.path().join("pipe.ron");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let why = Loaded::read(&pipe, Style::PLAIN).unwrap_err();
        assert!(why.ends_with("/pipe.ron: it is no regular file\n"), "{why}");
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
