//! What a power failure takes.

use std::fmt;
use std::path::PathBuf;

use crate::vocab::Instant;

/// What a power failure did to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerFailure {
    /// The instant just before.
    pub began: Instant,
    /// Whether every process of the node was seen to be gone in time.
    pub is_proven: bool,
    /// What its disk had not written yet.
    pub forgotten: Vec<Forgotten>,
}

/// What a power failure took from one file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// Bytes of a file that were not synchronised.
    Bytes {
        /// Its path in the data directory.
        file: PathBuf,
        /// How many were written or cut off since it was synchronised last.
        bytes: u64,
    },
    /// A file or directory was new.
    Made(PathBuf),
    /// A name had been given to another file.
    Replaced(PathBuf),
    /// A file or directory had been removed, or renamed.
    Removed(PathBuf),
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { file, bytes: 1 } => write!(f, "1 byte of {}", file.display()),
            Self::Bytes { file, bytes } => write!(f, "{bytes} bytes of {}", file.display()),
            Self::Made(name) => write!(f, "the new {}", name.display()),
            Self::Replaced(name) => write!(f, "the newer {}", name.display()),
            Self::Removed(name) => write!(f, "the removal of {}", name.display()),
        }
    }
}
