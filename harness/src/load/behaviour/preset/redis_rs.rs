//! redis-rs, its cluster client, version 1.

use std::fmt;

use documented::Documented;

use super::PresetKind;
use crate::load::behaviour::{Client, RefreshOn};
use crate::vocab::Duration;

/// 17 attempts, with 1.28 s between them. The connection to each node that its asynchronous client has is `connections: Shared(1)`. Not modelled: no wait after a connection that broke, and longer waits from the eighth on. By sentinels: one attempt; asks them when a connection has failed, and the master for its role
#[derive(Documented)]
pub(super) struct RedisRs;

impl RedisRs {
    pub(super) const EXAMPLE: &str = "RedisRs";
}

impl fmt::Display for RedisRs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as redis-rs 1")
    }
}

/// redis-rs/redis-rs 1.8, `cluster_handling/client.rs`: `DEFAULT_RETRIES` 16, no response timeout; `wait_time_for_retry` has chance take a
/// wait from `MIN_RETRY_WAIT`, 1280 ms, to 10 ms doubled for each retry, of which there is nothing to choose before the eighth. The
/// map is asked for anew after `MOVED`.
/// `sentinel.rs`: `SentinelClient::get_connection` asks and looks at the role (`check_role`), and tries nothing again.
impl PresetKind for RedisRs {
    fn client(&self) -> Client {
        Client {
            timeout: Duration::from_millis(60_000),
            deadline: Duration::from_millis(60_000),
            attempts: Some(17),
            redirects: 16,
            retry_wait: Duration::from_millis(1_280),
            retry_wait_max: Duration::from_millis(1_280),
            refresh_on: RefreshOn { moved: true, ..RefreshOn::NOTHING },
            ..Client::default()
        }
    }

    fn by_sentinels(&self) -> Client {
        Client { attempts: Some(1), refresh_on: RefreshOn { error: true, ..RefreshOn::NOTHING }, ..self.client() }
    }
}
