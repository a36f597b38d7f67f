//! What a node is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A node's role. Redis' wire formats say `slave` for a replica, Valkey's logs `primary` for a master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Owns slots (or may), accepts writes, votes.
    Master,
    /// Copies a master.
    Replica,
    /// Holds no data: watches masters, and has replicas take over.
    Sentinel,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Replica => "replica",
            Self::Sentinel => "sentinel",
        })
    }
}
