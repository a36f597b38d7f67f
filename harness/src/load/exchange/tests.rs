use std::collections::BTreeSet;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use super::line::SharedLine;
use super::*;
use crate::evidence::{ConnectionTotals, Operation, Outcome, Value};
use crate::load::client::RetryingClient;
use crate::load::hello::Hello;
use crate::load::recorder::HistoryRecorder;
use crate::load::resp::push_command;
use crate::load::shared::Shared;
use crate::load::testing::{Act, Fake, journal, load, task, value_reply};
use crate::network::ClientHost;
use crate::system::cluster::slot_of_key;

/// Much more than sockets hold.
const LARGE: usize = 64 << 20;

/// Each of so many workers does the load's operation on a key of its own, all of them begun at the same moment.
async fn perform(fields: &str, node: Address, workers: u16) -> (Vec<Operation>, ConnectionTotals) {
    let (_temporary, directory, journal) = journal();
    let recorder = HistoryRecorder::start(&directory, journal.clone()).unwrap();
    let load = load("app", &format!(r#"keys: Uniform(99), prefix: "k", {fields}"#));
    let shared = Shared::new(task(load, &[node]), Part::whole(), journal.clock(), recorder.outbox());
    let tasks = LocalSet::new();
    let performing = tasks.run_until(async {
        shared.ask_around(None).await;
        let workers = (1..=workers).map(|number| {
            let shared = Rc::clone(&shared);
            tokio::task::spawn_local(async move {
                let key = (number.into(), slot_of_key(format!("k{number}").as_bytes()));
                let mut client = RetryingClient::new(Rc::clone(&shared), number);
                let command = shared.mix[0].command(0, key, number.into());
                let batch = client.perform(None, command.into_iter().map(|command| (command, None))).await;
                batch.iter().map(|command| command.operation).collect::<Vec<_>>()
            })
        });
        join_all(workers.collect::<Vec<_>>()).await.into_iter().flat_map(Result::unwrap).collect()
    });
    let operations = performing.await;
    (operations, shared.dialer.totals())
}

/// A server that collects so many commands before it does anything; then it does what `script` says of their keys.
async fn collector(commands: usize, script: impl Fn(&[String]) -> Act + Send + Sync + 'static) -> Address {
    let fake = Fake::bind().await;
    let (owner, heard) = (fake.address, Mutex::new(Vec::new()));
    fake.serve(owner, move |command, _| {
        let mut heard = heard.lock().unwrap();
        heard.push(command.split(' ').nth(1).unwrap_or_default().to_owned());
        if heard.len() < commands { Act::Silence } else { script(&std::mem::take(&mut *heard)) }
    })
}

fn value(key: &str) -> String {
    value_reply(key.trim_start_matches('k').parse().unwrap())
}

#[tokio::test]
async fn requests_do_not_wait_for_replies_and_each_worker_gets_its_own() {
    let address = collector(9, |keys| Act::Say(keys.iter().map(|key| value(key)).collect())).await;
    let (operations, totals) = perform("mix: [Get()], connections: Shared(1)", address, 9).await;
    for operation in &operations {
        assert_eq!((operation.outcome, operation.attempts), (Outcome::Ok, 1));
        assert_eq!(operation.value, Value::Written(operation.key.into()));
    }
    // The other one asked who owns what.
    assert_eq!((operations.len(), totals.opened), (9, 2));
}

const ONE_ATTEMPT: &str =
    r#"mix: [Set(value: "16B")], client: (attempts: 1, timeout: "2s", deadline: "2s"), connections: Shared(1)"#;

/// What three workers learn of their writes when the server does this with them at once.
#[rstest]
#[case::it_breaks_off("+OK\r\n", true, [Ok(()), Err((Outcome::Unknown, ErrorKind::Closed)), Err((Outcome::Unknown, ErrorKind::Closed))])]
#[case::within_a_reply("+OK\r\n+O", true, [Ok(()), Err((Outcome::Unknown, ErrorKind::Closed)), Err((Outcome::Unknown, ErrorKind::Closed))])]
#[case::one_is_refused("+OK\r\n-OOM no\r\n+OK\r\n", false, [Ok(()), Err((Outcome::Fail, ErrorKind::OutOfMemory)), Ok(())])]
// What follows a reply to something else may be one to something else, too.
#[case::one_is_out_of_place("+OK\r\n:1\r\n+OK\r\n", false, [Ok(()), Err((Outcome::Unknown, ErrorKind::Protocol)), Err((Outcome::Unknown, ErrorKind::Protocol))])]
#[case::one_too_many_clients("-ERR max number of clients reached\r\n", true, [Err((Outcome::Fail, ErrorKind::MaxClients)); 3])]
#[tokio::test]
async fn what_ends_a_connection_ends_all_that_is_under_way(
    #[case] reply: &'static str,
    #[case] closes: bool,
    #[case] expected: [Result<(), (Outcome, ErrorKind)>; 3],
) {
    let act = move |_: &[String]| if closes { Act::SayAndClose(reply.to_owned()) } else { Act::Say(reply.to_owned()) };
    let (operations, totals) = perform(ONE_ATTEMPT, collector(3, act).await, 3).await;
    let ended = operations.iter().map(|operation| match (operation.outcome, operation.error) {
        (Outcome::Ok, None) => Ok(()),
        (outcome, kind) => Err((outcome, kind.unwrap())),
    });
    assert_eq!(ended.collect::<Vec<_>>(), expected);
    let unknown: Vec<_> = operations.iter().map(|operation| operation.unknown_attempts > 0).collect();
    assert_eq!(unknown, expected.map(|ended| matches!(ended, Err((Outcome::Unknown, _)))));
    let refused = u64::from(expected[0].is_err());
    assert_eq!(totals.refused.get(&ErrorKind::MaxClients).copied().unwrap_or(0), refused, "{totals:?}");
}

/// Of three workers one has the only connection of the pool.
#[tokio::test]
async fn a_worker_waits_for_a_connection_of_the_pool_as_long_as_it_may() {
    let fake = Fake::bind().await;
    let owner = fake.address;
    let address = fake.serve(owner, |_, _| Act::Late(Duration::from_millis(300), "+OK\r\n".to_owned()));
    let (pool, dialer) = (Pool::new(1), dialer());
    let ask = async |within| {
        let mut bytes = Vec::new();
        push_command(&mut bytes, &[b"PING"]);
        let request = NodeRequest { node: 0, address, bytes: &bytes, replies: 1, until: Instant::now() + within };
        pool.exchange(&dialer, &request, &mut DeadlineTimer::new(), |_, _| true).await
    };
    let (first, hasty, patient) = tokio::join!(ask(LONG), ask(Duration::from_millis(100)), ask(LONG));
    assert_eq!((first, patient), (Ok(()), Ok(())));
    assert_eq!(hasty, Err(Interrupted { kind: ErrorKind::NoFreeConnection, handed_over_bytes: 0 }));
    assert_eq!(dialer.totals().opened, 1);
}

#[tokio::test]
async fn a_pool_does_not_give_out_what_has_ended() {
    let fake = Fake::bind().await;
    let owner = fake.address;
    let address = fake.serve(owner, |_, nth| match nth {
        0 => Act::Say(":1\r\n".to_owned()),
        _ => Act::Say("+OK\r\n".to_owned()),
    });
    let fields = r#"mix: [Set(value: "16B")], connections: Pool(max: 1)"#;
    let (operations, totals) = perform(fields, address, 2).await;
    assert!(operations.iter().all(|operation| operation.outcome == Outcome::Ok));
    assert_eq!(operations.iter().map(|operation| operation.unknown_attempts).sum::<u16>(), 1);
    assert_eq!(totals.opened, 3, "{totals:?}");
}

fn dialer() -> Dialer {
    Dialer::new(ClientHost::this(), None, Hello::default(), 1 << 20)
}

/// A connection to share.
async fn line(address: Address) -> SharedLine {
    let until = Instant::now() + Duration::from_secs(5);
    SharedLine::new(dialer().open(address, &mut DeadlineTimer::new(), until).await.unwrap())
}

/// Sends a command and waits for its reply for so long.
fn say<'a>(
    line: &'a SharedLine,
    command: &[&[u8]],
    within: Duration,
) -> impl Future<Output = Result<Vec<u8>, Interrupted>> + use<'a> {
    let (mut bytes, mut said) = (Vec::new(), Vec::new());
    push_command(&mut bytes, command);
    async move {
        let address = Address(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        let request = NodeRequest { node: 0, address, bytes: &bytes, replies: 1, until: Instant::now() + within };
        let on_reply = |reply: &Reply<'_>| {
            let Reply::Bulk(text) = reply else { panic!("{reply:?}") };
            said.extend_from_slice(text);
            true
        };
        line.exchange(&request, &mut DeadlineTimer::new(), on_reply).await?;
        Ok(said)
    }
}

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_reply_that_comes_late_is_passed_over() {
    let fake = Fake::bind().await;
    let owner = fake.address;
    let bulk = |word: &str| format!("${}\r\n{word}\r\n", word.len());
    let address = fake.serve(owner, move |command, _| match command {
        "GET late" => Act::Late(Duration::from_millis(300), bulk("late")),
        other => Act::Say(bulk(other.trim_start_matches("GET "))),
    });
    let line = line(address).await;
    let [late, next] = [b"late" as &[u8], b"next"].map(|key| [b"GET", key]);
    let (late, next) = tokio::join!(say(&line, &late, Duration::from_millis(100)), say(&line, &next, LONG));
    assert!(matches!(late, Err(Interrupted { kind: ErrorKind::TimedOut, handed_over_bytes: 1.. })), "{late:?}");
    assert_eq!(next.as_deref(), Ok(b"next" as &[u8]));
    assert!(line.is_usable());
    // Nobody waits any more when it comes.
    let late = say(&line, &[b"GET", b"late"], Duration::from_millis(100)).await;
    assert_eq!(late.unwrap_err().kind, ErrorKind::TimedOut);
    assert!(line.is_usable());
    assert_eq!(say(&line, &[b"GET", b"last"], LONG).await.as_deref(), Ok(b"last" as &[u8]));
}

