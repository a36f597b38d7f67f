//! How a timeline ends.

/// Why a run could not go on.
#[derive(Debug)]
pub struct Abort(pub String);

impl<E: std::error::Error> From<E> for Abort {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// How a step, or the timeline, ended.
#[derive(Debug, PartialEq, Eq)]
pub enum StepEnd {
    /// It was done.
    Done,
    /// An `Until` was not met, or a server did not do as it was told: the run is over, the evidence is good.
    Failed,
}
