//! The history as it is written: every operation as a binary record of a fixed size.

use std::io::{self, Read, Write};

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::DataType;
use super::operation::{ErrorKind, Operation, OperationEffect, OperationSource, Outcome, Value};
use crate::vocab::Instant;

/// The first bytes of `history.bin`; the last one is the version of the format.
pub const HISTORY_MAGIC: [u8; 8] = *b"RHHIST\0\x03";

/// The length of a record.
pub(super) const RECORD_BYTES: usize = size_of::<OperationRecord>();

/// What stands for none where an index is expected.
const NO_INDEX: u16 = u16::MAX;

/// What stands for none where the code of an error is expected.
const NO_ERROR: u8 = u8::MAX;

/// An operation as its bytes lie in the file: the one place that says where each field is.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct OperationRecord {
    load: U16,
    worker: U16,
    key: U32,
    /// The id of a value that was written, or a number.
    value_id: U64,
    intended: U64,
    ready: U64,
    started: U64,
    ended: U64,
    effect: u8,
    /// 0: missing, 1: written, 2: foreign, 3: a number, 4: torn.
    value: u8,
    outcome: u8,
    /// [`NO_ERROR`] for none.
    error: u8,
    attempts: U16,
    unknown_attempts: U16,
    /// [`NO_INDEX`] for none.
    node: U16,
    /// [`NO_INDEX`] for none.
    shard: U16,
    /// [`NO_INDEX`] for the final read.
    entry: U16,
    command: u8,
    data: u8,
}

const _: () = assert!(RECORD_BYTES == 64, "histories of this version have records of 64 bytes");

impl From<&Operation> for OperationRecord {
    fn from(operation: &Operation) -> Self {
        let (value, value_id) = match operation.value {
            Value::Missing => (0, 0),
            Value::Written(id) => (1, id),
            Value::Foreign => (2, 0),
            Value::Number(number) => (3, number),
            Value::Torn => (4, 0),
        };
        let (entry, command) = match operation.source {
            OperationSource::Mix { entry, command } => (entry, command),
            OperationSource::FinalRead => (NO_INDEX, 0),
        };
        Self {
            load: operation.load.into(),
            worker: operation.worker.into(),
            key: operation.key.into(),
            value_id: value_id.into(),
            intended: operation.intended.0.into(),
            ready: operation.ready.0.into(),
            started: operation.started.0.into(),
            ended: operation.ended.0.into(),
            effect: operation.effect as u8,
            value,
            outcome: operation.outcome as u8,
            error: operation.error.map_or(NO_ERROR, |error| error as u8),
            attempts: operation.attempts.into(),
            unknown_attempts: operation.unknown_attempts.into(),
            node: operation.node.unwrap_or(NO_INDEX).into(),
            shard: operation.shard.unwrap_or(NO_INDEX).into(),
            entry: entry.into(),
            command,
            data: operation.data as u8,
        }
    }
}

impl OperationRecord {
    /// The operation, if the record is one that a load can have written.
    fn operation(&self) -> Option<Operation> {
        let index = |index: U16| Some(index.get()).filter(|&index| index != NO_INDEX);
        let operation = Operation {
            load: self.load.get(),
            worker: self.worker.get(),
            source: match (self.entry.get(), self.command) {
                (NO_INDEX, 0) => OperationSource::FinalRead,
                (NO_INDEX, _) => return None,
                (entry, command) => OperationSource::Mix { entry, command },
            },
            effect: *OperationEffect::ALL.get(usize::from(self.effect))?,
            data: *DataType::ALL.get(usize::from(self.data))?,
            key: self.key.get(),
            shard: index(self.shard),
            value: match self.value {
                0 => Value::Missing,
                1 => Value::Written(self.value_id.get()),
                2 => Value::Foreign,
                3 => Value::Number(self.value_id.get()),
                4 => Value::Torn,
                _ => return None,
            },
            intended: Instant(self.intended.get()),
            ready: Instant(self.ready.get()),
            started: Instant(self.started.get()),
            ended: Instant(self.ended.get()),
            outcome: *[Outcome::Ok, Outcome::Fail, Outcome::Unknown].get(usize::from(self.outcome))?,
            error: match self.error {
                NO_ERROR => None,
                error => Some(*ErrorKind::ALL.get(usize::from(error))?),
            },
            attempts: self.attempts.get(),
            unknown_attempts: self.unknown_attempts.get(),
            node: index(self.node),
        };
        // Judging takes both for granted.
        let in_order = [operation.intended, operation.ready, operation.started, operation.ended].is_sorted();
        (in_order && !(operation.is_final_read() && operation.writes())).then_some(operation)
    }
}

