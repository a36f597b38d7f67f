//! The final read: what the cluster holds at the end, key by key, from the master that owns it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::time::Duration;

use futures_util::future::join_all;

use super::connection::{Connection, DeadlineTimer};
use super::dialer::Dialer;
use super::driver::{LoadDone, LoadsDone};
use super::hello::Hello;
use super::op::AttemptOutcome;
use super::resp::{Reply, push_command};
use super::routing::ask;
use super::worker_pool::Shards;
use super::{LoadError, contents};
use crate::evidence::{
    Agreement, Clock, DataType, ErrorKind, EventKind, HistoryWriter, Journal, LoadIndex, NO_WORKER, Operation,
    OperationEffect, OperationSource, Outcome, Value,
};
use crate::network::ClientHost;
use crate::system::{Access, Discovery, NodeIndex, ReadsFrom};
use crate::vocab::{Address, Instant, Position};

/// Reads that are on their way to a node at the same time, when values are small.
const PIPELINE: usize = 256;

/// Keys that are read before the next ones are prepared, so that millions of them do not take the machine's memory.
const KEYS_AT_A_TIME: usize = 250_000;

/// Values that are on their way from a node at the same time, in bytes.
const PIPELINE_BYTES: usize = 4 * 1024 * 1024;

/// Collections that are on their way from a node at the same time: nobody knows how large they have become.
const PIPELINED_COLLECTIONS: usize = 16;

/// How long the replies to a pipeline may take; then its node is asked again.
const ANSWER_BOUND: Duration = Duration::from_secs(1);

/// How long to wait before unreadable keys are tried again.
const RETRY_WAIT: Duration = Duration::from_millis(20);

/// A key that is read.
struct KeyRead {
    operation: Operation,
    /// What was preloaded, where nobody wrote the key again: then all is said of it if this is found.
    preloaded: Option<Value>,
    key: Vec<u8>,
    /// How many keys it stands for, if it is a group.
    group_keys: u16,
    /// How much of what may be on its way from a node at the same time is kept for its values, in bytes.
    bytes: usize,
    /// What it holds, once it was read.
    values: Vec<Value>,
    position: Position,
    /// The node that `-ASK` named.
    asking: Option<NodeIndex>,
    /// What the last attempt said; none when it was not answered.
    answer: Option<AttemptOutcome>,
    /// Whether it has been read, or trying again is no use.
    done: bool,
}

/// Reads back every key that a load attempted to write or that was preloaded, from the master that owns it, for `within` at most; to be done
/// when every fault is healed. Adds a `FinalRead` operation for each to the history, or one for each of its elements in
/// their order, but for those that were found as they were preloaded, and journals how many there were.
///
/// A key that could not be read is no error: it is in the history as failed. Where the cluster has settled on a topology in which
/// nobody serves it, one attempt is enough: nothing will change that.
pub async fn final_read(
    done: &LoadsDone,
    access: &Access,
    seeds: &[(u16, Address)],
    settled: Option<&Agreement>,
    journal: &Journal,
    within: Duration,
) -> Result<(), LoadError> {
    let clock = journal.clock();
    let deadline = std::time::Instant::now() + within;
    let value_bytes_max = done.loads.iter().map(|load| load.value_bytes_max).max().unwrap_or(0);
    let dialer = Dialer::new(ClientHost::this(), access.tls.clone(), Hello::of_harness(access), value_bytes_max);
    let mut told = Told::default();
    for load in &done.loads {
        let seeds: Vec<_> = seeds.iter().filter(|(node, _)| load.nodes.contains(node)).copied().collect();
        let routes = load.system.discovery(&seeds, ReadsFrom::Master);
        let mut reader = KeyReader { dialer: &dialer, clock, deadline, settled, routes };
        let mut keys = keys_to_read(load, clock.now());
        loop {
            let mut readings: Vec<_> = keys.by_ref().take(KEYS_AT_A_TIME).collect();
            if readings.is_empty() {
                break;
            }
            // The runtime's timer is the bound: whatever a server does, this ends.
            let _ = tokio::time::timeout_at(deadline.into(), reader.read_all(&mut readings)).await;
            told.add(&readings, settled);
            readings.retain(|reading| !reading.is_as_preloaded());
            append(&done.history, &mut readings, clock.now())?;
        }
    }
    told.journal(done, journal);
    Ok(())
}

