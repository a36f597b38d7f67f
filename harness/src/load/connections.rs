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
    /// Each attempt takes one from a pool, as with Jedis, redis-py and go-redis.
    Pool {
        /// How many there are to each node at most, divided over the load's threads.
        max: u16,
    },
    /// All workers use so many to each node together, divided over the load's threads: requests are sent without waiting for the
    /// replies to others, as with Lettuce, `StackExchange.Redis` and redis-rs.
    Shared(u16),
}

impl Connections {
    /// How many there are to each node at most, if workers share them.
    pub fn shared(self) -> Option<u16> {
        match self {
            Self::PerWorker | Self::PerOperation => None,
            Self::Pool { max: count } | Self::Shared(count) => Some(count),
        }
    }
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerWorker => Ok(()),
            Self::PerOperation => f.write_str(", each on connections of its own"),
            Self::Pool { max } => write!(f, ", on a pool of at most {max} connections to each node"),
            Self::Shared(1) => f.write_str(", all on the same connection to each node"),
            Self::Shared(count) => write!(f, ", all on the same {count} connections to each node"),
        }
    }
}
