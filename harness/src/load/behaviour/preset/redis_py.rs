//! redis-py, `RedisCluster`, version 5.

use std::fmt;

use documented::Documented;

use super::PresetKind;
use crate::load::behaviour::{Client, RefreshOn};
use crate::vocab::Duration;

/// 4 attempts without a wait between them, then an error; a reply is waited for without end (here 60 s). Not modelled: the 250 ms after `CLUSTERDOWN`. By sentinels: one attempt; asks them when a connection has failed
#[derive(Documented)]
pub(super) struct RedisPy;

impl RedisPy {
    pub(super) const EXAMPLE: &str = "RedisPy";
}

impl fmt::Display for RedisPy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as redis-py 5")
    }
}

/// redis/redis-py, `redis/cluster.py`: `RedisClusterRequestTTL` 16, `cluster_error_retry_attempts` 3, `reinitialize` after a connection
/// error, one slot moved after `MOVED`; `redis/connection.py`: `socket_timeout=None`, no retry.
/// `redis/sentinel.py`: `get_master_address` for each new connection, `check_connection=False`.
impl PresetKind for RedisPy {
    fn client(&self) -> Client {
        Client {
            timeout: Duration::from_millis(60_000),
            deadline: Duration::from_millis(60_000),
            attempts: Some(4),
            redirects: 15,
            retry_wait: Duration::default(),
            retry_wait_max: Duration::default(),
            refresh_on: RefreshOn { error: true, ..RefreshOn::NOTHING },
            ..Client::default()
        }
    }

    fn by_sentinels(&self) -> Client {
        Client { attempts: Some(1), verifies_role: false, ..self.client() }
    }
}
