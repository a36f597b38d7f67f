//! How the workers of a load share connections.

use std::fmt;

use serde::Deserialize;

/// How the workers of a load share connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Connections {
    /// Each worker has its own to each node that it needs, for as long as the load runs.
    #[default]
    PerWorker,
    /// Each operation, or pipeline of them, connects anew: a connection storm.
    PerOperation,
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerWorker => Ok(()),
            Self::PerOperation => f.write_str(", each on connections of its own"),
        }
    }
}
