use std::collections::BTreeMap;
use std::time::Instant as StdInstant;

use nix::sys::signal::{Signal, kill};
use rstest::rstest;

use super::*;
use crate::evidence::{
    ErrorKind, Event, HistoryReader, Operation, OperationSource, Outcome, Progress, RunDirectory, Value,
};
use crate::load::final_read;
use crate::load::testing::{Act, Fake, Redis, journal, load, task};
use crate::system::Access;
use crate::system::cluster::{share, slot_of_key};
use crate::vocab::{Address, Arrivals, Instant};

const MIX: &str = r#"mix: [Set(value: "32B"), Get(), SetThenGet(value: "16B")], keys: Uniform(50)"#;

fn history(directory: &RunDirectory) -> Vec<Operation> {
    let file = std::fs::File::open(directory.history()).unwrap();
    HistoryReader::new(file).unwrap().read_all().unwrap().iter().collect()
}

fn events(directory: &RunDirectory) -> Vec<EventKind> {
    let text = std::fs::read_to_string(directory.events()).unwrap();
    text.lines().map(|line| serde_json::from_str::<Event>(line).unwrap().kind).collect()
}

async fn finish(running: &RunningLoads, load: &str) {
    assert_eq!(running.end_of(load, Duration::from_secs(20)).await, Some(LoadEnd::Finished));
}

#[tokio::test]
async fn loads_run_to_their_end_and_are_read_back() {
    let redis = Redis::start().await;
    let (_temporary, directory, journal) = journal();
    let open = load("open", &format!("{MIX}, workers: 3, operations: 500, pace: Open(per_second: 2000)"));
    let closed = load("closed", &format!("{MIX}, workers: 5, threads: 2, operations: 900"));
    let tasks = vec![task(open, &[redis.address]), LoadTask { index: 1, ..task(closed, &[redis.address]) }];
    let running = RunningLoads::start(&tasks, journal.clone(), &directory).unwrap();
    finish(&running, "open").await;
    finish(&running, "closed").await;
    let done = running.stop().await.unwrap();
    let seeds = [(0, redis.address)];
    final_read(&done, &Access::default(), &seeds, None, &journal, Duration::from_secs(5)).await.unwrap();

    let history = history(&directory);
    let operations: Vec<_> = history.iter().filter(|op| !op.is_final_read()).collect();
    assert!(operations.iter().all(|op| op.outcome == Outcome::Ok && op.attempts == 1 && op.node == Some(0)));
    assert!(operations.iter().all(|op| op.intended <= op.started && op.started < op.ended));
    let total = |load: usize| done.loads[load].totals.ok;
    assert_eq!(total(0) + total(1), operations.len() as u64);
    assert!(total(0) > 500 && total(1) > 900, "a SetThenGet is two operations");
    assert_writes_are_read(&history);
    let told = events(&directory);
    assert!(told.contains(&EventKind::LoadStarted { load: "open".to_owned() }));
    assert!(told.contains(&EventKind::LoadEnded { load: "closed".to_owned(), totals: done.loads[1].totals.clone() }));
    let progress = |name: &str| {
        told.iter()
            .map(|what| if let EventKind::Progress(p) = what { if p.load == name { p.ok } else { 0 } } else { 0 })
            .sum()
    };
    assert_eq!((total(0), total(1)), (progress("open"), progress("closed")), "progress adds up");
    assert!(matches!(told.last(), Some(EventKind::FinalRead { keys: 1.., unreadable: 0, .. })));
}

/// The writes of a key have one order, so the last one is what the final read must find.
fn assert_writes_are_read(history: &[Operation]) {
    let mut last: BTreeMap<_, Value> = BTreeMap::new();
    for operation in history.iter().filter(|op| op.writes()) {
        last.insert((operation.load, operation.key), operation.value);
    }
    let mut found: BTreeMap<_, Value> = BTreeMap::new();
    for operation in history.iter().filter(|op| op.is_final_read()) {
        found.insert((operation.load, operation.key), operation.value);
    }
    assert_eq!(found, last);
}

