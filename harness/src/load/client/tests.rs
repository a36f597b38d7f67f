use std::time::Duration;

use rstest::rstest;
use tokio::task::LocalSet;

use super::*;
use crate::evidence::Value;
use crate::load::op::{Get, MixEntry, Set, Text, Wait};
use crate::load::parts::Part;
use crate::load::recorder::HistoryRecorder;
use crate::load::testing::{Act, Fake, journal, load, task, value_reply};
use crate::load::{Op, ValueSize};
use crate::system::cluster::slot_of_key;
use crate::vocab::{Address, Size};

/// A client that soon gives up.
const HASTY: &str = r#"mix: [Get()], keys: Uniform(9), workers: 1, prefix: "k",
    client: (timeout: "150ms", deadline: "400ms", retry_wait: "5ms")"#;

/// A client that never gives up on a machine that is merely busy.
const PATIENT: &str = r#"mix: [Get()], keys: Uniform(9), workers: 1, prefix: "k",
    client: (timeout: "1s", deadline: "30s", retry_wait: "5ms")"#;

/// A client that fails rather than wait before it tries again.
const RESTLESS: &str = r#"mix: [Get()], keys: Uniform(9), workers: 1, prefix: "k",
    client: (timeout: "5s", deadline: "5s", retry_wait: "6s")"#;

const SET: Op =
    Op::Set(Set { weight: 1, value: ValueSize::Fixed(Size { bytes: 16 }), expires: None, get: false, wait: None });
const GET: Op = Op::Get(Get { weight: 1, of: Text::Value });

/// Does the entries one after the other, on the key k1, as one worker of a client that knows these nodes and who owns what.
async fn perform(nodes: &[Address], entries: &[Op]) -> Vec<Operation> {
    perform_as(PATIENT, true, nodes, entries).await
}

/// As [`perform`], for a client of one's own, which may not have `asked` who owns what.
async fn perform_as(client: &str, asked: bool, nodes: &[Address], entries: &[Op]) -> Vec<Operation> {
    let mix = MixEntry::of(entries);
    let of_entry = |entry| (0..).map_while(move |nth| MixEntry::command(entry, nth, (1, slot_of_key(b"k1")), 0xAB));
    let commands: Vec<_> = mix.iter().flat_map(of_entry).collect();
    let batches: Vec<_> = commands.iter().map(std::slice::from_ref).collect();
    perform_batches(client, asked, nodes, &batches).await
}

