//! ioredis, `Cluster`, version 5.

use std::fmt;

use documented::Documented;

use super::PresetKind;
use crate::load::behaviour::{Client, RefreshOn};
use crate::vocab::Duration;

/// 17 attempts, 100 ms apart; a reply is waited for without end (here 60 s). Its one connection to each node is `connections: Shared(1)`. By sentinels: 21 attempts, after waits that grow from 50 ms to 2 s; asks them whenever it connects again, and the master for its role
#[derive(Documented)]
pub(super) struct Ioredis;

impl Ioredis {
    pub(super) const EXAMPLE: &str = "Ioredis";
}

impl fmt::Display for Ioredis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as ioredis 5")
    }
}

/// redis/ioredis, `lib/cluster/ClusterOptions.ts`: `maxRedirections` 16, `retryDelayOnFailover` and `retryDelayOnClusterDown` 100 ms;
/// `lib/cluster/index.ts`: `handleError`; `slotsRefreshInterval` is not set.
/// `lib/connectors/SentinelConnector/index.ts`: `resolve` for each new connection, `check` of the role, `failoverDetector` off;
/// `lib/redis/RedisOptions.ts`: `maxRetriesPerRequest` 20, `retryStrategy` from 50 ms to 2 s, `enableReadyCheck`.
impl PresetKind for Ioredis {
    fn client(&self) -> Client {
        Client {
            timeout: Duration::from_millis(60_000),
            deadline: Duration::from_millis(60_000),
            attempts: Some(17),
            redirects: 16,
            retry_wait: Duration::from_millis(100),
            retry_wait_max: Duration::from_millis(100),
            ..Client::default()
        }
    }

    fn by_sentinels(&self) -> Client {
        Client {
            attempts: Some(21),
            retry_wait: Duration::from_millis(50),
            retry_wait_max: Duration::from_millis(2_000),
            refresh_on: RefreshOn { error: true, ..RefreshOn::NOTHING },
            ..self.client()
        }
    }
}
