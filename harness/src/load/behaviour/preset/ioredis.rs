//! ioredis, `Cluster`, version 5.

use std::fmt;

use documented::Documented;

use super::PresetKind;
use crate::load::behaviour::Client;
use crate::vocab::Duration;

/// 17 attempts, 100 ms apart; a reply is waited for without end (here 60 s). Its one connection to each node is `connections: Shared(1)`
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
}
