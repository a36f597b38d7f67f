//! How the command ends.

use std::process::ExitCode;

use crate::verdict::RunOutcome;

/// How the command ends. When it did several things, the gravest end counts: the last in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything passed.
    Pass,
    /// At least one run cannot tell.
    Inconclusive,
    /// At least one run failed.
    Fail,
    /// Wrong usage, or a scenario with errors.
    Usage,
    /// An error of the harness itself.
    Internal,
    /// The user interrupted it.
    Interrupted,
}

impl From<RunOutcome> for Exit {
    fn from(outcome: RunOutcome) -> Self {
        match outcome {
            RunOutcome::Pass => Self::Pass,
            RunOutcome::Fail => Self::Fail,
            RunOutcome::Inconclusive => Self::Inconclusive,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Pass => 0,
            Exit::Fail => 1,
            Exit::Inconclusive => 2,
            Exit::Usage => 3,
            Exit::Internal => 4,
            Exit::Interrupted => 130,
        })
    }
}