/// What is told of the keys that were read.
#[derive(Default)]
struct Told {
    keys: u64,
    unreadable: u64,
    unserved: Option<String>,
    errors: BTreeMap<ErrorKind, u64>,
    /// How many keys of each load were found as they were preloaded.
    as_preloaded: BTreeMap<LoadIndex, u64>,
}

impl Told {
    /// How many keys could not be read, and why; how many were as they were preloaded.
    fn add(&mut self, readings: &[KeyRead], settled: Option<&Agreement>) {
        self.keys += readings.len() as u64;
        for reading in readings.iter().filter(|reading| reading.is_as_preloaded()) {
            *self.as_preloaded.entry(reading.operation.load).or_default() += 1;
        }
        for reading in readings.iter().filter(|reading| reading.operation.outcome != Outcome::Ok) {
            self.unreadable += 1;
            if reading.done && settled.is_some_and(|agreed| !agreed.serves(reading.position)) {
                self.unserved = settled.and_then(Agreement::outage);
            } else if let Some(kind) = reading.operation.error {
                *self.errors.entry(kind).or_default() += 1;
            }
        }
    }

    fn journal(self, done: &LoadsDone, journal: &Journal) {
        for load in &done.loads {
            if let Some(&keys) = self.as_preloaded.get(&load.index) {
                journal.record(EventKind::PreloadFound { load: load.name.clone(), keys });
            }
        }
        let Self { keys, unreadable, unserved, errors, .. } = self;
        journal.record(EventKind::FinalRead { keys, unreadable, unserved, errors });
    }
}

fn keys_to_read(load: &LoadDone, now: Instant) -> impl Iterator<Item = KeyRead> {
    let untouched = load.keys.preloaded().filter(|number| !load.written.contains(DataType::Value, *number));
    let untouched = untouched.map(|number| (DataType::Value, number, true));
    let written = load.written.iter().map(|(data, number)| (data, number, false));
    written.chain(untouched).map(move |(data, number, untouched)| {
        let mut key = Vec::new();
        load.keys.text(data, number, &mut key);
        let position = load.system.position_of(&key);
        let operation = Operation {
            load: load.index,
            worker: NO_WORKER,
            source: OperationSource::FinalRead,
            effect: OperationEffect::Reads,
            data,
            key: number,
            shard: Shards::planned(load.shards.of(position)),
            value: Value::Missing,
            intended: now,
            ready: now,
            started: now,
            ended: now,
            outcome: Outcome::Fail,
            error: None,
            attempts: 0,
            unknown_attempts: 0,
            replaced: None,
            node: None,
        };
        let (group_keys, values) = (load.group_keys, Vec::new());
        let preloaded = untouched.then(|| Value::Written(Value::preloaded(load.index, number)));
        let bytes = bytes_kept(load, data);
        let (asking, answer, done) = (None, None, false);
        KeyRead { operation, preloaded, key, group_keys, bytes, values, position, asking, answer, done }
    })
}

/// How much of `PIPELINE_BYTES` a key of that type takes.
fn bytes_kept(load: &LoadDone, data: DataType) -> usize {
    if data.is_collection() {
        return PIPELINE_BYTES / PIPELINED_COLLECTIONS;
    }
    let values = if data.is_group() || data == DataType::Accounts { load.group_keys.into() } else { 1 };
    load.written_bytes_max.saturating_mul(values)
}

