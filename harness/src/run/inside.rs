//! The lab process: what the re-executed binary does inside the namespaces.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::engine;
use crate::evidence::{Clock, Event, Journal, Recorder, RunDirectory};
use crate::lab;
use crate::plan;

/// What the outside asks of the lab process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The scenario file's path as the user gave it.
    pub(crate) path: String,
    /// The run directory, absolute, with the scenario in it.
    pub(crate) directory: std::path::PathBuf,
}

/// Call this first in `main` of every binary that runs scenarios: a binary re-executes itself as its lab.
///
/// In the lab process it does not return.
pub fn enter_if_lab() {
    lab::enter_if_asked(main);
}

fn main(request: &str) -> u8 {
    match attempt(request) {
        Ok(()) => 0,
        Err(error) => {
            // Standard error is the run directory's lab.log; the outside shows its end.
            let _ = writeln!(io::stderr(), "{error}");
            1
        }
    }
}

fn attempt(request: &str) -> Result<(), Box<dyn std::error::Error>> {
    let request: Request = serde_json::from_str(request)?;
    let directory = RunDirectory::new(request.directory);
    let text = std::fs::read_to_string(directory.scenario())?;
    let plan = plan::plan(std::path::Path::new(&request.path), &text).map_err(|problems| problems.to_string())?;
    let journal = Journal::create(&directory, Clock::new(), Box::new(LiveStream(io::stdout())))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(engine::run(&plan, &request.path, &directory, &journal, lab::cancelled()));
    journal.take_error().map_or(Ok(()), |error| Err(error.into()))
}

/// Hands every event to the outside as a line of JSON.
struct LiveStream(io::Stdout);

impl Recorder for LiveStream {
    fn record(&mut self, event: &Event) {
        // Nobody listening is no reason to stop: the evidence goes to the file. A dead outside ends us anyway.
        if let Ok(line) = serde_json::to_string(event) {
            let _ = writeln!(self.0, "{line}");
        }
    }
}
