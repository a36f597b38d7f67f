use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::evidence::DataType;
use crate::evidence::operation::{ErrorKind, OperationEffect, OperationSource, Outcome, Value};
use crate::vocab::Instant;

/// Four moments in their order.
fn times() -> impl Strategy<Value = [u64; 4]> {
    any::<[u64; 4]>().prop_map(|mut at| {
        at.sort_unstable();
        at
    })
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let value = || {
        prop_oneof![
            Just(Value::Missing),
            any::<u64>().prop_map(Value::Written),
            Just(Value::Foreign),
            any::<u64>().prop_map(Value::Number),
            Just(Value::Torn),
        ]
    };
    let source = prop_oneof![
        (0..u16::MAX, any::<u8>()).prop_map(|(entry, command)| OperationSource::Mix { entry, command }),
        Just(OperationSource::FinalRead),
    ];
    let effect = proptest::sample::select(&OperationEffect::ALL[..]);
    let outcome = proptest::sample::select(vec![Outcome::Ok, Outcome::Fail, Outcome::Unknown]);
    let error = proptest::option::of(proptest::sample::select(&ErrorKind::ALL[..]));
    let index = || proptest::option::of(0..u16::MAX);
    let data = proptest::sample::select(&DataType::ALL[..]);
    let numbers = (any::<[u16; 4]>(), any::<u32>(), value(), proptest::option::of(value()), times());
    (numbers, (source, effect, data, outcome, error), index(), index()).prop_map(
        |(([load, worker, attempts, unknown_attempts], key, value, replaced, at), what, node, shard)| {
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
                replaced,
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
        replaced: None,
        node: None,
    }
}

fn written(operation: &Operation) -> Vec<u8> {
    let mut bytes = Vec::new();
    HistoryWriter::new(&mut bytes).unwrap().write(operation).unwrap();
    bytes
}

/// The number of the record that holds its codes: its bits from `at` on are changed to `code`.
fn with_code(at: u32, bits: u32, code: u32) -> Vec<u8> {
    let command = OperationSource::Mix { entry: 0, command: u8::MAX };
    let mut bytes = written(&Operation { source: command, ..operation([1, 2, 3, 4]) });
    let codes = &mut bytes[HISTORY_MAGIC.len() + 4..][..4];
    let others = u32::from_le_bytes(codes.try_into().unwrap()) & !(!(u32::MAX << bits) << at);
    codes.copy_from_slice(&(others | code << at).to_le_bytes());
    bytes
}

#[rstest]
#[case::as_it_was(0, 4, 1, true)]
#[case::effect(0, 4, 15, false)]
#[case::data_type(4, 4, 15, false)]
#[case::value(8, 3, 6, false)]
#[case::outcome(11, 2, 3, false)]
#[case::replaced(13, 3, 7, false)]
#[case::error(16, 6, 63, false)]
#[case::more_than_all_codes(30, 1, 1, false)]
fn a_code_without_a_meaning_is_refused(#[case] at: u32, #[case] bits: u32, #[case] code: u32, #[case] sound: bool) {
    let read = HistoryReader::new(&with_code(at, bits, code)[..]).unwrap().read_all();
    assert_eq!(read.is_ok(), sound, "{read:?}");
    if let Err(error) = read {
        assert_eq!(error.to_string(), "the history's record 1 means nothing");
    }
}

#[test]
fn a_record_that_was_cut_short_is_refused() {
    let bytes = written(&operation([1, 2, 3, 4]));
    let refused = HistoryReader::new(&bytes[..bytes.len() - 1]).unwrap().read_all().unwrap_err();
    assert_eq!(refused.to_string(), "the history's last record is cut short");
}

/// What issue 9 asks of it, and what a run of 50 million operations takes for granted.
#[test]
fn a_usual_operation_takes_less_than_forty_bytes() {
    let usual = |nth: u64| {
        let started = 60_000_000_000 + nth * 20_000;
        let at = [started - 170_000, started - 60_000, started, started + 350_000];
        Operation {
            worker: (nth % 300) as u16,
            key: (nth * 7_919 % 1_000_000) as u32,
            value: Value::Written(Value::id(0, (nth % 77) as u16, nth)),
            node: Some(3),
            shard: Some(2),
            ..operation(at)
        }
    };
    let history: History = (0..100_000).map(usual).collect();
    assert!(history.bytes.len() < 32 * history.len(), "{} bytes", history.bytes.len());
}

/// A history that was gone on with counts its times from the beginning again.
#[test]
fn a_history_is_gone_on_with() {
    let [first, second] = [[1, 2, 3, 4], [5, 5, 6, 7]].map(operation);
    let mut bytes = written(&first);
    HistoryWriter::resume(&mut bytes).write(&second).unwrap();
    let history = HistoryReader::new(&bytes[..]).unwrap().read_all().unwrap();
    assert_eq!(history.iter().collect::<Vec<_>>(), [first, second]);
}

#[test]
fn a_final_read_only_reads() {
    let effect = OperationEffect::Replaces;
    let write = Operation { source: OperationSource::FinalRead, effect, ..operation([1, 2, 3, 4]) };
    assert!(HistoryReader::new(&written(&write)[..]).unwrap().read_all().is_err());
    let read = Operation { source: OperationSource::FinalRead, ..operation([1, 2, 3, 4]) };
    assert_eq!(HistoryReader::new(&written(&read)[..]).unwrap().read_all().unwrap().at(0), read);
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
#[case(ErrorKind::NoFreeConnection, 27)]
#[case(ErrorKind::LockHeld, 28)]
#[case(ErrorKind::NotMaster, 29)]
fn an_error_keeps_its_code(#[case] error: ErrorKind, #[case] code: usize) {
    assert_eq!((error as usize, ErrorKind::ALL[code]), (code, error));
}

#[rstest]
#[case(b"RHHIST\0\x03", "this is a history of version 3, and this harness reads version 4")]
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
        let read = HistoryReader::new(&bytes[..]).unwrap().read_all().unwrap();
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), &operations[..]);
        for (record, operation) in read.keys().zip(&operations) {
            prop_assert_eq!((record.load, record.data, record.key), (operation.load, operation.data, operation.key));
            prop_assert_eq!(read.operation_at(record.place), Some(*operation));
        }
        prop_assert_eq!(read.keys().count(), operations.len());
        let of_first = operations.first().map_or(0, |operation| operation.load);
        let expected: Vec<_> = operations.into_iter().filter(|operation| operation.load == of_first).collect();
        prop_assert_eq!(read.of_load(of_first).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let with_magic = [&HISTORY_MAGIC[..], &bytes].concat();
        let _ = HistoryReader::new(&with_magic[..]).unwrap().read_all();
    }
}