/// How many of the keys that take so many bytes each are read together.
fn pipelined(bytes: impl Iterator<Item = usize>) -> usize {
    let sums = bytes.take(PIPELINE).scan(0_usize, |sum, bytes| {
        *sum = sum.saturating_add(bytes);
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= PIPELINE_BYTES).count().max(1)
}

struct KeyReader<'a> {
    dialer: &'a Dialer,
    clock: Clock,
    deadline: std::time::Instant,
    /// What nothing will change any more, if the nodes agree.
    settled: Option<&'a Agreement>,
    routes: Box<dyn Discovery>,
}

impl KeyReader<'_> {
    /// Reads in rounds until every key is read.
    async fn read_all(&mut self, readings: &mut [KeyRead]) {
        self.learn_owners().await;
        loop {
            let mut by_node: BTreeMap<NodeIndex, Vec<&mut KeyRead>> = BTreeMap::new();
            for reading in readings.iter_mut().filter(|reading| !reading.done) {
                let node = reading.asking.or_else(|| self.routes.target(reading.position));
                by_node.entry(node.unwrap_or(NodeIndex::MAX)).or_default().push(reading);
            }
            if by_node.is_empty() {
                return;
            }
            join_all(by_node.into_iter().map(|(node, readings)| self.read_from(node, readings))).await;
            if !self.take_answers(readings) {
                tokio::time::sleep(RETRY_WAIT).await;
                self.learn_owners().await;
            }
        }
    }

    async fn learn_owners(&mut self) {
        for node in self.routes.known_mut().ask_order(None) {
            let Some(address) = self.routes.known().address(node) else { continue };
            let question = self.routes.question();
            let learn = |nth, reply: &Reply<'_>| self.routes.learn(address, nth, reply);
            let told = ask(self.dialer, address, &question, ANSWER_BOUND, learn).await;
            if told.is_ok() {
                return;
            }
            self.routes.known_mut().set_suspect(node, true);
        }
    }

    /// Reads the keys from the node, pipelined on one connection, until it breaks.
    async fn read_from(&self, node: NodeIndex, mut readings: Vec<&mut KeyRead>) {
        for reading in &mut readings {
            reading.begun(self.clock.now());
        }
        let Some(address) = self.routes.known().address(node) else {
            return readings.iter_mut().for_each(|reading| reading.failed(ErrorKind::NoRoute));
        };
        let mut timer = DeadlineTimer::new();
        let mut connection = match self.dialer.open(address, &mut timer, self.soon()).await {
            Ok(connection) => connection,
            Err(kind) => return readings.iter_mut().for_each(|reading| reading.failed(kind)),
        };
        let plan_index = self.routes.known().plan_index(node);
        let mut rest = &mut readings[..];
        while !rest.is_empty() {
            let together = pipelined(rest.iter().map(|reading| reading.bytes));
            let readings;
            (readings, rest) = std::mem::take(&mut rest).split_at_mut(together);
            let reading = self.read_chunk(&mut connection, plan_index, readings);
            let outcome = timer.until(self.soon(), reading).await.unwrap_or(Err(ErrorKind::TimedOut));
            if let Err(kind) = outcome {
                return readings.iter_mut().for_each(|reading| reading.failed(kind));
            }
        }
    }

    async fn read_chunk(
        &self,
        connection: &mut Connection,
        node: Option<u16>,
        readings: &mut [&mut KeyRead],
    ) -> Result<(), ErrorKind> {
        let mut request = Vec::new();
        // A reply's reading; none for the reply to an `ASKING`.
        let mut owners = Vec::with_capacity(readings.len());
        for (position, reading) in readings.iter_mut().enumerate() {
            if reading.asking.is_some() {
                push_command(&mut request, &[b"ASKING"]);
                owners.push(None);
            }
            contents::encode(reading.operation.data, reading.group_keys, &mut request, &reading.key);
            owners.push(Some(position));
        }
        connection
            .exchange(&request, owners.len(), |place, reply| {
                if let Some(Some(owner)) = owners.get(place.nth) {
                    readings[*owner].answered(reply, node, self.clock.now());
                }
            })
            .await
    }

    /// Takes the answers of a round. Returns whether the next round can begin at once.
    fn take_answers(&mut self, readings: &mut [KeyRead]) -> bool {
        let mut progress = false;
        for reading in readings.iter_mut().filter(|reading| !reading.done) {
            reading.asking = None;
            match reading.answer.take() {
                Some(AttemptOutcome::Acknowledged(_) | AttemptOutcome::Replaced(..)) => {
                    (reading.done, progress) = (true, true);
                }
                Some(AttemptOutcome::Elsewhere(kind, redirect)) => {
                    let responder =
                        self.routes.target(reading.position).and_then(|node| self.routes.known().address(node));
                    let Some(address) = responder.map(|responder| redirect.address(responder)) else { continue };
                    if kind == ErrorKind::Ask {
                        reading.asking = self.routes.known_mut().node_at(address);
                    } else {
                        let _ = self.routes.moved(redirect.position, address);
                    }
                }
                // The keys of a group will not come together.
                Some(AttemptOutcome::NotExecuted(ErrorKind::KeysApart)) => reading.done = true,
                Some(AttemptOutcome::NotExecuted(_) | AttemptOutcome::Unknown(_)) | None => {
                    reading.done = self.settled.is_some_and(|agreed| !agreed.serves(reading.position));
                }
            }
        }
        progress
    }

    fn soon(&self) -> std::time::Instant {
        (std::time::Instant::now() + ANSWER_BOUND).min(self.deadline)
    }
}

