//! How loads end.

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
