//! The one stream of events that a run emits, in the order they were recorded.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Agreement, ConnectionTotals, Effect, ErrorKind, IdleTotals, LogRecord, MachineSample, NetworkChange};
use crate::vocab::{Address, Arrivals, Instant, NodeName};

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it was recorded; what it speaks of may carry a more exact time of its own.
    pub at: Instant,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Of the keys that a scan did not return so many are recorded.
pub const UNSCANNED_NAMED_MAX: usize = 1_000;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// A server process was started on its host.
    NodeStarted {
        /// The node.
        node: NodeName,
        /// Its process id inside the lab.
        pid: i32,
        /// Where it listens.
        address: Address,
    },
    /// A server process ended.
    NodeExited {
        /// The node.
        node: NodeName,
        /// How it ended.
        cause: ExitCause,
        /// Whether a step of the timeline (or the end of the run) ended it.
        expected: bool,
    },
    /// Every node agrees on epoch and slots, `cluster_state` is ok everywhere, every replica's link is up.
    Formed,
    /// A step of the timeline begins.
    StepStarted {
        /// The step's position in the timeline, from 0.
        step: usize,
        /// The step in words.
        text: String,
    },
    /// A step of the timeline is done.
    StepEnded {
        /// The step's position in the timeline, from 0.
        step: usize,
    },
    /// An `Until` was not met within its bound.
    UntilMissed {
        /// The step's position in the timeline, from 0.
        step: usize,
        /// What was waited for, and the last state seen.
        last_state: String,
    },
    /// What a step waited for in order to act on it was seen.
    Triggered {
        /// The step's position in the timeline, from 0. What it triggers is the next one.
        step: usize,
        /// When that was recorded which it waited for.
        seen: Instant,
    },
    /// What was missed was met after all, within as much more time as the machine may have taken.
    UntilMetLate {
        /// The step's position in the timeline, from 0.
        step: usize,
        /// How long after its bound.
        late_nanos: u64,
    },
    /// A server did not do what a step told it to.
    StepFailed {
        /// The step's position in the timeline, from 0.
        step: usize,
        /// The server's node.
        node: NodeName,
        /// What it did instead, as the rest of a sentence that begins with its name.
        reason: String,
        /// The time that it had in milliseconds; none if it failed whatever the time.
        within_ms: Option<u64>,
        /// The last lines of its log.
        log: String,
    },
    /// A program that a step ran on a host has ended.
    ProgramEnded {
        /// The step's position in the timeline, from 0.
        step: usize,
        /// How it ended.
        cause: ExitCause,
        /// How long it ran, in milliseconds.
        took_ms: f64,
        /// The processor time that it took, in milliseconds: its own and that of the children that it waited for.
        cpu_ms: f64,
        /// The end of what it printed.
        printed: String,
    },
    /// A step acted on a node, or the harness undid at the end what a step had done to it.
    ActedOnNode {
        /// The step; none when the harness undid what lasted.
        step: Option<usize>,
        /// The name of the step's kind, such as `Kill`: for people. What it does is its effect.
        action: String,
        /// What that does to the node.
        #[serde(default)]
        effect: Effect,
        /// The node.
        node: NodeName,
        /// The instant just before the first system call that caused it.
        began: Instant,
        /// What proves that it happened, such as the process' wait status. `None`: no proof was found.
        proof: Option<String>,
    },
    /// Links between hosts were cut, shaped or healed.
    Network(NetworkChange),
    /// A line of a server's log that the harness understands.
    Log(LogRecord),
    /// All running nodes agree, every role and failure flag matches what really runs, and every replica has its link.
    ///
    /// Recorded when the system becomes settled, and again when it agrees on something else while it stays settled.
    Settled {
        /// Every running node was asked for its view at or after this moment. What happened later is not taken into account.
        asked: Instant,
        /// What they agree on. Every running node is on one of its sides.
        agreement: Agreement,
    },
    /// One of several systems became settled, whatever the others are, or agrees on something else.
    SystemSettled {
        /// Its place among those of the plan.
        system: usize,
    },
    /// The cluster left the settled state.
    Unsettled {
        /// The first reason found.
        reason: String,
    },
    /// Keys were written before the timeline began, and acknowledged, each with the value that `Value::preloaded` names.
    Preloaded {
        /// The name of the load that they are of.
        load: String,
        /// How many, from the first key on.
        keys: u32,
        /// The number of the last one.
        last: u32,
        /// How long that took.
        took_nanos: u64,
    },
    /// A load began.
    LoadStarted {
        /// The load's name.
        load: String,
    },
    /// A load on a schedule went on at another pace.
    PaceChanged {
        /// The load's name.
        load: String,
        /// What the arrivals count from.
        from: Instant,
        /// When starts are due since.
        arrivals: Arrivals,
    },
    /// A staircase that goes on until a stair is too high came to its end, and the load with it.
    ClimbEnded {
        /// The load's name.
        load: String,
        /// The rate of the highest stair that held, in mix entries a second; none if not even the first did.
        carried: Option<u32>,
        /// The rate of the stair that did not hold; none if all did.
        broke_at: Option<u32>,
    },
    /// A worker of a load did nothing more after an operation that was not ok.
    GaveUp {
        /// The load's name.
        load: String,
        /// The operation, such as `SET app:7`.
        operation: String,
        /// What its last attempt ended with.
        error: Option<ErrorKind>,
        /// How many attempts it had.
        attempts: u16,
    },
    /// A load reports on the last interval.
    Progress(Progress),
    /// An operation took longer than the load's `slow` threshold.
    SlowOperation {
        /// The load's name.
        load: String,
        /// What was done, such as `SET key:12`.
        operation: String,
        /// Milliseconds from the intended start to the end.
        took_ms: f64,
        /// How many attempts it took.
        attempts: u32,
    },
    /// How many of a load's idle connections are open: told when all are, when some are missing, and every second while they are.
    IdleConnections {
        /// The load's name.
        load: String,
        /// How many are open.
        open: u32,
        /// How many there should be.
        wanted: u32,
    },
    /// How many subscriptions a load's subscribers hold, each of one of them to one channel: told when they hold all, when some are
    /// missing, and every second while they are.
    Subscriptions {
        /// The load's name.
        load: String,
        /// How many they hold.
        held: u32,
        /// How many there should be.
        wanted: u32,
    },
    /// A scan of all keys did not return some of its load's keys of values, though their writes had begun before it.
    Unscanned {
        /// The load's name.
        load: String,
        /// When the scan began.
        from: Instant,
        /// When it ended.
        to: Instant,
        /// The numbers of these keys: the first of them, at most [`UNSCANNED_NAMED_MAX`].
        keys: Vec<u32>,
    },
    /// A load ended.
    LoadEnded {
        /// The load's name.
        load: String,
        /// Everything it counted.
        totals: LoadTotals,
    },
    /// The run waits for something that may take its time.
    Waiting {
        /// For what.
        what: String,
        /// For so long at most, in milliseconds.
        within_ms: u64,
    },
    /// The harness begins to read every key back.
    FinalReadStarted,
    /// A master was asked for all of its keys, which are in `key_lists.bin`.
    KeysListed {
        /// The master.
        node: NodeName,
        /// How many there are.
        keys: u64,
    },
    /// A master could not be asked for all of its keys.
    KeysNotListed {
        /// The master.
        node: NodeName,
        /// What the last attempt ended with.
        error: ErrorKind,
    },
    /// How many keys of a load the final read found as they were preloaded, and nobody wrote again. The history has no record of
    /// them.
    PreloadFound {
        /// The load's name.
        load: String,
        /// How many.
        keys: u64,
    },
    /// Every key that was written has been read back from the master that owns it.
    FinalRead {
        /// How many keys were read.
        keys: u64,
        /// How many could not be read.
        unreadable: u64,
        /// Why nobody serves the slots of some of these, if that is so.
        #[serde(default)]
        unserved: Option<String>,
        /// How the last attempt at each of the others ended.
        #[serde(default)]
        errors: BTreeMap<ErrorKind, u64>,
    },
    /// What the machine took since the last such event.
    Machine(MachineSample),
    /// The run could not go on; what follows is cleaning up.
    Aborted {
        /// Why.
        reason: String,
    },
    /// The user interrupted the run.
    Interrupted,
    /// The evidence is complete.
    Ended,
}

