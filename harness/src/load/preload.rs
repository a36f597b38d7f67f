//! Writes keys before a run's clock starts: pipelined, to each node what it owns.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::connection::DeadlineTimer;
use super::dialer::Dialer;
use super::hello::Hello;
use super::key_space::KeySpace;
use super::op::push_opening;
use super::resp::{Reply, push_array, push_bulk};
use super::routing::ask;
use super::value::push_value;
use super::{LoadError, LoadTask, ValueSize};
use crate::evidence::{DataType, ErrorKind, EventKind, Journal, LoadIndex, Value};
use crate::network::ClientHost;
use crate::system::{Access, Discovery, NodeIndex, ReadsFrom};
use crate::vocab::Address;

/// Writes that are on their way to a node at the same time, when values are small.
const PIPELINE: usize = 1_000;

/// Values that are on their way to a node at the same time, in bytes.
const PIPELINE_BYTES: usize = 4 * 1024 * 1024;

/// How long the replies to a pipeline may take. Nothing was done to the cluster yet, so a node that takes longer is broken.
const ANSWER_BOUND: Duration = Duration::from_secs(10);

/// Writes the first keys of each load that asks for it, one load after the other, and journals `Preloaded`. Each key gets the value
/// that [`Value::preloaded`] names. Before that it opens the accounts that loads transfer between. To be done while the cluster is healthy: a key that is not acknowledged at once is an error.
///
/// It works on a thread of its own, so that the observer is not disturbed.
pub async fn preload(tasks: &[LoadTask], access: &Access, journal: &Journal) -> Result<(), LoadError> {
    for task in tasks.iter().filter(|task| task.load.accounts() > 0) {
        fill_apart(task, access, DataType::Accounts).await?;
    }
    for task in tasks.iter().filter(|task| task.load.preload() > 0) {
        let began = journal.clock().now();
        let (name, keys) = (task.load.name.clone(), task.load.preload());
        let last = fill_apart(task, access, DataType::Value).await?;
        journal.record(EventKind::Preloaded {
            load: name,
            keys,
            last,
            took_nanos: journal.clock().now().nanos_since(began),
        });
    }
    Ok(())
}

/// Writes what a load's keys of that type are to hold, on a thread of its own. Returns the last one's number.
async fn fill_apart(task: &LoadTask, access: &Access, data: DataType) -> Result<u32, LoadError> {
    let failed = |reason| LoadError::NotPreloaded { load: task.load.name.clone(), reason };
    let (own, access) = (task.clone(), access.clone());
    let filling = tokio::task::spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime.block_on(fill(&own, &access, data))
    });
    filling.await.map_err(|error| failed(error.to_string()))?.map_err(failed)
}

/// Writes every key, to all nodes at the same time: values where the load asks for them, and the accounts of every bank. Returns the
/// last one's number. The error is why not, for people.
async fn fill(task: &LoadTask, access: &Access, data: DataType) -> Result<u32, String> {
    let dialer = Dialer::new(ClientHost::this(), task.tls.clone(), Hello::of_harness(access), 0);
    let mut routes = task.system.discovery(&task.seeds, ReadsFrom::Master);
    learn_owners(&dialer, &mut *routes).await?;
    let keys = KeySpace::of(&task.load, &*task.system);
    let (mut by_node, mut text) = (BTreeMap::<Option<NodeIndex>, Vec<u32>>::new(), Vec::new());
    let banks = || (0..keys.count()).map(|nth| keys.number(nth)).collect();
    let numbers: Vec<_> = if data == DataType::Accounts { banks() } else { keys.preloaded().collect() };
    for &number in &numbers {
        keys.text(data, number, &mut text);
        by_node.entry(routes.target(task.system.position_of(&text))).or_default().push(number);
    }
    let accounts = Some(task.load.accounts()).filter(|_| data == DataType::Accounts);
    let writer = Writer { dialer: &dialer, keys: &keys, load: task.index, size: task.load.preload_value(), accounts };
    let (routes, writer) = (&routes, &writer);
    let by_node = by_node.iter().map(|(node, numbers)| async move {
        let address = node.and_then(|node| routes.known().address(node)).ok_or("some keys have no owner")?;
        writer.write(address, numbers).await.map_err(|reason| format!("{address} {reason}"))
    });
    join_all(by_node).await.into_iter().collect::<Result<(), _>>()?;
    Ok(numbers.last().copied().unwrap_or(0))
}

async fn learn_owners(dialer: &Dialer, routes: &mut dyn Discovery) -> Result<(), String> {
    for node in routes.known_mut().ask_order(None) {
        let Some(address) = routes.known().address(node) else { continue };
        let question = routes.question();
        let learn = |nth, reply: &Reply<'_>| routes.learn(address, nth, reply);
        if ask(dialer, address, &question, ANSWER_BOUND, learn).await.is_ok() {
            return Ok(());
        }
    }
    Err("no node says who owns what".to_owned())
}

struct Writer<'a> {
    dialer: &'a Dialer,
    keys: &'a KeySpace,
    load: LoadIndex,
    size: ValueSize,
    /// How many accounts each key's bank has, if it is one.
    accounts: Option<u16>,
}

