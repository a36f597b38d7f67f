use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rstest::rstest;

use super::*;
use crate::evidence::{Heard, HeardKind, HistoryReader, Operation, Outcome, RunDirectory, Value, read_heard};
use crate::load::testing::{Act, Fake, Redis, journal, load, task};
use crate::load::{Load, LoadEnd, RunningLoads};
use crate::system::cluster::slot_of_key;
use crate::vocab::Address;

const BOUND: Duration = Duration::from_secs(20);

/// What subscribers heard, and what was done, of a load to whose servers something happens meanwhile.
async fn run(load: Load, nodes: &[Address], happens: impl AsyncFnOnce()) -> (Vec<Heard>, Vec<Operation>) {
    let (_temporary, directory, journal) = journal();
    let running = RunningLoads::start(&[task(load, nodes)], journal, &directory).unwrap();
    happens().await;
    assert_eq!(running.end_of("app", BOUND).await, Some(LoadEnd::Finished));
    running.stop().await.unwrap();
    (heard(&directory), history(&directory))
}

fn heard(directory: &RunDirectory) -> Vec<Heard> {
    read_heard(std::fs::File::open(directory.subscribers()).unwrap()).unwrap()
}

fn history(directory: &RunDirectory) -> Vec<Operation> {
    HistoryReader::new(std::fs::File::open(directory.history()).unwrap()).unwrap().read_all().unwrap().iter().collect()
}

fn count(heard: &[Heard], is: impl Fn(HeardKind) -> bool) -> usize {
    heard.iter().filter(|heard| is(heard.what)).count()
}

fn subscribed(what: HeardKind) -> bool {
    what == HeardKind::Subscribed
}

fn ended(what: HeardKind) -> bool {
    matches!(what, HeardKind::Ended { .. })
}

const MIX: &str = r#"mix: [Publish(value: "20B"), Spublish(value: "16B"), Set(value: "16B")], keys: Uniform(5)"#;

#[rstest]
#[case::resp2("")]
#[case::resp3("resp: 3")]
#[tokio::test]
async fn every_subscriber_hears_every_message(#[case] client: &str) {
    let redis = Redis::start().await;
    let load = load("app", &format!("{MIX}, operations: 300, subscribers: 3, client: ({client})"));
    let (heard, history) = run(load, &[redis.address], async || {}).await;
    // Three subscribers to five channels of two kinds, each to the end.
    assert_eq!((count(&heard, subscribed), count(&heard, ended)), (30, 30));
    let mut messages: BTreeMap<u16, BTreeSet<_>> = BTreeMap::new();
    for one in &heard {
        if let HeardKind::Message(value) = one.what {
            let is_new = messages.entry(one.subscriber).or_default().insert((one.data, one.channel, value));
            assert!(is_new, "{one:?} came twice");
        }
    }
    let published = history.iter().filter(|operation| operation.data.is_channel());
    let published: BTreeSet<_> = published.map(|publish| (publish.data, publish.key, publish.value)).collect();
    assert!(published.len() > 100 && history.iter().all(|operation| operation.outcome == Outcome::Ok));
    assert_eq!(messages.into_values().collect::<Vec<_>>(), [published.clone(), published.clone(), published]);
    // The last word of the servers comes well after the last message.
    let last = history.iter().map(|operation| operation.ended).max().unwrap();
    let good_for =
        |what| if let HeardKind::Ended { good_until } = what { good_until.nanos_since(last) } else { u64::MAX };
    assert!(heard.iter().all(|heard| good_for(heard.what) >= 1_900_000_000));
}

#[tokio::test]
async fn who_loses_the_connection_comes_back() {
    let redis = Redis::start().await;
    let fields = "operations: 200, pace: Open(per_second: 200), subscribers: 2";
    let (heard, _) = run(load("app", &format!("{MIX}, {fields}")), &[redis.address], async || {
        redis.say(&[b"PUBSUB", b"NUMSUB", b"app:channel:5"], "Integer(2)").await;
        redis.say(&[b"CLIENT", b"KILL", b"TYPE", b"pubsub"], "").await;
    })
    .await;
    let (gained, lost) = (count(&heard, subscribed), count(&heard, ended));
    assert!(gained >= 20 && gained == lost, "{gained} subscriptions and {lost} ends");
}

