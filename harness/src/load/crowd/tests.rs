use std::time::Duration;

use super::*;
use crate::evidence::LoadTotals;
use crate::load::RunningLoads;
use crate::load::testing::{Redis, journal, load, task};

const BOUND: Duration = Duration::from_secs(20);

/// What a crowd of that size counts on a server that takes so many clients, and to which something happens meanwhile.
async fn crowd(size: u32, clients_max: &str, happens: impl AsyncFnOnce(&RunningLoads, &Redis)) -> LoadTotals {
    let redis = Redis::start().await;
    redis.say(&[b"CONFIG", b"SET", b"maxclients", clients_max.as_bytes()], "OK").await;
    let (_temporary, directory, journal) = journal();
    let client = r#"client: (retry_wait: "20ms", retry_wait_max: "100ms", jitter: 50)"#;
    let load = load("crowd", &format!("idle: {size}, {client}"));
    let running = RunningLoads::start(&[task(load, &[redis.address])], journal, &directory).unwrap();
    happens(&running, &redis).await;
    running.stop().await.unwrap().loads.remove(0).totals
}

#[tokio::test]
async fn who_is_thrown_out_comes_back() {
    let totals = crowd(300, "1000", async |running, redis| {
        running.await_connected("crowd", 300, Instant::default(), BOUND).await.unwrap();
        let since = running.now();
        redis.say(&[b"CLIENT", b"KILL", b"TYPE", b"normal"], "300").await;
        running.await_connected("crowd", 300, since, BOUND).await.unwrap();
    })
    .await;
    let (idle, connections) = (totals.idle.unwrap(), totals.connections);
    assert!(idle.complete.is_some() && idle.outages.iter().all(|outage| outage.ended.is_some()), "{idle:?}");
    assert!(idle.outages.iter().map(|outage| outage.least).min() < Some(300), "{idle:?}");
    assert_eq!(connections.lost.values().sum::<u64>(), 300, "{connections:?}");
    assert!(connections.opened >= 600, "{connections:?}");
    assert_eq!(totals.ok + totals.fail + totals.unknown, 0);
}

#[tokio::test]
async fn a_crowd_that_is_too_large_is_never_complete() {
    let totals = crowd(40, "20", async |running, _| {
        running.await_connected("crowd", 15, Instant::default(), BOUND).await.unwrap();
        let missing = running.await_connected("crowd", 40, running.now(), Duration::from_millis(500)).await;
        assert!(missing.unwrap_err().ends_with("of 40 idle connections of load `crowd` are open"));
    })
    .await;
    assert_eq!(totals.idle.as_ref().unwrap().complete, None);
    assert!(totals.connections.refused[&ErrorKind::MaxClients] > 0, "{totals:?}");
    assert!(totals.error_replies[&ErrorKind::MaxClients].starts_with("ERR max number of clients"), "{totals:?}");
}