/// Writes `history.bin`: [`HISTORY_MAGIC`], then one record an operation in the order in which each worker was done with it; those of a pipeline in its order.
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
        self.0.write_all(OperationRecord::from(operation).as_bytes())
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
        let [name @ .., version] = HISTORY_MAGIC;
        let refused = match magic {
            HISTORY_MAGIC => return Ok(Self(reader)),
            [other_name @ .., other] if other_name == name => {
                format!("this is a history of version {other}, and this harness reads version {version}")
            }
            _ => "this is no history".to_owned(),
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, refused))
    }

    /// Every operation. A last record that a crash cut short is an error, not silently dropped; so is a record that no
    /// load can have written, such as one that ended before it started.
    pub fn read_all(mut self) -> io::Result<Vec<Operation>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        let Ok(records) = <[OperationRecord]>::ref_from_bytes(&bytes) else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the history's last record is cut short"));
        };
        let broken = |index: usize| {
            let which = format!("the history's record {} means nothing", index + 1);
            io::Error::new(io::ErrorKind::InvalidData, which)
        };
        let operation = |(index, record): (usize, &OperationRecord)| record.operation().ok_or_else(|| broken(index));
        records.iter().enumerate().map(operation).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Four moments in their order.
    fn times() -> impl Strategy<Value = [u64; 4]> {
        any::<[u64; 4]>().prop_map(|mut at| {
            at.sort_unstable();
            at
        })
    }

    fn any_operation() -> impl Strategy<Value = Operation> {
        let value = prop_oneof![
            Just(Value::Missing),
            any::<u64>().prop_map(Value::Written),
            Just(Value::Foreign),
            any::<u64>().prop_map(Value::Number),
            Just(Value::Torn),
        ];
        let source = prop_oneof![
            (0..u16::MAX, any::<u8>()).prop_map(|(entry, command)| OperationSource::Mix { entry, command }),
            Just(OperationSource::FinalRead),
        ];
        let effect = proptest::sample::select(&OperationEffect::ALL[..]);
        let outcome = proptest::sample::select(vec![Outcome::Ok, Outcome::Fail, Outcome::Unknown]);
        let error = proptest::option::of(proptest::sample::select(&ErrorKind::ALL[..]));
        let index = || proptest::option::of(0..u16::MAX);
        let data = proptest::sample::select(&DataType::ALL[..]);
        let numbers = (any::<[u16; 4]>(), any::<u32>(), value, times());
        (numbers, (source, effect, data, outcome, error), index(), index()).prop_map(
            |(([load, worker, attempts, unknown_attempts], key, value, at), what, node, shard)| {
                let (source, effect, data, outcome, error) = what;
                let effect = if source == OperationSource::FinalRead { OperationEffect::Reads } else { effect };
                Operation {
                    load,
                    worker,
                    source,
                    effect,
                    data,
                    key,
                    shard,
                    value,
                    intended: Instant(at[0]),
                    ready: Instant(at[1]),
                    started: Instant(at[2]),
                    ended: Instant(at[3]),
                    outcome,
                    error,
                    attempts,
                    unknown_attempts,
                    node,
                }
            },
        )
    }

    fn operation(at: [u64; 4]) -> Operation {
        let [intended, ready, started, ended] = at.map(Instant);
        Operation {
            load: 0,
            worker: 0,
            source: OperationSource::Mix { entry: 0, command: 0 },
            effect: OperationEffect::Reads,
            data: DataType::Value,
            key: 1,
            shard: None,
            value: Value::Missing,
            intended,
            ready,
            started,
            ended,
            outcome: Outcome::Ok,
            error: None,
            attempts: 1,
            unknown_attempts: 0,
            node: None,
        }
    }

    fn written(operation: &Operation) -> Vec<u8> {
        let mut bytes = Vec::new();
        HistoryWriter::new(&mut bytes).unwrap().write(operation).unwrap();
        bytes
    }

    #[rstest]
    #[case::in_order([1, 2, 3, 4], true)]
    #[case::all_at_once([2, 2, 2, 2], true)]
    #[case::ready_before_it_was_due([2, 1, 3, 4], false)]
    #[case::started_before_it_was_ready([1, 3, 2, 4], false)]
    #[case::ended_before_it_started([1, 2, 4, 3], false)]
    #[case::ended_before_it_was_meant_to_start([3, 3, 3, 2], false)]
    fn an_operation_has_an_order(#[case] at: [u64; 4], #[case] sound: bool) {
        let bytes = written(&operation(at));
        let read = HistoryReader::new(&bytes[..]).unwrap().read_all();
        assert_eq!(read.is_ok(), sound);
        if let Err(error) = read {
            assert!(error.to_string().contains("means nothing"), "{error}");
        }
    }

    /// Each byte of a record that holds a code, at a value that has no meaning.
    #[rstest]
    #[case::effect(48, 6)]
    #[case::value(49, 5)]
    #[case::outcome(50, 3)]
    #[case::error(51, 250)]
    #[case::data_type(63, 9)]
    fn a_code_without_a_meaning_is_refused(#[case] at: usize, #[case] code: u8) {
        let mut bytes = written(&operation([1, 2, 3, 4]));
        bytes[HISTORY_MAGIC.len() + at] = code;
        let refused = HistoryReader::new(&bytes[..]).unwrap().read_all().unwrap_err();
        assert_eq!(refused.to_string(), "the history's record 1 means nothing");
    }

    #[test]
    fn a_final_read_only_reads() {
        let effect = OperationEffect::Replaces;
        let write = Operation { source: OperationSource::FinalRead, effect, ..operation([1, 2, 3, 4]) };
        assert!(HistoryReader::new(&written(&write)[..]).unwrap().read_all().is_err());
        let read = Operation { source: OperationSource::FinalRead, ..operation([1, 2, 3, 4]) };
        assert_eq!(HistoryReader::new(&written(&read)[..]).unwrap().read_all().unwrap(), [read]);
    }

    /// Histories hold them by number.
    #[rstest]
    #[case(OperationEffect::Replaces, 0)]
    #[case(OperationEffect::Reads, 1)]
    #[case(OperationEffect::Takes, 5)]
    fn an_effect_keeps_its_code(#[case] effect: OperationEffect, #[case] code: usize) {
        assert_eq!((effect as usize, OperationEffect::ALL[code]), (code, effect));
    }

    #[test]
    fn a_data_type_keeps_its_code() {
        for (code, data) in DataType::ALL.iter().enumerate() {
            assert_eq!(*data as usize, code);
        }
        assert_eq!((DataType::ALL[0], DataType::ALL[8]), (DataType::Value, DataType::Scattered));
    }

    /// Histories hold them by number.
    #[rstest]
    #[case(ErrorKind::Moved, 0)]
    #[case(ErrorKind::Protocol, 17)]
    #[case(ErrorKind::Unreachable, 18)]
    #[case(ErrorKind::NotStarted, 19)]
    #[case(ErrorKind::Conflict, 21)]
    #[case(ErrorKind::MaxClients, 22)]
    #[case(ErrorKind::NoPermission, 25)]
    #[case(ErrorKind::Tls, 26)]
    fn an_error_keeps_its_code(#[case] error: ErrorKind, #[case] code: usize) {
        assert_eq!((error as usize, ErrorKind::ALL[code]), (code, error));
    }

    #[rstest]
    #[case(b"RHHIST\0\x02", "this is a history of version 2, and this harness reads version 3")]
    #[case(b"RIFF\0\0\0\0", "this is no history")]
    fn a_history_of_another_version_is_refused_by_name(#[case] magic: &[u8], #[case] expected: &str) {
        assert_eq!(HistoryReader::new(magic).unwrap_err().to_string(), expected);
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