impl Writer<'_> {
    /// Writes the keys to a node, on one connection. The error is what the node did instead.
    async fn write(&self, node: Address, numbers: &[u32]) -> Result<(), String> {
        let until = std::time::Instant::now() + ANSWER_BOUND;
        let mut connection = self.dialer.open(node, &mut DeadlineTimer::new(), until).await.map_err(broken)?;
        let bytes = usize::try_from(self.size.bytes_max()).unwrap_or(usize::MAX);
        let pipeline = (PIPELINE_BYTES / bytes.max(1)).clamp(1, PIPELINE);
        let (mut request, mut key) = (Vec::new(), Vec::new());
        for numbers in numbers.chunks(pipeline) {
            request.clear();
            for &number in numbers {
                if let Some(accounts) = self.accounts {
                    self.keys.text(DataType::Accounts, number, &mut key);
                    push_opening(&mut request, &key, accounts);
                    continue;
                }
                let id = Value::preloaded(self.load, number);
                self.keys.text(DataType::Value, number, &mut key);
                push_array(&mut request, 3);
                push_bulk(&mut request, b"SET");
                push_bulk(&mut request, &key);
                push_value(&mut request, id, self.size.of(id));
            }
            let mut refused = None;
            let on_reply = |_, reply: &Reply<'_>| {
                if *reply != Reply::Simple(b"OK") {
                    refused.get_or_insert_with(|| in_words(reply));
                }
            };
            let exchanged = timeout(ANSWER_BOUND, connection.exchange(&request, numbers.len(), on_reply)).await;
            exchanged.unwrap_or(Err(ErrorKind::TimedOut)).map_err(broken)?;
            if let Some(reply) = refused {
                return Err(format!("replied {reply}"));
            }
        }
        Ok(())
    }
}

/// What a node did that replied nothing of use.
fn broken(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::TimedOut => format!("did not reply within {} s", ANSWER_BOUND.as_secs()),
        ErrorKind::Protocol => "replied something that is no reply".to_owned(),
        _ => "refused the connection, or broke it".to_owned(),
    }
}

fn in_words(reply: &Reply<'_>) -> String {
    match reply {
        Reply::Error(text) => format!("`{}`", String::from_utf8_lossy(text)),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::evidence::{Event, HistoryReader, Operation, RunDirectory};
    use crate::load::testing::{Redis, journal, load, task};
    use crate::load::{RunningLoads, final_read};

    fn told(directory: &RunDirectory) -> Vec<EventKind> {
        let events = std::fs::read_to_string(directory.events()).unwrap();
        events.lines().map(|line| serde_json::from_str::<Event>(line).unwrap().kind).collect()
    }

    /// Of 3,000 keys that are preloaded one is deleted by somebody, and some are written by the load: of these there are records.
    #[tokio::test]
    async fn what_is_preloaded_is_found_without_a_record() {
        let redis = Redis::start().await;
        let (_temporary, directory, journal) = journal();
        let fields = r#"mix: [Set(value: "16B")], keys: Sequential(5000), preload: 3000, preload_value: "100B",
            workers: 1, operations: 10"#;
        let tasks = [task(load("app", fields), &[redis.address])];
        preload(&tasks, &Access::default(), &journal).await.unwrap();
        redis.say(&[b"DBSIZE"], "3000").await;
        redis.say(&[b"STRLEN", b"app:3000"], "100").await;
        redis.say(&[b"DEL", b"app:3000"], "1").await;
        let running = RunningLoads::start(&tasks, journal.clone(), &directory).unwrap();
        running.end_of("app", Duration::from_secs(20)).await.unwrap();
        let done = running.stop().await.unwrap();
        let (access, seeds) = (Access::default(), [(0, redis.address)]);
        final_read(&done, &access, &seeds, None, &journal, Duration::from_secs(5)).await.unwrap();

        let history = HistoryReader::new(File::open(directory.history()).unwrap()).unwrap().read_all().unwrap();
        let history: Vec<_> = history.iter().filter(Operation::is_final_read).collect();
        let keys: Vec<_> = history.iter().map(|read| read.key).collect();
        assert_eq!(keys, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 3000]);
        assert_eq!(history.last().unwrap().value, Value::Missing);
        let told = told(&directory);
        assert!(
            matches!(&told[0], EventKind::Preloaded { load, keys: 3000, last: 3000, took_nanos: 1.. } if load == "app")
        );
        assert!(told.contains(&EventKind::PreloadFound { load: "app".to_owned(), keys: 2989 }));
        assert!(matches!(told.last(), Some(EventKind::FinalRead { keys: 3000, unreadable: 0, .. })));
    }

    #[tokio::test]
    async fn a_write_that_is_refused_ends_it() {
        let redis = Redis::start().await;
        let (_temporary, directory, journal) = journal();
        redis.say(&[b"CONFIG", b"SET", b"maxmemory", b"1"], "OK").await;
        let fields = "mix: [Get()], keys: Uniform(5000), preload: 5000";
        let refused = preload(&[task(load("app", fields), &[redis.address])], &Access::default(), &journal)
            .await
            .unwrap_err()
            .to_string();
        let expected = format!("could not be preloaded: {} replied `OOM command not allowed", redis.address);
        assert!(refused.contains(&expected), "{refused}");
        assert!(told(&directory).is_empty());
    }
}
