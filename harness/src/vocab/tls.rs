//! Whether servers speak TLS.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who speaks TLS with servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Tls {
    /// Everybody: clients, replicas and the cluster bus.
    Only,
    /// The same, but clients may also speak plain TCP, on a port of its own.
    BesidePlain,
}

impl fmt::Display for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Only => "TLS only",
            Self::BesidePlain => "TLS with plain TCP beside it",
        })
    }
}
