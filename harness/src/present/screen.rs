//! The screen and what stands in for it on GitHub: the only place that prints.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::Path;

use anstream::{AutoStream, ColorChoice};

use super::github::{annotations, step_summary};
use super::paint::{Look, WIDTH};
use crate::verdict::Verdict;

/// Prints text to standard output. Colours are dropped where they are not wanted (no terminal, `NO_COLOR`).
///
/// A closed pipe is not our failure: `redis-harness explain FILE | head` ends quietly.
pub fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Standard output as it is, for what programs read.
pub fn plain_output() -> impl Write {
    BufWriter::new(std::io::stdout().lock())
}

/// Prints text to standard error, coloured where wanted.
pub fn print_error(text: &str) {
    let mut out = anstream::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Whether a person watches standard output.
pub fn is_watched() -> bool {
    io::stdout().is_terminal()
}

/// How standard output wants text to look: with colour or without, as wide as the terminal. What is no terminal is as wide as
/// `COLUMNS` says, or 110.
pub fn output_look() -> Look {
    let colour = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
    Look::new(colour, output_width().unwrap_or(WIDTH))
}

/// How wide standard output is, as its terminal or else `COLUMNS` says; none where neither does: there, scripts read lines.
pub fn output_width() -> Option<usize> {
    width_of(io::stdout())
}

/// How wide standard error is, in the same way.
pub fn error_width() -> Option<usize> {
    width_of(io::stderr())
}

fn width_of(stream: impl AsFd) -> Option<usize> {
    let terminal = terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0));
    let columns = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    // A terminal that does not know its width says 0.
    terminal.filter(|width| *width > 0).or_else(columns)
}

/// Whether standard error wants colour.
pub fn errors_have_colour() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// In GitHub Actions: adds the verdict to the step's summary and marks the lines of the scenario that failed.
pub fn report_to_github(verdict: &Verdict, scenario: &Path) -> io::Result<()> {
    if std::env::var_os("GITHUB_ACTIONS").is_none() {
        return Ok(());
    }
    print(&annotations(verdict, &scenario.display().to_string()));
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY") {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(step_summary(verdict).as_bytes())?;
    }
    Ok(())
}
