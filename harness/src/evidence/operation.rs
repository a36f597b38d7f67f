//! An operation of a client: what it was, when, and how it ended.

use serde::{Deserialize, Serialize};

use super::DataType;
use crate::vocab::Instant;

/// The worker of an operation that no worker began: the final read, which the harness itself does, and what of a schedule was
/// left when the load was stopped.
pub const NO_WORKER: u16 = u16::MAX;

/// What each account holds before any amount is transferred.
pub const OPENING_BALANCE: u64 = 100;

/// Entries that a mix may have, so that every one has a number in a history.
pub const MIX_ENTRIES_MAX: usize = u16::MAX as usize;

/// The position of a load in the scenario, from 0.
pub type LoadIndex = u16;

/// One operation, from its intended start to the client's last word on it. Retries are attempts inside it.
///
/// Every start that an open loop was due to make is one, also if it was never begun: see [`Self::never_begun`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which load did it.
    pub load: LoadIndex,
    /// Which of the load's workers, or [`NO_WORKER`].
    pub worker: u16,
    /// Which command it was.
    pub source: OperationSource,
    /// What it does to the key.
    pub effect: OperationEffect,
    /// What the key holds.
    pub data: DataType,
    /// The key's number among the load's keys of this type.
    pub key: u32,
    /// The shard that the key belonged to at the start, by its position among the plan's shards; none if no node owned it.
    pub shard: Option<u16>,
    /// What was written, or what was read. Of what an increment made of a counter: what it replied.
    pub value: Value,
    /// What the key held just before, if the reply to a write says so (`SET .. GET`).
    pub replaced: Option<Value>,
    /// When it should have started: the schedule of an open loop, or when a closed loop was free.
    pub intended: Instant,
    /// When its client could have started it, never before `intended`: later if it had to wait for a free worker, or for the
    /// end of another write of its key. What passes from here to `started` is the driver's own doing.
    pub ready: Instant,
    /// When its first attempt started, never before `ready`.
    pub started: Instant,
    /// When its outcome was known to the client, never before `started`.
    pub ended: Instant,
    /// How it ended.
    pub outcome: Outcome,
    /// The error of the last attempt that did not end ok, if any did not.
    pub error: Option<ErrorKind>,
    /// How many attempts were made, at least 1 unless the deadline passed before the first, or it was never begun.
    pub attempts: u16,
    /// How many attempts may have been executed without the client learning it. Such an attempt may take effect
    /// long after the operation ended.
    pub unknown_attempts: u16,
    /// The index in the plan of the node that gave the last reply; none when none did.
    pub node: Option<u16>,
}

/// Which command an operation was. What people call it is in the recorded plan, with the entries of each load's mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationSource {
    /// A command of an entry of the load's mix.
    Mix {
        /// The entry's position in the mix, at most [`MIX_ENTRIES_MAX`] - 1.
        entry: u16,
        /// The command's position in the entry: 0 for what is started, more for what follows it.
        command: u8,
    },
    /// The harness reads the key at the end of the run, from the node that owns it.
    FinalRead,
}

/// What an operation does to its key: all that a check needs to know of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationEffect {
    /// Replaces what the key holds by a value that nothing else writes.
    Replaces,
    /// Reads what the key holds.
    Reads,
    /// Removes the key.
    Removes,
    /// Adds one to the number that the key holds.
    Increments,
    /// Adds an element, that nothing else adds, to what the key holds; at the end where there is an order.
    Inserts,
    /// Takes the first element, and so removes it. The value is the element.
    Takes,
    /// Sends a message, that nothing else sends, to whoever subscribes to the channel.
    Publishes,
    /// Takes an amount from one of several numbers and adds it to another. Which, and how much, follows from the value's id.
    Transfers,
    /// Takes a lock on a majority of masters, with a token that nothing else writes, for as long as it is held.
    Locks,
    /// Gives it back. It is due at the moment from which its client no longer believes to hold it.
    Unlocks,
}

impl OperationEffect {
    /// By their codes in a history: new ones go to the end, so that old histories still read.
    pub(super) const ALL: [Self; 10] = [
        Self::Replaces,
        Self::Reads,
        Self::Removes,
        Self::Increments,
        Self::Inserts,
        Self::Takes,
        Self::Publishes,
        Self::Transfers,
        Self::Locks,
        Self::Unlocks,
    ];