#[tokio::test]
async fn the_same_seed_writes_the_same() {
    let redis = Redis::start().await;
    let mut written = Vec::new();
    // However the workers are divided over threads.
    for threads in [1, 1, 2] {
        let (_temporary, directory, journal) = journal();
        let load = load("app", &format!("{MIX}, workers: 2, threads: {threads}, operations: 200"));
        let running = RunningLoads::start(&[task(load, &[redis.address])], journal, &directory).unwrap();
        finish(&running, "app").await;
        running.stop().await.unwrap();
        let history = history(&directory);
        let writes = history.iter().filter(|op| op.writes());
        let mut choices: Vec<_> = writes.map(|op| (op.worker, op.source, op.key, op.value)).collect();
        choices.sort_unstable();
        written.push(choices);
    }
    assert!(!written[0].is_empty());
    assert!(written.iter().all(|other| *other == written[0]));
}

/// Each worker writes keys of its own, so what it reads of them after a write is that write, whoever else uses the same connection.
#[rstest]
#[case::a_pool("connections: Pool(max: 4)", false, 4)]
#[case::a_pool_by_tls("connections: Pool(max: 2), pipeline: 4", true, 2)]
#[case::multiplexed("connections: Shared(2)", false, 2)]
#[case::multiplexed_in_pipelines("connections: Shared(4), pipeline: 4", false, 4)]
#[case::multiplexed_by_tls("connections: Shared(2), pipeline: 4", true, 2)]
#[tokio::test]
async fn workers_share_connections(#[case] fields: &str, #[case] by_tls: bool, #[case] connections: u64) {
    let redis = if by_tls { Redis::start_tls().await } else { Redis::start().await };
    let (_temporary, directory, journal) = journal();
    let mix =
        r#"mix: [SetThenGet(value: (from: "16B", to: "2KiB")), Get(), Incr(), Transaction(keys: 2, value: "16B")]"#;
    let fields = format!("{mix}, keys: Uniform(500), workers: 16, threads: 2, operations: 4000, {fields}");
    let task = LoadTask { tls: redis.tls.clone(), ..task(load("app", &fields), &[redis.address]) };
    let running = RunningLoads::start(&[task], journal, &directory).unwrap();
    finish(&running, "app").await;
    let totals = running.stop().await.unwrap().loads.remove(0).totals;
    let mut written = BTreeMap::new();
    for operation in history(&directory) {
        assert_eq!((operation.outcome, operation.attempts), (Outcome::Ok, 1), "{operation:?}");
        let key = (operation.worker, operation.data, operation.key);
        match operation.source {
            OperationSource::Mix { command: 1, .. } => assert_eq!(written.get(&key), Some(&operation.value)),
            _ if operation.writes() => drop(written.insert(key, operation.value)),
            _ => {}
        }
    }
    assert!(written.len() > 500, "{}", written.len());
    // Two more asked who owns what.
    assert_eq!(totals.connections.opened, connections + 2, "{totals:?}");
}

/// Each key is written once, its reads find what is there, and the load is done when none is left.
#[rstest]
#[case::closed("workers: 3, threads: 2")]
#[case::closed_in_pipelines("workers: 3, pipeline: 8, per_shard: true")]
#[case::on_a_schedule("pace: Open(per_second: 5000)")]
#[tokio::test]
async fn keys_that_are_written_once_run_out(#[case] fields: &str) {
    let redis = Redis::start().await;
    let (_temporary, directory, journal) = journal();
    let fields = format!("mix: [Set(value: \"16B\"), Get()], keys: WriteOnce(500), {fields}");
    let running = RunningLoads::start(&[task(load("app", &fields), &[redis.address])], journal, &directory).unwrap();
    finish(&running, "app").await;
    running.stop().await.unwrap();
    let history = history(&directory);
    let mut written: Vec<_> = history.iter().filter(|op| op.writes()).map(|op| op.key).collect();
    written.sort_unstable();
    assert_eq!(written, (1..=500).collect::<Vec<_>>());
    let found = |op: &&Operation| !op.writes() && op.value != Value::Missing;
    assert!(history.iter().filter(found).count() > 100, "reads find what was written before");
}

