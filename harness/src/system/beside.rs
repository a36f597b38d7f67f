//! Systems side by side, as a scenario writes them.

use serde::{Deserialize, Deserializer};

use super::{Cluster, Independent, Replication, Sentinel, Systems};

/// Systems side by side in one run, at most one of each kind. They share the machine and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// A cluster. It is always the first: its positions are its slots.
    #[serde(default)]
    pub cluster: Option<Cluster>,
    /// Masters, their replicas and the sentinels that watch them.
    #[serde(default)]
    pub sentinel: Option<Sentinel>,
    /// A master and its replicas.
    #[serde(default)]
    pub replication: Option<Replication>,
    /// A single server.
    #[serde(default, deserialize_with = "read_standalone")]
    pub standalone: Option<Replication>,
    /// Masters that know nothing of each other.
    #[serde(default)]
    pub independent: Option<Independent>,
}

/// Reads `standalone: (nodes: 1)`.
fn read_standalone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Replication>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Single(#[serde(deserialize_with = "super::replication::read_standalone")] Replication);
    Ok(Option::<Single>::deserialize(deserializer)?.map(|Single(server)| server))
}

impl Beside {
    /// The systems, each beginning where the one before ends.
    pub(super) fn systems(self) -> Systems {
        let Self { cluster, sentinel, replication, standalone, independent } = self;
        let mut systems = Systems::default();
        if let Some(cluster) = cluster {
            systems.add("cluster", |origin| Cluster { origin, ..cluster });
        }
        if let Some(sentinel) = sentinel {
            systems.add("sentinel", |origin| Sentinel { origin, ..sentinel });
        }
        if let Some(replication) = replication {
            systems.add("replication", |origin| Replication { origin, ..replication });
        }
        if let Some(server) = standalone {
            systems.add("standalone", |origin| Replication { origin, ..server });
        }
        if let Some(independent) = independent {
            systems.add("independent", |origin| Independent { origin, ..independent });
        }
        systems
    }
}