    /// Whether it changes what the key holds.
    pub const fn writes(self) -> bool {
        self.acts() && !matches!(self, Self::Publishes | Self::Locks | Self::Unlocks)
    }

    /// Whether it changes anything at all, a key or what others are told, so that it matters whether it was executed.
    pub const fn acts(self) -> bool {
        !matches!(self, Self::Reads)
    }

    /// Whether no two such operations of a key may be under way together, so that they have one order. Takers wait for others'
    /// elements, and do not exclude those who insert them; transfers leave the same in whatever order.
    pub const fn takes_turns(self) -> bool {
        self.writes() && !matches!(self, Self::Takes | Self::Transfers)
    }

    /// Whether doing it twice leaves what doing it once does.
    pub const fn repeats_well(self) -> bool {
        matches!(self, Self::Reads | Self::Replaces | Self::Removes)
    }

    /// Whether it writes, or sends, a value of its own.
    pub const fn is_unique(self) -> bool {
        matches!(self, Self::Replaces | Self::Inserts | Self::Publishes | Self::Transfers | Self::Locks | Self::Unlocks)
    }
}

/// A value in the history. Written values are unique: the id names the load, the worker and the worker's count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// The key does not exist, or nothing was read.
    Missing,
    /// A value that a load wrote: its id.
    Written(u64),
    /// A value that no load of this run can have written.
    Foreign,
    /// What a counter holds, how many keys a scan came by, or which masters gave a lock: a bit each, by their place in their
    /// system.
    Number(u64),
    /// Keys that are only written together hold what was not written together.
    Torn,
    /// So many elements were read, and which ones is at that place among what was read ([`ReadElements`](super::ReadElements)).
    Elements {
        /// Where they are, in bytes, below 2^40.
        at: u64,
        /// How many, below 2^24.
        count: u32,
    },
}

impl Value {
    /// The unique id of the `count`-th value (from 0) that `worker` of `load` writes.
    pub const fn id(load: LoadIndex, worker: u16, count: u64) -> u64 {
        ((load as u64) << 56) | ((worker as u64) << 40) | (count & 0xFF_FFFF_FFFF)
    }

    /// Which of its worker's values an id is, from 0.
    pub const fn count(id: u64) -> u64 {
        id & 0xFF_FFFF_FFFF
    }

    /// The unique id of the value that is written to a key before its load begins. It follows from the key, so nobody has to
    /// remember it.
    pub const fn preloaded(load: LoadIndex, key: u32) -> u64 {
        Self::id(load, NO_WORKER, key as u64)
    }

    /// Whether it is the id of a value that was preloaded.
    pub const fn is_preloaded(id: u64) -> bool {
        (id >> 40) & 0xFFFF == NO_WORKER as u64
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Acknowledged.
    Ok,
    /// Surely not executed.
    Fail,
    /// May have been executed, or may yet be.
    Unknown,
}

/// Why an attempt did not end ok.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// `-MOVED`: the slot belongs to another node for good.
    Moved,
    /// `-ASK`: this key is on another node for now.
    Ask,
    /// `-CLUSTERDOWN`: the node will not serve while the cluster is down.
    ClusterDown,
    /// `-TRYAGAIN`: a multi-key operation during resharding.
    TryAgain,
    /// `-LOADING`: the node loads its data set.
    Loading,
    /// `-READONLY`: a write to a replica.
    ReadOnly,
    /// `-MASTERDOWN`: a replica without its master that may not serve stale data.
    MasterDown,
    /// `-OOM`: over maxmemory.
    OutOfMemory,
    /// `-NOREPLICAS`: fewer replicas than `min-replicas-to-write`.
    NoReplicas,
    /// Any other error reply.
    OtherReply,
    /// The connection was refused.
    Refused,
    /// The connection could not be made in time, or for another reason than a refusal.
    NotConnected,
    /// No reply in time.
    TimedOut,
    /// The server closed the connection before it replied.
    Closed,
    /// The connection was reset.
    Reset,
    /// `WAIT` counted fewer replicas than asked for: written, not acknowledged.
    WaitShort,
    /// The client knew no node to ask.
    NoRoute,
    /// What came back is no RESP.
    Protocol,
    /// The network said at once that the server cannot be reached, or ended the attempt to connect: a rejected link.
    Unreachable,
    /// It was due, and still waited for a worker or for another write of its key when the load was stopped.
    NotStarted,
    /// `-CROSSSLOT`: its keys do not lie together.
    KeysApart,
    /// A transaction was not executed, since a key that it watched had changed.
    Conflict,
    /// The server has as many connections as it may have (`maxclients`), and closed this one at once.
    MaxClients,
    /// `-WRONGPASS`: the server knows no such user, or another password.
    WrongPassword,
    /// `-NOAUTH`: the server wants to know first who it is.
    NotAuthenticated,
    /// `-NOPERM`: the user may not do that.
    NoPermission,
    /// The TLS handshake failed, or TLS broke: the client does not trust the server, the server not the client, or one of them
    /// speaks something else.
    Tls,
    /// Every connection of the client's pool was in use until the attempt's time was over: nothing was sent.
    NoFreeConnection,
    /// Masters answered that somebody else holds the lock: with them it could not have a majority.
    LockHeld,
    /// The node that was taken for the master says that it is none (`ROLE`): nothing was sent.
    NotMaster,
}