/// How a server process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitCause {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl fmt::Display for ExitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What a load did in one reporting interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The load's name.
    pub load: String,
    /// The interval's length in seconds.
    pub interval_s: f64,
    /// Operations that ended ok.
    pub ok: u64,
    /// Operations that surely did not happen.
    pub fail: u64,
    /// Operations that may have happened.
    pub unknown: u64,
    /// Median latency in milliseconds from the intended start; none without operations.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the same.
    pub p99_ms: Option<f64>,
}

/// Everything a load counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadTotals {
    /// Operations that ended ok.
    pub ok: u64,
    /// Operations that were begun and surely did not happen.
    pub fail: u64,
    /// Operations that may have happened.
    pub unknown: u64,
    /// Attempts that did not end ok, by kind. One operation may have several.
    pub attempt_errors: BTreeMap<ErrorKind, u64>,
    /// The first error reply of each kind, in the server's own words.
    #[serde(default)]
    pub error_replies: BTreeMap<ErrorKind, String>,
    /// Operations of an open loop that were due, and that nobody had begun when the load was stopped.
    #[serde(default)]
    pub not_started: u64,
    /// Starts of an open loop that are not in the history, because more of them waited than a load remembers.
    #[serde(default)]
    pub dropped: u64,
    /// The processor time of its threads, and of the one that recorded meanwhile, in nanoseconds: for other loads too, if there were
    /// any.
    #[serde(default)]
    pub cpu_nanos: u64,
    /// What became of its connections.
    #[serde(default)]
    pub connections: ConnectionTotals,
    /// What became of its idle connections; none if it has none.
    #[serde(default)]
    pub idle: Option<IdleTotals>,
}

impl LoadTotals {
    /// Every operation in the history: what the load asked of the servers, or was due to ask.
    pub fn demanded(&self) -> u64 {
        [self.fail, self.unknown, self.not_started].into_iter().fold(self.ok, u64::saturating_add)
    }
}
