//! Lettuce, `RedisClusterClient`, version 6.

use std::fmt;

use documented::Documented;

use super::PresetKind;
use crate::load::behaviour::{Client, Protocol, RefreshOn};
use crate::vocab::Duration;

/// goes on for 60 s, connecting again after waits that grow to 30 s, and never asks again who owns what. Its one connection to each node is `connections: Shared(1)`. Not modelled: that `CLUSTERDOWN` is final. By sentinels: asks them whenever it connects again
#[derive(Documented)]
pub(super) struct Lettuce;

impl Lettuce {
    pub(super) const EXAMPLE: &str = "Lettuce";
}

impl fmt::Display for Lettuce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as Lettuce 6")
    }
}

/// redis/lettuce, `RedisURI.DEFAULT_TIMEOUT` 60 s, `ClusterClientOptions.DEFAULT_MAX_REDIRECTS` 5, `Delay.exponential` for
/// connections (1 ms doubled to 30 s); `ClusterTopologyRefreshOptions`: neither periodic nor adaptive before version 7.
/// `RedisClient.lookupRedis` for each connection that `ConnectionWatchdog` makes; only `MasterReplica` listens to sentinels.
impl PresetKind for Lettuce {
    fn client(&self) -> Client {
        Client {
            timeout: Duration::from_millis(60_000),
            deadline: Duration::from_millis(60_000),
            retry_wait: Duration::from_millis(1),
            retry_wait_max: Duration::from_millis(30_000),
            refresh_on: RefreshOn::NOTHING,
            resp: Protocol::Resp3,
            ..Client::default()
        }
    }

    fn by_sentinels(&self) -> Client {
        Client { refresh_on: RefreshOn { error: true, ..RefreshOn::NOTHING }, verifies_role: false, ..self.client() }
    }
}