impl ErrorKind {
    /// By their codes in a history: new ones go to the end, so that old histories still read.
    pub(super) const ALL: [Self; 30] = [
        Self::Moved,
        Self::Ask,
        Self::ClusterDown,
        Self::TryAgain,
        Self::Loading,
        Self::ReadOnly,
        Self::MasterDown,
        Self::OutOfMemory,
        Self::NoReplicas,
        Self::OtherReply,
        Self::Refused,
        Self::NotConnected,
        Self::TimedOut,
        Self::Closed,
        Self::Reset,
        Self::WaitShort,
        Self::NoRoute,
        Self::Protocol,
        Self::Unreachable,
        Self::NotStarted,
        Self::KeysApart,
        Self::Conflict,
        Self::MaxClients,
        Self::WrongPassword,
        Self::NotAuthenticated,
        Self::NoPermission,
        Self::Tls,
        Self::NoFreeConnection,
        Self::LockHeld,
        Self::NotMaster,
    ];
}

impl Operation {
    /// Whether it changes the key.
    pub fn writes(&self) -> bool {
        self.effect.writes()
    }

    /// What the key held just before a write, if its reply says so and it is not the write's own value: a retry finds what an
    /// attempt without a reply had written, and nobody knows what was there before that.
    pub fn replaced_other(&self) -> Option<Value> {
        self.replaced.filter(|replaced| self.outcome == Outcome::Ok && *replaced != self.value)
    }

    /// Whether it is a take that found nothing.
    pub fn took_nothing(&self) -> bool {
        self.effect == OperationEffect::Takes && self.outcome == Outcome::Ok && self.value == Value::Missing
    }

    /// The position of its entry in the load's mix; none for a final read.
    pub fn entry(&self) -> Option<u16> {
        match self.source {
            OperationSource::Mix { entry, .. } => Some(entry),
            OperationSource::FinalRead => None,
        }
    }

    /// Whether the harness itself did it at the end of the run, and no client.
    pub fn is_final_read(&self) -> bool {
        self.source == OperationSource::FinalRead
    }

    /// Whether it was started by itself, rather than as the next command of an entry of the mix.
    pub fn starts_entry(&self) -> bool {
        matches!(self.source, OperationSource::Mix { command: 0, .. })
    }

    /// Nanoseconds from the intended start to the end: what a user of an open loop waits.
    pub fn latency_nanos(&self) -> u64 {
        self.ended.nanos_since(self.intended)
    }

    /// Nanoseconds from the first attempt's start to the end: what a closed-loop generator reports.
    pub fn service_nanos(&self) -> u64 {
        self.ended.nanos_since(self.started)
    }

    /// Whether it was due and nobody had begun it when the load was stopped, which is when its record says that it started and
    /// ended: surely not executed.
    pub fn never_begun(&self) -> bool {
        self.error == Some(ErrorKind::NotStarted)
    }
}
