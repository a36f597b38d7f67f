//! How loads end.

use std::fmt;

/// How a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadEnd {
    /// It did all its `operations`.
    Finished,
    /// All its workers gave up.
    GaveUp,
    /// It was stopped before, or some of its workers gave up.
    Stopped,
}

impl fmt::Display for LoadEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "did all its operations",
            Self::GaveUp => "gave up",
            Self::Stopped => "was stopped",
        })
    }
}
