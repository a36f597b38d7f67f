//! The traces of arrivals that loads name.

use std::fs;
use std::path::Path;

use crate::evidence::RecordedPlan;
use crate::load::{Load, trace_arrivals};
use crate::text::{Cursor, Problem, Problems};
use crate::vocab::{ArrivalTrace, Arrivals};

/// The most that a file of arrivals holds.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Where traces come from.
#[derive(Clone, Copy, Debug)]
pub enum Traces<'a> {
    /// The files in the directory of the scenario.
    Beside(&'a Path),
    /// What was recorded of them: what a run does is what it will be judged by, whatever becomes of the files.
    Recorded(&'a RecordedPlan),
}

impl Traces<'_> {
    /// Gives every load its trace that names one. What is wrong stands in the scenario (a file that cannot be read), or in the
    /// files themselves.
    pub(super) fn read_all(self, scenario: &Path, loads: &mut [Load], at: Cursor<'_>) -> (Vec<Problem>, Vec<Problems>) {
        let (mut unreadable, mut wrong) = (Vec::new(), Vec::new());
        for (index, load) in loads.iter_mut().enumerate() {
            let Some(trace) = load.pace.trace_mut() else { continue };
            match self.read(scenario, &trace.file) {
                Ok(arrivals) => trace.nanos = Some(arrivals),
                Err(TraceError::Unreadable(why)) => {
                    let at = at.index(index).field("pace").field("file");
                    let problem = Problem::new(at.head(), format!("cannot read this file: {why}"));
                    unreadable.push(problem.help("its place is given from the directory of the scenario file"));
                }
                Err(TraceError::Wrong(problems)) if wrong.contains(&problems) => {}
                Err(TraceError::Wrong(problems)) => wrong.push(problems),
            }
        }
        (unreadable, wrong)
    }

    fn read(self, scenario: &Path, file: &str) -> Result<ArrivalTrace, TraceError> {
        match self {
            Self::Beside(directory) => read_file(&directory.join(file), &scenario.with_file_name(file), file),
            Self::Recorded(plan) => {
                let recorded = plan.loads.iter().find_map(|load| match &load.arrivals {
                    Some(Arrivals::Trace(trace)) if trace.file == file => Some(trace.clone()),
                    _ => None,
                });
                recorded.ok_or_else(|| TraceError::Unreadable("it is not in the recorded plan".to_owned()))
            }
        }
    }
}

/// Why there is no trace.
enum TraceError {
    /// The file cannot be read.
    Unreadable(String),
    /// What it holds is no trace.
    Wrong(Problems),
}

/// Reads the file at `path`; messages call it `shown`.
fn read_file(path: &Path, shown: &Path, file: &str) -> Result<ArrivalTrace, TraceError> {
    let unreadable = |why: std::io::Error| TraceError::Unreadable(why.to_string());
    let metadata = fs::metadata(path).map_err(unreadable)?;
    // To open a pipe is to wait for its other end.
    if !metadata.is_file() {
        return Err(TraceError::Unreadable("it is no regular file".to_owned()));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(TraceError::Unreadable(format!("it has more than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    match trace_arrivals(&text) {
        Ok(nanos) => Ok(ArrivalTrace { file: file.to_owned(), nanos: nanos.into() }),
        Err(problems) => Err(TraceError::Wrong(Problems::new(shown.display().to_string(), &text, problems))),
    }
}