/// Waits until the load reports an interval of that kind.
async fn await_progress(directory: &RunDirectory, like: impl Fn(&Progress) -> bool) {
    let wanted = |what: &EventKind| matches!(what, EventKind::Progress(progress) if like(progress));
    let deadline = StdInstant::now() + Duration::from_secs(20);
    while !events(directory).iter().any(wanted) {
        assert!(StdInstant::now() < deadline, "no such progress: {:?}", events(directory).last());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A worker that thinks is no quicker than it thinks, and a stop does not wait for its thought.
#[tokio::test]
async fn workers_think_between_operations() {
    let redis = Redis::start().await;
    let (_temporary, directory, journal) = journal();
    let thinking = |name: &str, think: &str, operations: u64| {
        let fields =
            format!("mix: [Get()], keys: Uniform(9), workers: 2, think: \"{think}\", operations: {operations}");
        LoadTask { index: u16::from(name == "slow"), ..task(load(name, &fields), &[redis.address]) }
    };
    let tasks = vec![thinking("quick", "20ms", 20), thinking("slow", "1h", 20)];
    let running = RunningLoads::start(&tasks, journal.clone(), &directory).unwrap();
    finish(&running, "quick").await;
    let stopping = StdInstant::now();
    running.stop().await.unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(5));
    let history = history(&directory);
    let of = |load: u16| history.iter().filter(move |op| op.load == load);
    assert_eq!((of(0).count(), of(1).count()), (20, 2));
    for worker in [0, 1] {
        let starts: Vec<_> = of(0).filter(|op| op.worker == worker).map(|op| op.started).collect();
        assert!(starts.windows(2).all(|pair| pair[1].nanos_since(pair[0]) >= 20_000_000), "{starts:?}");
    }
}

/// Two stairs are answered at once, all behind them late.
#[tokio::test]
async fn a_staircase_ends_with_the_first_stair_that_is_too_high() {
    let fake = Fake::bind().await;
    let address = fake.address;
    let answer = |_: &str, nth: usize| match nth {
        0..180 => Act::Say("$-1\r\n".to_owned()),
        _ => Act::Late(Duration::from_millis(400), "$-1\r\n".to_owned()),
    };
    fake.serve(address, answer);
    let (_temporary, directory, journal) = journal();
    let pace = r#"Staircase(from: 200, step: 200, to: 2000, every: "300ms", until: (quantile: 80, max: "150ms"))"#;
    let load = load("app", &format!("mix: [Get()], keys: Uniform(9), pace: {pace}"));
    let running = RunningLoads::start(&[task(load, &[address])], journal.clone(), &directory).unwrap();
    finish(&running, "app").await;
    running.stop().await.unwrap();
    let ended = EventKind::ClimbEnded { load: "app".to_owned(), carried: Some(400), broke_at: Some(600) };
    assert!(events(&directory).contains(&ended), "{:?}", events(&directory));
    // 60, 120 and 180 on the stairs, and what was due until the third could be judged.
    let starts = history(&directory).len();
    assert!((360..600).contains(&starts), "{starts}");
}

/// One load waits until it is told to begin, another is stopped before; the first goes on at another pace.
#[tokio::test]
async fn loads_do_as_they_are_told_under_way() {
    let redis = Redis::start().await;
    let (_temporary, directory, journal) = journal();
    let fields = format!("{MIX}, pace: Open(per_second: 1000)");
    let tasks = ["early", "late"].map(|name| {
        let waits = name == "late";
        LoadTask { index: u16::from(waits), waits, ..task(load(name, &fields), &[redis.address]) }
    });
    let running = RunningLoads::start(tasks.as_ref(), journal.clone(), &directory).unwrap();
    await_progress(&directory, |progress| progress.load == "early" && progress.ok > 0).await;
    running.stop_one("early").await.unwrap();
    let (stopped, told) = (journal.clock().now(), events(&directory));
    assert!(!told.contains(&EventKind::LoadStarted { load: "late".to_owned() }));
    running.begin("late").unwrap();
    await_progress(&directory, |progress| progress.load == "late" && progress.ok > 0).await;
    running.change_pace("late", Arrivals::constant(4_000)).await.unwrap();
    let refused = running.change_pace("early", Arrivals::constant(1)).await.unwrap_err().to_string();
    assert_eq!(refused, "the load `early` had ended before its pace could be changed");
    // Far more than a second at the old pace has.
    await_progress(&directory, |progress| progress.load == "late" && progress.ok > 2_500).await;
    running.stop().await.unwrap();

    let history = history(&directory);
    let of = |load: u16| history.iter().filter(move |op| op.load == load && op.starts_entry());
    assert!(of(0).all(|op| op.ended <= stopped) && of(1).all(|op| op.intended >= stopped));
    let changed = events(&directory).into_iter().find_map(|event| match event {
        EventKind::PaceChanged { from, .. } => Some(from),
        _ => None,
    });
    let changed = changed.expect("it is told");
    // Every start is due where its pace says, the first after the change included.
    for (per_second, from) in [(1_000, of(1).map(|op| op.intended).min().unwrap()), (4_000, changed)] {
        let until = if from == changed { Instant(u64::MAX) } else { changed };
        let mut due: Vec<_> = of(1).map(|op| op.intended).filter(|due| (from..until).contains(due)).collect();
        due.sort_unstable();
        let expected = (0..).map(|nth: u64| from.plus_nanos(nth * 1_000_000_000 / per_second));
        assert!(due.len() > 100 && due.iter().copied().eq(expected.take(due.len())), "{} at {per_second}/s", due.len());
    }
}

/// A worker that gives up is told of and does nothing more; when all have, the load has ended.
#[tokio::test]
async fn who_gives_up_does_nothing_more() {
    let (_temporary, directory, journal) = journal();
    let fake = Fake::bind().await;
    let address = fake.address;
    let address = fake.serve(address, |_, nth| Act::Say(if nth < 40 { "$-1\r\n" } else { "-OOM no\r\n" }.to_owned()));
    let load = load("app", "mix: [Get()], keys: Uniform(9), workers: 3, client: (preset: Naive)");
    let running = RunningLoads::start(&[task(load, &[address])], journal.clone(), &directory).unwrap();
    assert_eq!(running.end_of("app", Duration::from_secs(20)).await, Some(LoadEnd::GaveUp));
    running.stop().await.unwrap();
    let history = history(&directory);
    for worker in 0..3 {
        let outcomes: Vec<_> = history.iter().filter(|op| op.worker == worker).map(|op| op.outcome).collect();
        let (last, before) = outcomes.split_last().unwrap();
        assert!(*last == Outcome::Fail && before.iter().all(|outcome| *outcome == Outcome::Ok), "{outcomes:?}");
    }
    let gave_up = events(&directory)
        .into_iter()
        .filter(|event| matches!(event, EventKind::GaveUp { error: Some(ErrorKind::OutOfMemory), attempts: 1, .. }));
    assert_eq!(gave_up.count(), 3);
}

#[rstest]
#[case::killed(true)]
#[case::paused(false)]
#[tokio::test]
async fn a_stop_is_bounded_when_the_server_is_gone(#[case] killed: bool) {
    let mut redis = Redis::start().await;
    let (_temporary, directory, journal) = journal();
    let client = r#"client: (timeout: "200ms", deadline: "600ms")"#;
    let load = load("app", &format!("{MIX}, workers: 4, pace: Open(per_second: 1000), {client}"));
    let running = RunningLoads::start(&[task(load, &[redis.address])], journal.clone(), &directory).unwrap();
    await_progress(&directory, |progress| progress.ok > 0).await;
    if killed {
        redis.kill();
    } else {
        kill(redis.pid(), Signal::SIGSTOP).unwrap();
    }
    await_progress(&directory, |progress| progress.ok == 0).await;
    let stopping = StdInstant::now();
    let done = running.stop().await.unwrap();
    let took = stopping.elapsed();
    assert!(took < Duration::from_secs(3), "it took {took:?}");
    let totals = &done.loads[0].totals;
    assert!(totals.ok > 0 && totals.not_started > 500, "{totals:?}");
    let connections = &totals.connections;
    let broke = |kinds: &BTreeMap<ErrorKind, u64>, kind| kinds.get(&kind).is_some_and(|number| *number > 0);
    let lost = connections.lost.values().sum::<u64>();
    assert_eq!((lost > 0, broke(&connections.refused, ErrorKind::Refused)), (killed, killed), "{connections:?}");
    assert_eq!(connections.given_up > 0, !killed, "{connections:?}");
    assert!(connections.opened >= lost + connections.given_up, "{connections:?}");
    assert!(connections.bytes_sent > connections.bytes_received && connections.bytes_received > 0, "{connections:?}");
    let history = history(&directory);
    assert_eq!(history.len() as u64, totals.demanded());
    assert!(history.iter().all(|op| op.service_nanos() < 2_000_000_000));
    assert!(history.iter().any(|op| op.outcome != Outcome::Ok));
    // No schedule is forgotten: what began late counts from when it should have begun.
    assert!(history.iter().any(|op| op.latency_nanos() > 800_000_000));

    let reading = StdInstant::now();
    let seeds = [(0, redis.address)];
    final_read(&done, &Access::default(), &seeds, None, &journal, Duration::from_millis(500)).await.unwrap();
    assert!(reading.elapsed() < Duration::from_secs(3));
    let told = events(&directory);
    let Some(EventKind::FinalRead { keys, unreadable, .. }) = told.last() else { panic!("no final read") };
    assert!(*keys > 0 && keys == unreadable);
}

/// A server with too many clients says so and closes the connection: nothing was executed, whatever was sent.
#[tokio::test]
async fn who_is_one_too_many_learns_it() {
    let redis = Redis::start().await;
    redis.say(&[b"CONFIG", b"SET", b"maxclients", b"4"], "OK").await;
    let (_temporary, directory, journal) = journal();
    let fields = format!("{MIX}, workers: 8, pipeline: 4");
    let running = RunningLoads::start(&[task(load("app", &fields), &[redis.address])], journal, &directory).unwrap();
    await_progress(&directory, |progress| progress.ok > 0).await;
    let totals = running.stop().await.unwrap().loads.remove(0).totals;
    assert!(totals.connections.refused[&ErrorKind::MaxClients] > 0 && totals.connections.opened > 0, "{totals:?}");
    assert_eq!((totals.connections.lost.len(), totals.connections.given_up), (0, 0), "{totals:?}");
    assert!(totals.error_replies[&ErrorKind::MaxClients].starts_with("ERR max number of clients"), "{totals:?}");
    assert_eq!(totals.attempt_errors.keys().collect::<Vec<_>>(), [&ErrorKind::MaxClients], "{totals:?}");
    assert_eq!(totals.unknown, 0, "{totals:?}");
}

/// On a server with a user and a closed default user.
#[rstest]
#[case::in_resp2("user: \"app\", password: \"s3\"", None)]
#[case::in_resp3("resp: 3, user: \"app\", password: \"s3\"", None)]
#[case::nobody("", Some((ErrorKind::NotAuthenticated, "NOAUTH")))]
#[case::nobody_in_resp3("resp: 3", Some((ErrorKind::NotAuthenticated, "NOAUTH")))]
#[case::another_password("user: \"app\", password: \"s4\"", Some((ErrorKind::WrongPassword, "WRONGPASS")))]
#[case::a_password_for_nobody("password: \"s3\"", Some((ErrorKind::WrongPassword, "WRONGPASS")))]
#[tokio::test]
async fn servers_let_in_whom_they_know(#[case] client: &str, #[case] refused: Option<(ErrorKind, &str)>) {
    let redis = Redis::start().await;
    redis.say(&[b"ACL", b"SETUSER", b"app", b"on", b">s3", b"~*", b"+@all"], "OK").await;
    redis.say(&[b"ACL", b"SETUSER", b"default", b"off"], "OK").await;
    let (_temporary, directory, journal) = journal();
    let fields = format!("{MIX}, workers: 2, operations: 20, client: (attempts: 2, {client})");
    let running = RunningLoads::start(&[task(load("app", &fields), &[redis.address])], journal, &directory).unwrap();
    finish(&running, "app").await;
    let totals = running.stop().await.unwrap().loads.remove(0).totals;
    assert_eq!(
        (totals.ok > 0, totals.fail > 0, totals.unknown),
        (refused.is_none(), refused.is_some(), 0),
        "{totals:?}"
    );
    let Some((kind, words)) = refused else { return };
    assert_eq!(totals.attempt_errors.keys().collect::<Vec<_>>(), [&kind], "{totals:?}");
    assert!(totals.error_replies[&kind].starts_with(words), "{totals:?}");
    let greets = !client.is_empty();
    assert_eq!(totals.connections.refused.contains_key(&kind), greets, "{totals:?}");
}

#[tokio::test]
async fn dropped_loads_end_by_themselves() {
    let (_temporary, directory, journal) = journal();
    let nobody = Address::of_own_loopback();
    let client = r#"client: (deadline: "50ms")"#;
    let load = load("app", &format!("{MIX}, {client}"));
    let running = RunningLoads::start(&[task(load, &[nobody])], journal, &directory).unwrap();
    let mut ended = running.ended.clone();
    drop(running);
    // The load's thread holds the sender: its end is the thread's end.
    let ended = tokio::time::timeout(Duration::from_secs(5), ended.wait_for(|_| false)).await;
    assert!(ended.expect("the thread ends").is_err());
}

/// What an open loop of two shards leaves when the first never answers: how many workers each has, and how many keys there are.
/// When it was stopped, too.
async fn half_dead(workers: u16, keys: u32) -> (Vec<Operation>, LoadTotals, Instant) {
    let [dead, healthy] = [Fake::bind().await, Fake::bind().await];
    let owners = [dead.address, healthy.address];
    dead.serve_for(&owners, |_, _| Act::Silence);
    healthy.serve_for(&owners, |command, _| {
        Act::Say(if command.starts_with("GET") { "$-1\r\n" } else { "+OK\r\n" }.to_owned())
    });
    let (_temporary, directory, journal) = journal();
    let fields = format!(
        r#"mix: [Set(value: "16B"), Get()], keys: Uniform({keys}), workers: {workers}, pace: Open(per_second: 1000),
           client: (timeout: "300ms", deadline: "2s")"#
    );
    let shards = vec![share(0, 2), share(1, 2)];
    let task = LoadTask { shards, ..task(load("app", &fields), &owners) };
    let running = RunningLoads::start(&[task], journal.clone(), &directory).unwrap();
    await_progress(&directory, |progress| progress.ok > 300).await;
    let stopped = journal.clock().now();
    let done = running.stop().await.unwrap();
    (history(&directory), done.loads[0].totals.clone(), stopped)
}

/// On the dead half of [`half_dead`].
fn is_of_dead(operation: &Operation) -> bool {
    slot_of_key(format!("app:{}", operation.key).as_bytes()).0 < 8_192
}

#[tokio::test]
async fn a_dead_shard_keeps_no_other_waiting() {
    let (history, totals, _) = half_dead(3, 10_000).await;
    let (dead, healthy): (Vec<&Operation>, Vec<_>) = history.iter().partition(|operation| is_of_dead(operation));
    assert!(healthy.iter().all(|operation| operation.outcome == Outcome::Ok && !operation.never_begun()));
    let mut late: Vec<_> = healthy.iter().map(|operation| operation.latency_nanos()).collect();
    late.sort_unstable();
    assert!(late[late.len() / 2] < 100_000_000, "{} ms in the middle", late[late.len() / 2] / 1_000_000);
    // Its own workers are all that it keeps.
    let (left, begun): (Vec<&Operation>, Vec<_>) = dead.iter().partition(|operation| operation.never_begun());
    let under_way = |at: Instant| begun.iter().filter(|other| other.started <= at && at < other.ended).count();
    assert!(begun.iter().all(|operation| under_way(operation.started) <= 3));
    assert_eq!(left.len() as u64, totals.not_started);
    assert_eq!(history.len() as u64, totals.demanded());
    assert!(dead.iter().all(|operation| operation.shard == Some(0)), "also those that nobody began");
    assert!(healthy.iter().all(|operation| operation.shard == Some(1)));
}

#[tokio::test]
async fn every_start_that_was_due_is_in_the_history() {
    let (history, totals, stopped) = half_dead(1, 10_000).await;
    let left: Vec<_> = history.iter().filter(|operation| operation.never_begun()).collect();
    assert!(left.len() > 100 && totals.dropped == 0, "{totals:?}");
    let given_up = left[0].ended;
    for operation in &left {
        let times = [operation.ready, operation.started, operation.ended];
        assert!(operation.intended < given_up && times == [given_up; 3], "{operation:?}");
        assert_eq!((operation.outcome, operation.attempts, operation.worker), (Outcome::Fail, 0, NO_WORKER));
    }
    assert!(left.iter().any(|operation| operation.writes() && operation.value != Value::Missing));
    let mut due: Vec<_> = history.iter().map(|operation| operation.intended).collect();
    due.sort_unstable();
    assert!(due.windows(2).all(|pair| pair[1].nanos_since(pair[0]) == 1_000_000), "a start is missing");
    let after = due.last().unwrap().plus_nanos(1_000_000);
    assert!(after >= stopped && due[0] < stopped, "it was stopped at {stopped}, and then {after} was due");
}

#[tokio::test]
async fn writes_of_a_key_are_never_under_way_together() {
    let (history, ..) = half_dead(40, 4).await;
    let mut writes: Vec<_> =
        history.iter().filter(|operation| operation.writes() && !operation.never_begun()).collect();
    writes.sort_by_key(|write| (write.key, write.started));
    let follows = |pair: &[&Operation]| pair[0].key != pair[1].key || pair[0].ended <= pair[1].started;
    assert!(writes.windows(2).all(follows));
    // Who waits for a turn keeps no worker: reads of the dead half go on.
    let dead_reads = history.iter().filter(|operation| !operation.writes() && is_of_dead(operation));
    assert!(dead_reads.filter(|read| !read.never_begun()).count() >= 38);
}

/// What waits for a moment when the load is stopped is no failure of a server that serves.
#[tokio::test]
async fn a_stop_leaves_nothing_that_can_be_done() {
    let fake = Fake::bind().await;
    let address = fake.address;
    fake.serve(address, |_, _| Act::Late(Duration::from_millis(5), "$-1\r\n".to_owned()));
    let (_temporary, directory, journal) = journal();
    let fields = r#"mix: [Get()], keys: Uniform(10), workers: 1, pace: Open(per_second: 1000), client: (timeout: "30s", deadline: "30s")"#;
    let running = RunningLoads::start(&[task(load("app", fields), &[address])], journal, &directory).unwrap();
    await_progress(&directory, |progress| progress.ok > 10).await;
    let totals = running.stop().await.unwrap().loads[0].totals.clone();
    assert_eq!((totals.ok, totals.not_started), (history(&directory).len() as u64, 0), "{totals:?}");
}

/// The same seed starts the same at the same times, though one time half of the servers are dead.
#[tokio::test]
async fn an_open_loop_offers_the_same_whatever_the_servers_do() {
    let redis = Redis::start().await;
    let (_temporary, directory, journal) = journal();
    let fields =
        r#"mix: [Set(value: "16B"), Get()], keys: Uniform(10000), pace: Open(per_second: 1000), operations: 400"#;
    let running = RunningLoads::start(&[task(load("app", fields), &[redis.address])], journal, &directory).unwrap();
    finish(&running, "app").await;
    running.stop().await.unwrap();
    let offered = |mut history: Vec<Operation>| {
        history.sort_by_key(|operation| operation.intended);
        history.iter().take(400).map(|op| (op.source, op.key, op.writes().then_some(op.value))).collect::<Vec<_>>()
    };
    let healthy = offered(history(&directory));
    assert_eq!((healthy.len(), &healthy), (400, &offered(half_dead(2, 10_000).await.0)));
}

#[rstest]
#[case("mix: [Get()], keys: Uniform(1), workers: 0", "it has no workers")]
#[case("mix: [Get()], keys: Uniform(0)", "it has no keys")]
#[case("mix: [Get(weight: 0)], keys: Uniform(1)", "its mix has nothing to choose from")]
#[case("mix: [], keys: Uniform(1)", "its mix has nothing to choose from")]
#[case(r#"mix: [Set(value: "15B")], keys: Uniform(9)"#, "a value is smaller than the 16 bytes of its id")]
#[case(
    r#"mix: [Set(value: "16B")], keys: Uniform(3)"#,
    "it has fewer keys than workers, and each key is written by one worker"
)]
#[case("mix: [Get()], keys: Uniform(1), pace: Open(per_second: 0)", "its rate is zero")]
fn what_means_nothing_is_refused(#[case] fields: &str, #[case] expected: &str) {
    let (_temporary, directory, journal) = journal();
    let tasks = vec![task(load("app", fields), &[])];
    let refused = RunningLoads::start(&tasks, journal, &directory).err().unwrap();
    assert_eq!(refused.to_string(), format!("the load `app` cannot run: {expected}"));
}