fn confirmed(channel: &str) -> String {
    format!("*3\r\n$10\r\nssubscribe\r\n${}\r\n{channel}\r\n:1\r\n", channel.len())
}

const PONG: &str = "*2\r\n$4\r\npong\r\n$4\r\nlast\r\n";

const SHARDED: &str = r#"mix: [Spublish(value: "16B")], keys: Uniform(1), workers: 1, operations: 1, subscribers: 1"#;

#[tokio::test]
async fn a_subscriber_follows_its_channel() {
    let (a, b) = (Fake::bind().await, Fake::bind().await);
    let (owner, at_b) = (a.address, b.address);
    let moved = format!("-MOVED {} {at_b}\r\n", slot_of_key(b"app:shardchannel:1"));
    let a = a.serve(owner, move |command, _| match command {
        "PING" => Act::Say("+PONG\r\n".to_owned()),
        _ => Act::Say(moved.clone()),
    });
    let b = b.serve(at_b, |command, _| match command {
        "PING" => Act::Say("+PONG\r\n".to_owned()),
        "PING last" => Act::Say(PONG.to_owned()),
        "SSUBSCRIBE app:shardchannel:1" => Act::Say(confirmed("app:shardchannel:1")),
        _ => Act::Say(":0\r\n".to_owned()),
    });
    let (heard, _) = run(load("app", SHARDED), &[a, b], async || {}).await;
    let told: Vec<_> = heard.iter().map(|heard| (heard.node, subscribed(heard.what))).collect();
    assert_eq!(told, [(Some(1), true), (Some(1), false)]);
}

/// The first time, the server ends the subscription at once, as one does whose shard has become another's.
#[tokio::test]
async fn who_is_unsubscribed_subscribes_again() {
    let fake = Fake::bind().await;
    let (address, asked) = (fake.address, AtomicBool::new(false));
    let address = fake.serve(address, move |command, _| match command {
        "PING" => Act::Say("+PONG\r\n".to_owned()),
        "PING last" => Act::Say(PONG.to_owned()),
        "SSUBSCRIBE app:shardchannel:1" if !asked.swap(true, Ordering::Relaxed) => {
            let channel = "app:shardchannel:1";
            let over = format!("*3\r\n$12\r\nsunsubscribe\r\n${}\r\n{channel}\r\n:0\r\n", channel.len());
            Act::Say(confirmed(channel) + &over)
        }
        "SSUBSCRIBE app:shardchannel:1" => Act::Say(confirmed("app:shardchannel:1")),
        _ => Act::Say(":0\r\n".to_owned()),
    });
    let (heard, _) = run(load("app", SHARDED), &[address], async || {}).await;
    let told: Vec<_> = heard.iter().map(|heard| subscribed(heard.what)).collect();
    assert_eq!(told, [true, false, true, false]);
}

/// A server that accepts and then says nothing is given up after twice the client's timeout.
#[tokio::test]
async fn silence_is_not_waited_for() {
    let fake = Fake::bind().await;
    let (address, pings) = (fake.address, AtomicUsize::new(0));
    let address = fake.serve(address, move |command, _| match command {
        // The first on each connection, which greets, and not the one that asks whether anybody is there.
        "PING" if pings.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) => Act::Say("+PONG\r\n".to_owned()),
        command if command.starts_with("SSUBSCRIBE") => Act::Say(confirmed("app:shardchannel:1")),
        command if command.starts_with("SPUBLISH") => Act::Say(":0\r\n".to_owned()),
        _ => Act::Silence,
    });
    let fields = format!(r#"{SHARDED}, client: (timeout: "300ms")"#);
    let (heard, history) = run(load("app", &fields), &[address], async || {}).await;
    assert!(count(&heard, ended) >= 1 && count(&heard, subscribed) >= 2, "{heard:?}");
    assert!(matches!(history[0], Operation { value: Value::Written(_), outcome: Outcome::Ok, .. }));
}
