//! go-redis, `ClusterClient`, version 9.

use std::fmt;

use documented::Documented;

use super::PresetKind;
use crate::load::behaviour::{Client, Protocol, RefreshOn};
use crate::vocab::{Duration, Percent};

/// 4 attempts of at most 3 s, with waits that double from 8 to 512 ms and are half left to chance; asks who owns what after `MOVED` and every 10 s. By sentinels: asks them for each new connection, and listens. Not modelled: that it listens to one sentinel, and ends what is under way at the old master
#[derive(Documented)]
pub(super) struct GoRedis;

impl GoRedis {
    pub(super) const EXAMPLE: &str = "GoRedis";
}

impl fmt::Display for GoRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as go-redis 9")
    }
}

/// redis/go-redis, `osscluster.go`: `MaxRedirects` 3, `MinRetryBackoff` 8 ms, `MaxRetryBackoff` 512 ms, `LazyReload`, and the state that is
/// loaded anew when older than 10 s; `options.go`: `ReadTimeout` 3 s; `internal/internal.go`: `RetryBackoff`.
/// `sentinel.go`: `MasterAddr` for each new connection, `listen` to `+switch-master`, and no look at the role.
impl PresetKind for GoRedis {
    fn client(&self) -> Client {
        Client {
            timeout: Duration::from_millis(3_000),
            deadline: Duration::from_millis(30_000),
            attempts: Some(4),
            redirects: 3,
            retry_wait: Duration::from_millis(8),
            retry_wait_max: Duration::from_millis(512),
            jitter: Percent::HALF,
            refresh_on: RefreshOn { moved: true, ..RefreshOn::NOTHING },
            refresh_every: Some(Duration::from_millis(10_000)),
            resp: Protocol::Resp3,
            ..Client::default()
        }
    }

    fn by_sentinels(&self) -> Client {
        Client {
            refresh_on: RefreshOn { error: true, switch: true, ..RefreshOn::NOTHING },
            refresh_every: None,
            verifies_role: false,
            ..self.client()
        }
    }
}