impl KeyRead {
    /// Whether the key holds what was preloaded, and nobody wrote it again.
    fn is_as_preloaded(&self) -> bool {
        self.operation.outcome == Outcome::Ok && self.preloaded == Some(self.operation.value)
    }

    fn begun(&mut self, now: Instant) {
        if self.operation.attempts == 0 {
            self.operation.started = now;
        }
        self.operation.attempts = self.operation.attempts.saturating_add(1);
        self.answer = None;
    }

    fn answered(&mut self, reply: &Reply<'_>, node: Option<u16>, now: Instant) {
        let answer = contents::read(self.operation.data, reply).map_or_else(
            |refusal| refusal,
            |values| {
                self.values = values;
                AttemptOutcome::Acknowledged(self.values.first().copied().unwrap_or(Value::Missing))
            },
        );
        self.answer = Some(answer);
        self.operation.node = node;
        self.operation.ended = now;
        match answer {
            AttemptOutcome::Acknowledged(value) | AttemptOutcome::Replaced(value, _) => {
                (self.operation.value, self.operation.outcome) = (value, Outcome::Ok);
            }
            AttemptOutcome::NotExecuted(kind) | AttemptOutcome::Elsewhere(kind, _) | AttemptOutcome::Unknown(kind) => {
                self.operation.error = Some(kind);
            }
        }
    }

    fn failed(&mut self, kind: ErrorKind) {
        if self.answer.is_none() {
            self.operation.error = Some(kind);
        }
    }
}

