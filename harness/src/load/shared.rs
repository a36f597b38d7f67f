//! What the workers of one load share that live on the same thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, MutexGuard};

use tokio::sync::Mutex;

use super::climb::Climb;
use super::counters::LoadCounters;
use super::dialer::Dialer;
use super::exchange::SharedConnections;
use super::hello::Hello;
use super::key_places::KeyPlaces;
use super::key_space::{KeySpace, WrittenKeys};
use super::op::{MixEntry, error_kind};
use super::parts::Part;
use super::recorder::Outbox;
use super::resp::Reply;
use super::routing::ask;
use super::worker_pool::Shards;
use super::{Load, LoadTask, Op};
use crate::evidence::{
    Clock, DataType, ErrorKind, EventKind, IdleTotals, LoadIndex, Operation, OperationSource, Value,
};
use crate::network::ClientHost;
use crate::system::{Discovery, NodeIndex, System};
use crate::vocab::{Duration, Instant};

/// A client asks who owns what at most this often, so that a failing cluster is not asked to death.
pub const MAP_REFRESH: Duration = Duration::from_millis(50);

/// What the workers of one load share that live on the same thread.
pub(crate) struct Shared {
    pub(crate) load: Load,
    /// The entries of its mix.
    pub(crate) mix: Vec<MixEntry>,
    /// How many commands an entry has at most.
    pub(crate) commands_max: usize,
    pub(crate) index: LoadIndex,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    /// How it connects to the nodes that serve.
    pub(crate) dialer: Dialer,
    /// How it connects to the nodes that it asks who serves.
    pub(crate) asker: Dialer,
    /// The connections that its workers share.
    pub(crate) connections: SharedConnections,
    /// Where the sockets of its subscribers are made.
    pub(crate) subscribers_host: ClientHost,
    pub(crate) keys: KeySpace,
    pub(crate) places: Rc<KeyPlaces>,
    pub(crate) shards: Shards,
    pub(crate) system: Arc<dyn System>,
    /// The system's nodes, by their indexes in the plan.
    pub(crate) nodes: Vec<u16>,
    pub(crate) routes: RefCell<Box<dyn Discovery>>,
    pub(crate) written: RefCell<WrittenKeys>,
    pub(crate) part: Part,
    pub(crate) outbox: RefCell<Outbox>,
    /// The staircase that ends with the first stair that is too high, while it is climbed.
    pub(crate) climb: RefCell<Option<Climb>>,
    /// What became of the load's idle connections, once it has ended.
    pub(crate) idle: RefCell<Option<IdleTotals>>,
    /// Held by who asks.
    asking: Mutex<()>,
    refreshed: Cell<Option<Instant>>,
}

impl Shared {
    /// What the workers of the task share.
    pub(crate) fn new(task: LoadTask, part: Part, clock: Clock, outbox: Outbox) -> Rc<Self> {
        let LoadTask { index, load, host, subscribers_host, system, seeds, shards, seed, waits: _, tls, rest: _ } =
            task;
        let keys = KeySpace::of(&load, &*system);
        let dialer = Dialer::new(host, tls, Hello::of_server(&load.client, &*system), value_bytes_max(&load));
        Rc::new(Self {
            mix: MixEntry::of(&load.mix),
            commands_max: load.mix.iter().map(|op| op.kind().commands().len()).max().unwrap_or(0),
            index,
            seed,
            clock,
            shards: Shards::new(&shards),
            asker: dialer.saying(Hello::of_client(&load.client, &*system)),
            dialer,
            connections: SharedConnections::of(load.connections, &part),
            subscribers_host,
            nodes: seeds.iter().map(|(node, _)| *node).collect(),
            routes: RefCell::new(system.discovery(&seeds, load.client.reads_from)),
            written: RefCell::new(WrittenKeys::none_of(keys.highest())),
            part,
            outbox: RefCell::new(outbox),
            climb: RefCell::new(None),
            idle: RefCell::default(),
            asking: Mutex::new(()),
            refreshed: Cell::new(None),
            places: Rc::new(KeyPlaces::new(keys.clone(), Arc::clone(&system))),
            keys,
            system,
            load,
        })
    }

