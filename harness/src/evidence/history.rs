//! The history: what every operation was, when, and how it ended. Kept as fixed-size binary records.

use std::fmt;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::vocab::Instant;

/// The first bytes of `history.bin`; the last one is the version of the format.
pub const HISTORY_MAGIC: [u8; 8] = *b"RHHIST\0\x01";

/// The worker of an operation that the harness itself did (the final read).
pub const NO_WORKER: u16 = u16::MAX;

/// The length of a record.
pub(super) const RECORD_BYTES: usize = 56;

/// The position of a load in the scenario, from 0.
pub type LoadIndex = u16;

/// One operation, from its intended start to the client's last word on it. Retries are attempts inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which load did it.
    pub load: LoadIndex,
    /// Which of the load's workers, or [`NO_WORKER`].
    pub worker: u16,
    /// What it was.
    pub kind: OperationKind,
    /// The key's number within the load's key space.
    pub key: u32,
    /// What was written, or what was read.
    pub value: Value,
    /// When it should have started: the schedule of an open loop, or when a closed loop was free.
    pub intended: Instant,
    /// When its first attempt started, never before `intended`.
    pub started: Instant,
    /// When its outcome was known to the client, never before `started`.
    pub ended: Instant,
    /// How it ended.
    pub outcome: Outcome,
    /// The error of the last attempt that did not end ok, if any did not.
    pub error: Option<ErrorKind>,
    /// How many attempts were made, at least 1 unless the deadline passed before the first.
    pub attempts: u16,
    /// How many attempts may have been executed without the client learning it. Such an attempt may take effect
    /// long after the operation ended.
    pub unknown_attempts: u16,
    /// The index in the plan of the node that gave the last reply; none when none did.
    pub node: Option<u16>,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// `SET key value`.
    Set,
    /// `GET key`.
    Get,
    /// `SET key value`, then `WAIT`.
    SetWait,
    /// The harness reads the key at the end of the run, from the master that owns it.
    FinalRead,
}

impl OperationKind {
    const ALL: [Self; 4] = [Self::Set, Self::Get, Self::SetWait, Self::FinalRead];

    /// Whether it changes the key.
    pub fn writes(self) -> bool {
        matches!(self, Self::Set | Self::SetWait)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set => "SET",
            Self::Get => "GET",
            Self::SetWait => "SET+WAIT",
            Self::FinalRead => "final GET",
        })
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
}

impl Value {
    /// The unique id of the `count`-th value (from 0) that `worker` of `load` writes.
    pub const fn id(load: LoadIndex, worker: u16, count: u64) -> u64 {
        ((load as u64) << 56) | ((worker as u64) << 40) | (count & 0xFF_FFFF_FFFF)
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
}

impl ErrorKind {
    /// By their codes in a history: new ones go to the end, so that old histories still read.
    const ALL: [Self; 19] = [
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
    ];
}

impl Operation {
    /// Milliseconds from the intended start to the end: what a user of an open loop waits.
    pub fn latency_nanos(&self) -> u64 {
        self.ended.nanos_since(self.intended)
    }

    /// Nanoseconds from the first attempt's start to the end: what a closed-loop generator reports.
    pub fn service_nanos(&self) -> u64 {
        self.ended.nanos_since(self.started)
    }

    fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        let (value_tag, value) = match self.value {
            Value::Missing => (0, 0),
            Value::Written(id) => (1, id),
            Value::Foreign => (2, 0),
        };
        let mut put = Cursor { record: &mut record, at: 0 };
        put.bytes(&self.load.to_le_bytes());
        put.bytes(&self.worker.to_le_bytes());
        put.bytes(&self.key.to_le_bytes());
        put.bytes(&value.to_le_bytes());
        put.bytes(&self.intended.0.to_le_bytes());
        put.bytes(&self.started.0.to_le_bytes());
        put.bytes(&self.ended.0.to_le_bytes());
        put.bytes(&[self.kind as u8, value_tag, self.outcome as u8]);
        put.bytes(&[self.error.map_or(u8::MAX, |error| error as u8)]);
        put.bytes(&self.attempts.to_le_bytes());
        put.bytes(&self.unknown_attempts.to_le_bytes());
        put.bytes(&self.node.unwrap_or(u16::MAX).to_le_bytes());
        record
    }

    fn decode(record: &[u8; RECORD_BYTES]) -> Option<Self> {
        let u16_at = |at: usize| u16::from_le_bytes([record[at], record[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| record[at + i]));
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| record[at + i]));
        let [intended, started, ended] = [16, 24, 32].map(|at| Instant(u64_at(at)));
        // Judging takes this order for granted.
        if intended > started || started > ended {
            return None;
        }
        Some(Self {
            load: u16_at(0),
            worker: u16_at(2),
            key: u32_at(4),
            value: match record[41] {
                0 => Value::Missing,
                1 => Value::Written(u64_at(8)),
                2 => Value::Foreign,
                _ => return None,
            },
            intended,
            started,
            ended,
            kind: *OperationKind::ALL.get(usize::from(record[40]))?,
            outcome: *[Outcome::Ok, Outcome::Fail, Outcome::Unknown].get(usize::from(record[42]))?,
            error: match record[43] {
                u8::MAX => None,
                error => Some(*ErrorKind::ALL.get(usize::from(error))?),
            },
            attempts: u16_at(44),
            unknown_attempts: u16_at(46),
            node: Some(u16_at(48)).filter(|&node| node != u16::MAX),
        })
    }
}

struct Cursor<'a> {
    record: &'a mut [u8; RECORD_BYTES],
    at: usize,
}