/// Does the commands of each batch together.
async fn perform_batches(
    client: &str,
    asked: bool,
    nodes: &[Address],
    batches: &[&[MixCommand<'_>]],
) -> Vec<Operation> {
    let (_temporary, directory, journal) = journal();
    let recorder = HistoryRecorder::start(&directory, journal.clone()).unwrap();
    let shared = Shared::new(task(load("app", client), nodes), Part::whole(), journal.clock(), recorder.outbox());
    let tasks = LocalSet::new();
    let operations = tasks.run_until(async {
        if asked {
            shared.ask_around(None).await;
        }
        let mut client = RetryingClient::new(Rc::clone(&shared), 0);
        let mut operations = Vec::new();
        for batch in batches {
            let batch = client.perform(None, batch.iter().map(|command| (*command, None))).await;
            operations.extend(batch.iter().map(|command| command.operation));
        }
        operations
    });
    let operations = operations.await;
    let failures: u64 = shared.counters().totals().attempt_errors.values().sum();
    let attempts: u64 = operations.iter().map(|operation| u64::from(operation.attempts)).sum();
    let ok = operations.iter().filter(|operation| operation.outcome == Outcome::Ok).count() as u64;
    assert_eq!(failures + ok, attempts, "each attempt is counted once");
    operations
}

fn say(reply: &str) -> Act {
    Act::Say(format!("{reply}\r\n"))
}

/// One server, which does this about every command but `CLUSTER SLOTS`.
async fn server(script: impl Fn(&str, usize) -> Act + Send + Sync + 'static) -> Address {
    let fake = Fake::bind().await;
    let owner = fake.address;
    fake.serve(owner, script)
}

#[rstest]
#[case::ok(SET, vec![say("+OK")], Outcome::Ok, 1, 0, None)]
#[case::byte_by_byte(SET, vec![Act::Dribble("+OK\r\n".into())], Outcome::Ok, 1, 0, None)]
#[case::refused_at_first(SET, vec![say("-CLUSTERDOWN no"), say("-LOADING no"), say("+OK")], Outcome::Ok, 3, 0, Some(ErrorKind::Loading))]
#[case::closed_then_ok(SET, vec![Act::SayAndClose(String::new()), say("+OK")], Outcome::Ok, 2, 1, Some(ErrorKind::Closed))]
#[case::half_a_reply(SET, vec![Act::SayAndClose("+O".into()), say("+OK")], Outcome::Ok, 2, 1, Some(ErrorKind::Closed))]
#[case::garbage(SET, vec![Act::SayAndClose("HTTP/1.1 400\r\n".into()), say("+OK")], Outcome::Ok, 2, 1, Some(ErrorKind::Protocol))]
#[case::the_wrong_reply(SET, vec![say(":1"), say("+OK")], Outcome::Ok, 2, 1, Some(ErrorKind::Protocol))]
#[case::no_reply_in_time(SET, vec![Act::Silence, say("+OK")], Outcome::Ok, 2, 1, Some(ErrorKind::TimedOut))]
#[case::read_closed_then_ok(GET, vec![Act::SayAndClose(String::new()), say("$-1")], Outcome::Ok, 2, 1, Some(ErrorKind::Closed))]
#[tokio::test]
async fn attempts_are_retried(
    #[case] op: Op,
    #[case] acts: Vec<Act>,
    #[case] outcome: Outcome,
    #[case] attempts: u16,
    #[case] unknown_attempts: u16,
    #[case] error: Option<ErrorKind>,
) {
    let address = server(move |_, nth| acts[nth].clone()).await;
    let operation = perform(&[address], &[op]).await[0];
    assert_eq!((operation.outcome, operation.error), (outcome, error));
    assert_eq!((operation.attempts, operation.unknown_attempts), (attempts, unknown_attempts));
    assert_eq!(operation.node, Some(0));
}

#[rstest]
#[case::write_closed(SET, Act::SayAndClose(String::new()), Outcome::Unknown, ErrorKind::Closed, true)]
#[case::read_closed(GET, Act::SayAndClose(String::new()), Outcome::Fail, ErrorKind::Closed, true)]
#[case::write_unanswered(SET, Act::Silence, Outcome::Unknown, ErrorKind::TimedOut, true)]
#[case::read_unanswered(GET, Act::Silence, Outcome::Fail, ErrorKind::TimedOut, true)]
#[case::write_refused(SET, say("-OOM no"), Outcome::Fail, ErrorKind::OutOfMemory, false)]
#[case::read_refused(GET, say("-MASTERDOWN no"), Outcome::Fail, ErrorKind::MasterDown, false)]
#[tokio::test]
async fn an_operation_ends_at_its_deadline(
    #[case] op: Op,
    #[case] act: Act,
    #[case] outcome: Outcome,
    #[case] error: ErrorKind,
    #[case] uncertain: bool,
) {
    let address = server(move |_, _| act.clone()).await;
    let operation = perform_as(HASTY, true, &[address], std::slice::from_ref(&op)).await[0];
    assert_eq!((operation.outcome, operation.error), (outcome, Some(error)));
    assert!(operation.attempts > 1);
    assert_eq!(operation.unknown_attempts, if uncertain { operation.attempts } else { 0 });
    let attempted = if op.writes() { Value::Written(0xAB) } else { Value::Missing };
    assert_eq!(operation.value, attempted, "what was attempted is recorded");
    let millis = operation.service_nanos() / 1_000_000;
    assert!((350..2_000).contains(&millis), "{millis} ms instead of 400");
}

#[tokio::test]
async fn a_client_that_is_sent_round_in_circles_takes_breaths() {
    let fake = Fake::bind().await;
    let owner = fake.address;
    let moved = format!("-MOVED {} {owner}", slot_of_key(b"k1"));
    let operation = perform_as(HASTY, true, &[fake.serve(owner, move |_, _| say(&moved))], &[SET]).await[0];
    assert_eq!((operation.outcome, operation.error), (Outcome::Fail, Some(ErrorKind::Moved)));
    // 6 attempts a breath of 5 ms, for 400 ms.
    assert!((7..=6 * 80).contains(&operation.attempts), "{} attempts", operation.attempts);
}

#[tokio::test]
async fn nobody_listens() {
    let address = Fake::bind().await.address;
    let operation = perform_as(HASTY, true, &[address], &[SET]).await[0];
    assert_eq!((operation.outcome, operation.error), (Outcome::Fail, Some(ErrorKind::Refused)));
    assert_eq!((operation.unknown_attempts, operation.node), (0, None));
    let operation = perform_as(HASTY, true, &[], &[SET]).await[0];
    assert_eq!((operation.outcome, operation.error), (Outcome::Fail, Some(ErrorKind::NoRoute)));
}

/// What a client is declared to do, it does: how often it tries, follows, and asks who owns what.
#[rstest]
#[case::tries("attempts: 3", "-CLUSTERDOWN no", 3)]
#[case::follows_within_a_try("attempts: 2, redirects: 4", "-MOVED", 2 * 5)]
#[case::follows_nobody("attempts: 3, redirects: 0", "-MOVED", 3)]
#[case::has_time_for_one("deadline: \"1s\", retry_wait: \"2s\"", "-CLUSTERDOWN no", 1)]
#[tokio::test]
async fn a_client_does_as_declared(#[case] client: &str, #[case] reply: &str, #[case] attempts: u16) {
    let fake = Fake::bind().await;
    let owner = fake.address;
    let reply = if reply == "-MOVED" { format!("-MOVED {} {owner}", slot_of_key(b"k1")) } else { reply.to_owned() };
    let address = fake.serve(owner, move |_, _| say(&reply));
    let load = format!(r#"mix: [Get()], keys: Uniform(9), workers: 1, prefix: "k", client: ({client})"#);
    let operation = perform_as(&load, true, &[address], &[SET]).await[0];
    assert_eq!((operation.outcome, operation.attempts), (Outcome::Fail, attempts));
}

#[tokio::test]
async fn moved_is_followed_at_once_and_remembered() {
    let (a, b) = (Fake::bind().await, Fake::bind().await);
    let slot = slot_of_key(b"k1");
    let (owner, moved) = (b.address, format!("-MOVED {slot} {}", b.address));
    let a = a.serve(owner, move |_, nth| if nth == 0 { say(&moved) } else { panic!("asked again") });
    let b = b.serve(owner, |_, _| say("+OK"));
    // Without having asked, the client believes the node that it happens to ask first.
    let operations = perform_as(RESTLESS, false, &[a, b], &[SET, SET]).await;
    let seen: Vec<_> = operations.iter().map(|op| (op.outcome, op.attempts, op.error, op.node)).collect();
    assert_eq!(seen[0], (Outcome::Ok, 2, Some(ErrorKind::Moved), Some(1)));
    assert_eq!(seen[1], (Outcome::Ok, 1, None, Some(1)));
}

#[tokio::test]
async fn ask_is_followed_with_asking_and_not_remembered() {
    let (a, b) = (Fake::bind().await, Fake::bind().await);
    let (owner, ask) = (a.address, format!("-ASK {} {}", slot_of_key(b"k1"), b.address));
    let a = a.serve(owner, move |_, nth| if nth == 0 { say(&ask) } else { say("+OK") });
    let b = b.serve(owner, |command, nth| match (command, nth) {
        ("ASKING", 0) | ("SET k1 8cc1466ad3122315", 1) => say("+OK"),
        _ => say("-ERR not asked for"),
    });
    let operations = perform_as(RESTLESS, true, &[a, b], &[SET, SET]).await;
    let seen: Vec<_> = operations.iter().map(|op| (op.outcome, op.attempts, op.error, op.node)).collect();
    assert_eq!(seen, [(Outcome::Ok, 2, Some(ErrorKind::Ask), Some(1)), (Outcome::Ok, 1, None, Some(0)),]);
}

#[tokio::test]
async fn a_dead_owner_is_replaced_when_another_node_says_so() {
    let (dead, b) = (Address::of_own_loopback(), Fake::bind().await);
    let owner = b.address;
    let b = b.serve(owner, |_, _| say("+OK"));
    let operation = perform_as(PATIENT, false, &[dead, b], &[SET]).await[0];
    assert_eq!((operation.outcome, operation.error, operation.node), (Outcome::Ok, Some(ErrorKind::Refused), Some(1)));
}

#[tokio::test]
async fn a_late_reply_is_not_taken_for_the_next_ones() {
    let (late, right) = (value_reply(1), value_reply(2));
    let script = move |_: &str, nth| match nth {
        0 => Act::Late(Duration::from_millis(200), late.clone()),
        _ => Act::Say(right.clone()),
    };
    let operations = perform_as(HASTY, true, &[server(script).await], &[GET, GET]).await;
    for operation in operations {
        assert_eq!((operation.outcome, operation.value), (Outcome::Ok, Value::Written(2)));
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_attempt() {
    let address = server(|_, _| Act::SayAndClose("+OK\r\n".to_owned())).await;
    let (_temporary, directory, journal) = journal();
    let recorder = HistoryRecorder::start(&directory, journal.clone()).unwrap();
    let shared = Shared::new(task(load("app", PATIENT), &[address]), Part::whole(), journal.clock(), recorder.outbox());
    let tasks = LocalSet::new();
    let doing = tasks.run_until(async {
        let mut client = RetryingClient::new(shared, 0);
        let mix = MixEntry::of(&[SET]);
        let write = mix[0].command(0, (1, slot_of_key(b"k1")), 0xAB).unwrap();
        drop(client.perform(None, std::iter::once((write, None))).await);
        while client.connections.own(0).unwrap().is_usable() {
            tokio::task::yield_now().await;
        }
        client.perform(None, std::iter::once((write, None))).await[0].operation
    });
    let operation = tokio::time::timeout(Duration::from_secs(5), doing).await.unwrap();
    assert_eq!((operation.outcome, operation.attempts, operation.error), (Outcome::Ok, 1, None));
}

#[rstest]
#[case::enough("+OK\r\n:1\r\n", Outcome::Ok, None)]
#[case::short("+OK\r\n:0\r\n", Outcome::Unknown, Some(ErrorKind::WaitShort))]
#[case::not_written("-CLUSTERDOWN no\r\n:0\r\n", Outcome::Fail, Some(ErrorKind::ClusterDown))]
#[case::wait_unanswered("+OK\r\n", Outcome::Unknown, Some(ErrorKind::TimedOut))]
#[case::not_written_and_wait_unanswered("-CLUSTERDOWN no\r\n", Outcome::Fail, Some(ErrorKind::ClusterDown))]
#[tokio::test]
async fn a_write_with_wait_needs_both_replies(
    #[case] replies: &'static str,
    #[case] outcome: Outcome,
    #[case] error: Option<ErrorKind>,
) {
    let script = move |command: &str, _| match command.split(' ').next() {
        Some("SET") => Act::Say(replies.to_owned()),
        _ => Act::Silence,
    };
    let wait = Wait { replicas: 1, local: None, timeout: crate::vocab::Duration::from_millis(20) };
    let write = Op::Set(Set {
        weight: 1,
        value: ValueSize::Fixed(Size { bytes: 16 }),
        expires: None,
        get: false,
        wait: Some(wait),
    });
    let client = if outcome == Outcome::Ok { PATIENT } else { HASTY };
    let operation = perform_as(client, true, &[server(script).await], &[write]).await[0];
    assert_eq!((operation.outcome, operation.error), (outcome, error));
}

/// Writes of k1, k2 and k3 that travel together; what the server does about k2 at first, and how often each is attempted then.
#[rstest]
#[case::all_well(say("+OK"), [1, 1, 1])]
#[case::one_is_refused(say("-TRYAGAIN no"), [1, 2, 1])]
#[case::it_breaks_off(Act::SayAndClose(String::new()), [1, 2, 2])]
#[case::it_breaks_off_within_a_reply(Act::SayAndClose("+O".to_owned()), [1, 2, 2])]
// What follows a reply to something else may be one to something else, too.
#[case::one_is_out_of_place(say(":1"), [1, 2, 2])]
#[tokio::test]
async fn of_a_pipeline_only_what_failed_is_tried_again(#[case] first: Act, #[case] attempts: [u16; 3]) {
    let tried = std::sync::atomic::AtomicBool::new(false);
    let address = server(move |command, _| match command.split(' ').nth(1) {
        Some("k2") if !tried.swap(true, std::sync::atomic::Ordering::Relaxed) => first.clone(),
        _ => say("+OK"),
    });
    let mix = MixEntry::of(&[SET]);
    let command = |key: u32| {
        let place = slot_of_key(format!("k{key}").as_bytes());
        mix[0].command(0, (key, place), key.into()).unwrap()
    };
    let operations = perform_batches(PATIENT, true, &[address.await], &[&[1, 2, 3].map(command)]).await;
    let done: Vec<_> = operations.iter().map(|done| (done.key, done.value, done.outcome, done.attempts)).collect();
    let expected = [1, 2, 3].map(|key: u32| (key, Value::Written(key.into()), Outcome::Ok, attempts[key as usize - 1]));
    assert_eq!(done, expected);
    let unknown: Vec<_> = operations.iter().map(|done| done.unknown_attempts > 0).collect();
    assert_eq!(unknown, [false, attempts[2] == 2, attempts[2] == 2], "what came without a reply may have happened");
}

/// Each half of the batch goes to the node that owns it.
#[tokio::test]
async fn a_pipeline_is_divided_where_its_keys_lie() {
    let (a, b) = (Fake::bind().await, Fake::bind().await);
    let owners = [a.address, b.address];
    let [a, b] = [a, b].map(|fake| fake.serve_for(&owners, |_, _| say("+OK")));
    let mix = MixEntry::of(&[SET]);
    let commands: Vec<_> = (1..=8)
        .map(|key: u32| {
            let place = slot_of_key(format!("k{key}").as_bytes());
            mix[0].command(0, (key, place), key.into()).unwrap()
        })
        .collect();
    let operations = perform_batches(PATIENT, true, &[a, b], &[&commands]).await;
    for (operation, command) in operations.iter().zip(&commands) {
        let owner = u16::from(command.place.0 >= 8_192);
        assert_eq!((operation.outcome, operation.attempts, operation.node), (Outcome::Ok, 1, Some(owner)));
    }
}
