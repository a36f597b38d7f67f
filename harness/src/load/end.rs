//! How loads end.

use std::fmt;

/// How a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadEnd {
    /// It did all its `operations`, or had no key left to write.
    Finished,
    /// All its workers gave up.
    GaveUp,
    /// It was stopped before, or some of its workers gave up.
    Stopped,
}

impl LoadEnd {
    /// How a load ended whose parts ended like this.
    pub(crate) fn of_all(ends: &[Self]) -> Self {
        let all = |end: Self| ends.iter().all(|other| *other == end);
        [Self::Finished, Self::GaveUp].into_iter().find(|end| all(*end)).unwrap_or(Self::Stopped)
    }
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