    /// Takes operations that ended into the history and the counts, each with the elements that it read.
    pub(crate) fn ended<'a>(&self, operations: impl Iterator<Item = (&'a Operation, &'a [Value])>) {
        let (mut outbox, mut climb) = (self.outbox.borrow_mut(), self.climb.borrow_mut());
        // Other threads of the load wait for them, so they are taken once.
        let mut counters = self.counters();
        for (operation, elements) in operations {
            outbox.push(operation, elements);
            if let Some(climb) = climb.as_mut() {
                climb.ended(operation);
            }
            if let Some(slow) = counters.count(operation, || self.name(operation)) {
                outbox.event(slow);
            }
        }
    }

    /// Tells that a worker does nothing more after an operation that was not ok.
    pub(crate) fn gave_up(&self, failed: &Operation) {
        let load = self.load.name.clone();
        let event =
            EventKind::GaveUp { load, operation: self.name(failed), error: failed.error, attempts: failed.attempts };
        self.outbox.borrow_mut().event(event);
    }

    /// What people call an operation, such as `GET app:7`.
    fn name(&self, operation: &Operation) -> String {
        let OperationSource::Mix { entry, command } = operation.source else { return String::new() };
        let op = self.load.mix.get(usize::from(entry));
        let name = op.map(|op| op.command_name(command.into())).unwrap_or_default();
        let mut key = Vec::new();
        self.keys.text(operation.data, operation.key, &mut key);
        format!("{name} {}", String::from_utf8_lossy(&key))
    }

    /// What the load counts, on whatever thread.
    pub(crate) fn counters(&self) -> MutexGuard<'_, LoadCounters> {
        self.part.parts.counters(&self.load, self.clock)
    }

    /// Tells which keys a scan did not return, if there are any.
    pub(crate) fn scanned(&self, from: Instant, to: Instant, keys: Vec<u32>) {
        if !keys.is_empty() {
            let load = self.load.name.clone();
            self.outbox.borrow_mut().event(EventKind::Unscanned { load, from, to, keys });
        }
    }

    /// Counts an attempt that did not end ok.
    pub(crate) fn attempt_failed(&self, kind: ErrorKind) {
        self.counters().attempt_failed(kind);
    }

    /// Keeps what an error reply says, if it is the first of its kind.
    pub(crate) fn error_replied(&self, text: &[u8]) {
        let kind = error_kind(text);
        // These say where to go, not what is wrong.
        if !matches!(kind, ErrorKind::Moved | ErrorKind::Ask) {
            self.counters().error_replied(kind, text);
        }
    }

    /// Begins to ask who owns what, unless that goes on already or was done just now.
    pub(crate) fn refresh(self: &Rc<Self>, first: Option<NodeIndex>) {
        let now = self.clock.now();
        let lately = self.refreshed.get().is_some_and(|at| now.nanos_since(at) < MAP_REFRESH.as_nanos());
        if !lately && self.asking.try_lock().is_ok() {
            let shared = Rc::clone(self);
            tokio::task::spawn_local(async move {
                if let Ok(_asks) = shared.asking.try_lock() {
                    shared.ask_around(first).await;
                }
            });
        }
    }

    /// Asks who owns what, although that may just have been done: a node says that it has changed.
    pub(crate) async fn ask_again(&self, first: NodeIndex) {
        let _asks = self.asking.lock().await;
        self.ask_around(Some(first)).await;
    }

    /// Asks one node after the other who owns what, until one tells.
    pub(crate) async fn ask_around(&self, first: Option<NodeIndex>) {
        let order = self.routes.borrow_mut().known_mut().ask_order(first);
        for node in order {
            let Some(address) = self.routes.borrow().known().address(node) else { continue };
            let question = self.routes.borrow().question();
            let learn = |nth, reply: &Reply<'_>| self.routes.borrow_mut().learn(address, nth, reply);
            let told = ask(&self.asker, address, &question, self.load.client.timeout.0, learn).await.is_ok();
            self.routes.borrow_mut().known_mut().set_suspect(node, !told);
            if told {
                break;
            }
        }
        self.refreshed.set(Some(self.clock.now()));
    }
}

/// The size of the largest value that the load may read. One that only reads may read what others write; what is made of many
/// elements grows.
pub(crate) fn value_bytes_max(load: &Load) -> usize {
    const LARGE: usize = 64 * 1024 * 1024;
    let grows = load.mix.iter().any(|op| op.kind().data() != DataType::Value);
    written_bytes_max(load).filter(|_| !grows).unwrap_or(LARGE)
}

/// The size of the largest value that the load writes, or that is preloaded for it; none if there are none.
pub(crate) fn written_bytes_max(load: &Load) -> Option<usize> {
    let preloaded = (load.preload() > 0).then(|| load.preload_value().bytes_max());
    let largest = load.mix.iter().filter_map(Op::value_bytes_max).chain(preloaded).max();
    largest.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
}