/// The first request is more than sockets hold, so that nothing of the second leaves before its worker gives up.
#[tokio::test]
async fn what_was_not_sent_is_withdrawn() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let std::net::SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("not IPv4") };
    let line = line(Address(address)).await;
    let large = vec![b'x'; LARGE];
    let (mut server, _) = listener.accept().await.unwrap();
    let reading = async {
        let withdrawn = say(&line, &[b"GET", b"withdrawn"], Duration::from_millis(100)).await;
        assert_eq!(withdrawn, Err(Interrupted { kind: ErrorKind::TimedOut, handed_over_bytes: 0 }));
        let mut expected = Vec::new();
        push_command(&mut expected, &[b"GET", &large]);
        push_command(&mut expected, &[b"GET", b"last"]);
        let mut heard = vec![0; expected.len()];
        server.read_exact(&mut heard).await.unwrap();
        assert!(heard == expected, "another command was heard");
        server.write_all(b"$5\r\nlarge\r\n$4\r\nlast\r\n").await.unwrap();
    };
    let (large, (), last) =
        tokio::join!(say(&line, &[b"GET", &large], LONG), reading, say(&line, &[b"GET", b"last"], LONG));
    assert_eq!((large.as_deref(), last.as_deref()), (Ok(b"large" as &[u8]), Ok(b"last" as &[u8])));
}