fn append(history: &std::path::Path, readings: &mut [KeyRead], now: Instant) -> Result<(), LoadError> {
    let file = File::options().append(true).open(history)?;
    let mut history = HistoryWriter::resume(BufWriter::new(file));
    for reading in readings {
        if reading.operation.outcome != Outcome::Ok {
            reading.operation.ended = now;
        }
        history.write(&reading.operation)?;
        for value in reading.values.iter().skip(1) {
            history.write(&Operation { value: *value, ..reading.operation })?;
        }
    }
    Ok(history.flush()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;
    use crate::evidence::{ClusterState, Event, HistoryReader, LoadTotals, Place, Side};
    use crate::load::key_space::{KeySpace, WrittenKeys};
    use crate::load::testing::{Act, CLUSTER, Fake, journal, load, value_reply};
    use crate::system::cluster::{SLOT_COUNT, share, slot_of_key, topology};
    use crate::vocab::{OwnedRange, Ownership, Role};

    /// Reads back the keys k1 to k4; their history, what was told, and how long it took.
    async fn read(
        data: DataType,
        seeds: &[(u16, Address)],
        settled: Option<&Agreement>,
        within: Duration,
    ) -> (Vec<Operation>, EventKind, Duration) {
        let (_temporary, directory, journal) = journal();
        HistoryWriter::new(File::create(directory.history()).unwrap()).unwrap();
        let load = load("app", r#"mix: [Get()], keys: Uniform(4), prefix: "k""#);
        let mut written = WrittenKeys::none_of(4);
        (1..=4).for_each(|key| assert!(written.insert(data, key)));
        let (name, keys) = (load.name.clone(), KeySpace::of(&load, &CLUSTER));
        let load = LoadDone {
            name,
            totals: LoadTotals::default(),
            index: 3,
            keys,
            shards: Shards::new(&[share(0, 1)]),
            system: Arc::new(CLUSTER),
            nodes: seeds.iter().map(|(node, _)| *node).collect(),
            written,
            group_keys: 0,
            written_bytes_max: 16,
            value_bytes_max: 16,
        };
        let done = LoadsDone { history: directory.history(), loads: vec![load] };
        let began = std::time::Instant::now();
        final_read(&done, &Access::default(), seeds, settled, &journal, within).await.unwrap();
        let took = began.elapsed();
        let file = File::open(directory.history()).unwrap();
        let history = HistoryReader::new(file).unwrap().read_all().unwrap().iter().collect();
        let told = std::fs::read_to_string(directory.events()).unwrap();
        let told: Event = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        (history, told.kind, took)
    }

    #[rstest]
    #[case::small_values(1_000, 16, 256)]
    #[case::the_last_of_them(3, 16, 3)]
    #[case::large_values(1_000, 1 << 20, 4)]
    #[case::larger_than_all_that_fits(1_000, 64 << 20, 1)]
    #[case::collections(1_000, PIPELINE_BYTES / PIPELINED_COLLECTIONS, 16)]
    fn as_many_are_read_together_as_their_values_allow(
        #[case] keys: usize,
        #[case] bytes: usize,
        #[case] expected: usize,
    ) {
        assert_eq!(pipelined(std::iter::repeat_n(bytes, keys)), expected);
    }

    #[test]
    fn small_values_are_not_read_one_by_one_beside_large_ones() {
        let bytes = [16; 10].into_iter().chain([PIPELINE_BYTES, 16]);
        assert_eq!(pipelined(bytes), 10);
    }

    /// B owns the slots of k1 and k2, which nobody listens for; A says that it owns them, and serves the others.
    #[rstest]
    #[case::nothing_will_change(true, Duration::from_secs(30), Some("nobody serves B's slots"), 0)]
    #[case::it_may_change(false, Duration::from_millis(300), None, 2)]
    #[tokio::test]
    async fn keys_that_nobody_serves_are_not_waited_for(
        #[case] settled: bool,
        #[case] within: Duration,
        #[case] why: Option<&str>,
        #[case] by_error: u64,
    ) {
        let (a, b) = (Fake::bind().await, Fake::bind().await.address);
        let owner = a.address;
        let dead = ["k1", "k2"].map(|key| slot_of_key(key.as_bytes()));
        let a = a.serve(owner, move |command, _| match command.strip_prefix("GET ") {
            Some(key) if dead.contains(&slot_of_key(key.as_bytes())) => {
                Act::Say(format!("-MOVED {} {b}\r\n", slot_of_key(key.as_bytes())))
            }
            _ => Act::Say(value_reply(0xB)),
        });
        let owned = |slots: &dyn Fn(&Position) -> bool| {
            let slots = (0..SLOT_COUNT).map(Position).filter(slots);
            slots.map(|slot| OwnedRange { first: slot.0, last: slot.0 }).collect::<Ownership>()
        };
        let place = |owns, failed| Place { role: Role::Master, master: None, owns, title: "master".to_owned(), failed };
        let nodes = [
            ("A", place(owned(&|slot| !dead.contains(slot)), false)),
            ("B", place(owned(&|slot| dead.contains(slot)), true)),
        ];
        let nodes = nodes.into_iter().map(|(name, place)| (name.into(), place)).collect();
        let topology = topology(ClusterState::Ok, nodes);
        let agreed = Agreement::new(vec![Side { system: 0, members: BTreeSet::new(), topology }]);
        let (history, told, took) = read(DataType::Value, &[(0, a), (1, b)], settled.then_some(&agreed), within).await;
        let EventKind::FinalRead { keys: 4, unreadable: 2, unserved, errors } = told else { panic!("{told:?}") };
        assert_eq!((unserved.as_deref(), errors.values().sum()), (why, by_error));
        assert!(took < Duration::from_secs(10), "it took {took:?}");
        let outcomes: Vec<_> = history.iter().map(|op| op.outcome).collect();
        assert_eq!(outcomes, [Outcome::Fail, Outcome::Fail, Outcome::Ok, Outcome::Ok]);
        assert!(history.iter().all(|op| op.is_final_read() && op.shard == Some(0)));
    }

    #[tokio::test]
    async fn every_element_is_recorded_in_its_order() {
        let a = Fake::bind().await;
        let owner = a.address;
        let elements = [0xB, 0xA].map(value_reply).concat();
        let a = a.serve(owner, move |command, _| match command {
            "LRANGE klist:1 0 -1" => Act::Say(format!("*2\r\n{elements}")),
            _ => Act::Say("*0\r\n".to_owned()),
        });
        let (history, told, _) = read(DataType::List, &[(0, a)], None, Duration::from_secs(5)).await;
        let read: Vec<_> = history.iter().map(|op| (op.key, op.value)).collect();
        let missing = |key| (key, Value::Missing);
        assert_eq!(read, [(1, Value::Written(0xB)), (1, Value::Written(0xA)), missing(2), missing(3), missing(4)]);
        assert!(history.iter().all(|op| op.outcome == Outcome::Ok && op.data == DataType::List));
        assert!(matches!(told, EventKind::FinalRead { keys: 4, unreadable: 0, .. }), "{told:?}");
    }

    #[tokio::test]
    async fn redirections_are_followed() {
        let (a, b) = (Fake::bind().await, Fake::bind().await);
        let (owner, at_b) = (a.address, b.address);
        let slot_of = |key: &str| slot_of_key(key.as_bytes());
        let a = a.serve(owner, move |command, nth| match command {
            "GET k1" => Act::Say("$-1\r\n".to_owned()),
            "GET k2" => Act::Say(format!("-MOVED {} {at_b}\r\n", slot_of("k2"))),
            "GET k3" => Act::Say(format!("-ASK {} {at_b}\r\n", slot_of("k3"))),
            // The first time, the connection breaks in the middle of the pipeline.
            _ if nth < 4 => Act::SayAndClose("$1".to_owned()),
            _ => Act::Say("$2\r\nhi\r\n".to_owned()),
        });
        let b = b.serve(owner, |command, _| match command {
            "ASKING" => Act::Say("+OK\r\n".to_owned()),
            _ => Act::Say(value_reply(0xB)),
        });
        let history = read(DataType::Value, &[(0, a), (1, b)], None, Duration::from_secs(5)).await.0;
        let read: Vec<_> = history.iter().map(|op| (op.key, op.value, op.node)).collect();
        assert_eq!(
            read,
            [
                (1, Value::Missing, Some(0)),
                (2, Value::Written(0xB), Some(1)),
                (3, Value::Written(0xB), Some(1)),
                (4, Value::Foreign, Some(0)),
            ]
        );
        let all_ok = |op: &Operation| op.outcome == Outcome::Ok && op.load == 3 && op.worker == NO_WORKER;
        assert!(history.iter().all(all_ok));
        assert_eq!(history[0].attempts, 1);
        assert!(history[1..].iter().all(|op| op.attempts > 1));
    }
}