impl Cursor<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.record[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

/// Writes `history.bin`: [`HISTORY_MAGIC`], then one record an operation in the order they ended on each worker.
#[derive(Debug)]
pub struct HistoryWriter<W: Write>(W);

impl<W: Write> HistoryWriter<W> {
    /// Starts a history. Hand it a buffered writer.
    pub fn new(mut writer: W) -> io::Result<Self> {
        writer.write_all(&HISTORY_MAGIC)?;
        Ok(Self(writer))
    }

    /// Goes on with a history that was begun. Hand it a buffered writer at the history's end.
    pub fn resume(writer: W) -> Self {
        Self(writer)
    }

    /// Adds an operation.
    pub fn write(&mut self, operation: &Operation) -> io::Result<()> {
        self.0.write_all(&operation.encode())
    }

    /// Hands everything to the file.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads `history.bin` back.
#[derive(Debug)]
pub struct HistoryReader<R: Read>(R);

impl<R: Read> HistoryReader<R> {
    /// Starts to read. Hand it a buffered reader.
    pub fn new(mut reader: R) -> io::Result<Self> {
        let mut magic = [0; HISTORY_MAGIC.len()];
        reader.read_exact(&mut magic)?;
        let [format, own_format] = [magic, HISTORY_MAGIC].map(|magic| magic[HISTORY_MAGIC.len() - 1]);
        let wrong = match () {
            () if magic == HISTORY_MAGIC => return Ok(Self(reader)),
            () if magic[..magic.len() - 1] == HISTORY_MAGIC[..magic.len() - 1] => {
                format!("the history is of format {format}, this version reads format {own_format}")
            }
            () => "this is no history".to_owned(),
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, wrong))
    }

    /// Every operation. A last record that a crash cut short is an error, not silently dropped; so is a record that no
    /// load can have written, such as one that ended before it started.
    pub fn read_all(mut self) -> io::Result<Vec<Operation>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        let (records, rest) = bytes.as_chunks::<RECORD_BYTES>();
        if !rest.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the history's last record is cut short"));
        }
        let broken = |index: usize| {
            let which = format!("the history's record {} means nothing", index + 1);
            io::Error::new(io::ErrorKind::InvalidData, which)
        };
        let decode = |(index, record)| Operation::decode(record).ok_or_else(|| broken(index));
        records.iter().enumerate().map(decode).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Three moments in their order.
    fn times() -> impl Strategy<Value = [u64; 3]> {
        any::<[u64; 3]>().prop_map(|mut at| {
            at.sort_unstable();
            at
        })
    }

    fn any_operation() -> impl Strategy<Value = Operation> {
        let value = prop_oneof![Just(Value::Missing), any::<u64>().prop_map(Value::Written), Just(Value::Foreign)];
        let kind = proptest::sample::select(&OperationKind::ALL[..]);
        let outcome = proptest::sample::select(vec![Outcome::Ok, Outcome::Fail, Outcome::Unknown]);
        let error = proptest::option::of(proptest::sample::select(&ErrorKind::ALL[..]));
        let node = proptest::option::of(0..u16::MAX);
        ((any::<[u16; 4]>(), any::<u32>(), value, times()), (kind, outcome, error, node)).prop_map(
            |(([load, worker, attempts, unknown_attempts], key, value, at), (kind, outcome, error, node))| Operation {
                load,
                worker,
                kind,
                key,
                value,
                intended: Instant(at[0]),
                started: Instant(at[1]),
                ended: Instant(at[2]),
                outcome,
                error,
                attempts,
                unknown_attempts,
                node,
            },
        )
    }

    #[rstest]
    #[case::in_order([1, 2, 3], true)]
    #[case::all_at_once([2, 2, 2], true)]
    #[case::started_early([2, 1, 3], false)]
    #[case::ended_before_it_started([1, 3, 2], false)]
    #[case::ended_before_it_was_meant_to_start([3, 3, 2], false)]
    fn an_operation_has_an_order(#[case] at: [u64; 3], #[case] sound: bool) {
        let [intended, started, ended] = at.map(Instant);
        let operation = Operation {
            load: 0,
            worker: 0,
            kind: OperationKind::Get,
            key: 1,
            value: Value::Missing,
            intended,
            started,
            ended,
            outcome: Outcome::Ok,
            error: None,
            attempts: 1,
            unknown_attempts: 0,
            node: None,
        };
        let mut bytes = Vec::new();
        HistoryWriter::new(&mut bytes).unwrap().write(&operation).unwrap();
        let read = HistoryReader::new(&bytes[..]).unwrap().read_all();
        assert_eq!(read.is_ok(), sound);
        if let Err(error) = read {
            assert!(error.to_string().contains("means nothing"), "{error}");
        }
    }

    /// Histories hold them by number.
    #[rstest]
    #[case(ErrorKind::Moved, 0)]
    #[case(ErrorKind::Protocol, 17)]
    #[case(ErrorKind::Unreachable, 18)]
    fn an_error_keeps_its_code(#[case] error: ErrorKind, #[case] code: usize) {
        assert_eq!((error as usize, ErrorKind::ALL[code]), (code, error));
    }

    proptest! {
        #[test]
        fn a_history_reads_back(operations in proptest::collection::vec(any_operation(), 0..20)) {
            let mut bytes = Vec::new();
            let mut writer = HistoryWriter::new(&mut bytes).unwrap();
            for operation in &operations {
                writer.write(operation).unwrap();
            }
            prop_assert_eq!(HistoryReader::new(&bytes[..]).unwrap().read_all().unwrap(), operations);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let with_magic = [&HISTORY_MAGIC[..], &bytes].concat();
            let _ = HistoryReader::new(&with_magic[..]).unwrap().read_all();
        }
    }
}