/// When the connection breaks, what was handed over may have been executed, and what was not surely was not.
#[tokio::test]
async fn what_was_not_sent_when_it_broke_was_not_executed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let std::net::SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("not IPv4") };
    let line = line(Address(address)).await;
    let large = vec![b'x'; LARGE];
    let (mut server, _) = listener.accept().await.unwrap();
    let breaking = async {
        server.read_exact(&mut [0; 1_000]).await.unwrap();
        drop(server);
    };
    let (large, behind, ()) =
        tokio::join!(say(&line, &[b"GET", &large], LONG), say(&line, &[b"GET", b"x"], LONG), breaking);
    let (large, behind) = (large.unwrap_err(), behind.unwrap_err());
    assert!((1..LARGE).contains(&large.handed_over_bytes), "{large:?}");
    assert_eq!(behind, Interrupted { handed_over_bytes: 0, ..large });
    assert!(!line.is_usable());
}

#[rstest]
#[case::it_is_closed(Act::SayAndClose("$2\r\nhi\r\n".to_owned()))]
#[case::something_came_unasked(Act::Say("$2\r\nhi\r\n$2\r\nhi\r\n".to_owned()))]
#[case::half_of_something_came_unasked(Act::Say("$2\r\nhi\r\n$2\r\n".to_owned()))]
#[tokio::test]
async fn what_happens_to_an_idle_connection_is_noticed(#[case] act: Act) {
    let fake = Fake::bind().await;
    let owner = fake.address;
    let line = line(fake.serve(owner, move |_, _| act.clone())).await;
    assert_eq!(say(&line, &[b"GET", b"x"], LONG).await.as_deref(), Ok(b"hi" as &[u8]));
    let noticed = async {
        while line.is_usable() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, noticed).await.unwrap();
}

#[test]
fn threads_divide_the_connections() {
    let counts: BTreeSet<_> = crate::load::parts::Parts::of(3).iter().map(|part| part.workers(8).count()).collect();
    assert_eq!(counts, BTreeSet::from([2, 3]));
}
