//! Paces: when a load starts its operations, one a file. The list below is the only one that names them.

mod trace_file;

use std::fmt;

pub(crate) use trace_file::arrivals as trace_arrivals;

use crate::text::{Cursor, Problem, kinds};
use crate::vocab::{Arrivals, StairLimit};

kinds! {
    /// When a load starts its operations.
    #[derive(Eq)]
    pub enum LoadPace: PaceKind {
        open::Open,
        ramp::Ramp,
        stages::Stages,
        staircase::Staircase,
        bursts::Bursts,
        trace::Trace,
        closed::Closed as unit,
    }
}

/// The most operations a second of an open load: far more than one machine can start.
pub const PER_SECOND_MAX: u32 = 1_000_000;

/// What a pace says. It is displayed as the plan explains it, such as `2000 operations a second on a schedule`.
pub trait PaceKind: fmt::Display {
    /// When starts are due; none if each worker starts its next operation when its last has ended.
    fn arrivals(&self) -> Option<Arrivals>;

    /// Whether it comes to an end by itself, with which its load is done.
    fn ends(&self) -> bool {
        false
    }

    /// What a stair must keep to for its staircase to go on; none if it goes on anyhow.
    fn limit(&self) -> Option<StairLimit> {
        None
    }

    /// What is wrong with it, at the place where it is written.
    fn problems(&self, at: Cursor<'_>) -> Vec<Problem>;
}

impl LoadPace {
    /// When starts are due; none for a closed loop.
    pub fn arrivals(&self) -> Option<Arrivals> {
        self.kind().arrivals()
    }

    /// The trace that it follows, if it follows one.
    pub fn trace_mut(&mut self) -> Option<&mut Trace> {
        match self {
            Self::Trace(trace) => Some(trace),
            _ => None,
        }
    }

    /// Whether it comes to an end by itself, with which its load is done.
    pub fn ends(&self) -> bool {
        self.kind().ends()
    }

    /// Whether each worker starts its next operation when its last has ended.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

#[expect(clippy::derivable_impls, reason = "the macro writes the variants")]
impl Default for LoadPace {
    fn default() -> Self {
        Self::Closed
    }
}

/// What is wrong with a rate that may be 0 at times.
fn excessive(per_second: u64, at: Cursor<'_>) -> Option<Problem> {
    (per_second > u64::from(PER_SECOND_MAX)).then(|| {
        let problem = Problem::new(at.head(), format!("{per_second} operations a second are too many"));
        problem.help(format!("an open load has a rate of at most {PER_SECOND_MAX} a second"))
    })
}

/// What is wrong with what must be at least 1, or the load would never start anything.
fn idle(is_idle: bool, at: Cursor<'_>) -> Option<Problem> {
    is_idle.then(|| {
        let problem = Problem::new(at.head(), "no operation would ever start");
        problem.help("an open load needs a rate of at least 1 operation a second")
    })
}

/// What is wrong with a time that must not be nothing.
fn no_time(is_nothing: bool, at: Cursor<'_>) -> Option<Problem> {
    is_nothing.then(|| Problem::new(at.head(), "this takes no time at all").help("write how long, such as \"2s\""))
}
