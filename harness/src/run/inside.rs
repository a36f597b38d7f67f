//! The lab process: what the re-executed binary does inside the namespaces.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::engine;
use super::request::Request;
use crate::evidence::{Clock, Event, EventKind, Journal, RecordedPlan, Recorder, RunDirectory};
use crate::plan::{self, Traces};
use crate::provider;

/// Call this first in `main` of every binary that runs scenarios: a binary re-executes itself as its lab.
///
/// In the lab process it does not return.
pub fn enter_if_lab() {
    provider::enter_if_asked(main);
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
    let directory = RunDirectory::new(request.directory.clone());
    let text = std::fs::read_to_string(directory.scenario())?;
    let recorded: RecordedPlan = serde_json::from_slice(&std::fs::read(directory.plan())?)?;
    let plan = plan::plan_with(std::path::Path::new(&request.path), &text, Traces::Recorded(&recorded))
        .map_err(|problems| problems.to_string())?;
    let (live, live_end) = LiveStream::start()?;
    let journal = Journal::create(&directory, Clock::new(), Box::new(live))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(engine::run(&plan, &request, &directory, &journal, provider::cancelled()));
    let hole = journal.take_error();
    // The last copies go with the runtime's tasks; then the stream ends.
    drop(runtime);
    drop(journal);
    live_end.wait();
    hole.map_or(Ok(()), |error| Err(error.into()))
}

/// Hands every event to the outside as a line of JSON, from a thread of its own: a terminal that is not read must not stop
/// the run. What does not fit is not shown; the evidence is in the file all the same.
struct LiveStream(SyncSender<Event>);

/// Hears when the stream has handed over everything.
struct LiveEnd(Receiver<()>);

/// More events than a run of minutes has.
const LIVE_EVENTS_MAX: usize = 10_000;

/// How long the last events wait for somebody who reads them.
const LIVE_END_BOUND: Duration = Duration::from_secs(2);

impl LiveStream {
    fn start() -> io::Result<(Self, LiveEnd)> {
        let (sender, events) = sync_channel::<Event>(LIVE_EVENTS_MAX);
        let (told, end) = sync_channel(1);
        thread::Builder::new().name("live".to_owned()).spawn(move || {
            let mut out = io::stdout();
            for event in events {
                // Nobody listening is no reason to stop. A dead outside ends us anyway.
                let _ = serde_json::to_string(&event).map(|line| writeln!(out, "{line}"));
                // A load that was interrupted may go on until the process ends.
                if matches!(event.kind, EventKind::Ended) {
                    break;
                }
            }
            let _ = told.send(());
        })?;
        Ok((Self(sender), LiveEnd(end)))
    }
}

impl Recorder for LiveStream {
    fn record(&mut self, event: &Event) {
        let _ = self.0.try_send(event.clone());
    }
}

impl LiveEnd {
    /// Waits, but not for ever.
    fn wait(&self) {
        let _ = self.0.recv_timeout(LIVE_END_BOUND);
    }
}
