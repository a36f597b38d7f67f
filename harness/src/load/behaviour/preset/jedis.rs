//! Jedis, `JedisCluster`, version 5.

use std::fmt;

use documented::Documented;

use super::PresetKind;
use crate::load::behaviour::{Client, RefreshOn};
use crate::vocab::{Duration, Percent};

/// at most 5 attempts in 10 s, each of 2 s at most, with waits that grow and are left to chance. Its pools are `connections: Pool(max: 8)`. Not modelled: no wait after every other failure, and that `CLUSTERDOWN` is final. By sentinels: one attempt; asks them only when one says that the master is another
#[derive(Documented)]
pub(super) struct Jedis;

impl Jedis {
    pub(super) const EXAMPLE: &str = "Jedis";
}

impl fmt::Display for Jedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as Jedis 5")
    }
}

/// redis/jedis, `JedisCluster`: `DEFAULT_TIMEOUT` 2000, `DEFAULT_MAX_ATTEMPTS` 5, and their product as the bound of all retries;
/// `ClusterCommandExecutor.getBackoffSleepMillis`: up to the time left by the square of the attempts left, from the second failure on.
/// `JedisSentinelPool`: `MasterListener` for each sentinel, and no other look at them; `Jedis` tries nothing again.
impl PresetKind for Jedis {
    fn client(&self) -> Client {
        Client {
            timeout: Duration::from_millis(2_000),
            deadline: Duration::from_millis(10_000),
            attempts: Some(5),
            redirects: 4,
            retry_wait: Duration::from_millis(1_100),
            retry_wait_max: Duration::from_millis(8_000),
            jitter: Percent::ALL,
            ..Client::default()
        }
    }

    fn by_sentinels(&self) -> Client {
        Client {
            attempts: Some(1),
            refresh_on: RefreshOn { switch: true, ..RefreshOn::NOTHING },
            verifies_role: false,
            ..self.client()
        }
    }
}
