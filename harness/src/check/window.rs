//! The parts of a run that an SLO can be about.

use std::fmt;

use serde::Deserialize;

/// The part of a run that an SLO is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum During {
    /// Outside the fault windows.
    Steady,
    /// From each fault until the cluster has settled and every client is back on its pace.
    Fault,
    /// From the load's start to its end.
    #[default]
    Whole,
}

impl fmt::Display for During {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Steady => "steady",
            Self::Fault => "fault",
            Self::Whole => "whole",
        })
    }
}
