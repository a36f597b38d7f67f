//! How client libraries behave as they come, one a file. The list below is the only one that names them.

use std::fmt;

use super::Client;
use crate::text::kinds;

kinds! {
    /// A client library whose defaults a client has.
    #[derive(Copy, Eq)]
    pub enum Preset: PresetKind {
        naive::Naive as unit,
        redis_py::RedisPy as unit,
        jedis::Jedis as unit,
        lettuce::Lettuce as unit,
        go_redis::GoRedis as unit,
        ioredis::Ioredis as unit,
        redis_rs::RedisRs as unit,
    }
}

/// What a preset says. It is displayed as the plan explains it, such as `as go-redis 9`.
pub trait PresetKind: fmt::Display {
    /// What the client does in a cluster, as far as the declared behaviours can say it.
    fn client(&self) -> Client;

    /// What it does where sentinels tell who is the master.
    fn by_sentinels(&self) -> Client;
}

impl Preset {
    /// What the client does in a cluster.
    pub fn client(self) -> Client {
        self.kind().client()
    }

    /// What it does where sentinels tell who is the master.
    pub fn by_sentinels(self) -> Client {
        self.kind().by_sentinels()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What holds for a client that a scenario writes holds for every preset.
    #[test]
    fn every_preset_makes_sense() {
        for word in Preset::WORDS {
            let preset: Preset = crate::text::options().from_str(word.example).unwrap();
            for client in [preset.client(), preset.by_sentinels()] {
                assert!(
                    client.timeout <= client.deadline && client.retry_wait <= client.retry_wait_max,
                    "{}",
                    word.name
                );
                assert_ne!(client.attempts, Some(0), "{}", word.name);
            }
        }
    }
}
