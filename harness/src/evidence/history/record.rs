//! An operation as its bytes lie in `history.bin`.
//!
//! A record is ten numbers, of which most are small: a word of 32 bits says how many bytes each has, and these follow, the lowest
//! byte first. Three bits of the word are a number's length, as a place in [`LENGTHS`]; the first number's are the lowest. The
//! highest bit says that the record counts its time from the run's beginning, and not from the start of the operation before.
//!
//! | number | what it holds, from the lowest bit on |
//! |---|---|
//! | 0 | effect (4 bits), type of data (4), kind of value (3), outcome (2), kind of what was replaced from 1, or 0 (3), error from 1, or 0 (6), place in the mix's entry (8) |
//! | 1 | worker; the mix's entry from 1, or 0 for the final read; load: the low bytes of all, then the high bytes |
//! | 2 | node from 1, or 0; shard from 1, or 0; attempts less one; attempts of unknown outcome: likewise |
//! | 3 | key |
//! | 4 | the value's id, exclusive-or the id of its worker's first; or a number; or how many elements were read (24 bits) and where they are |
//! | 5 | likewise of what was replaced |
//! | 6 | its start in ns, from that of the operation before: twice the distance, and one more where it lies back |
//! | 7 | from `ready` to `started`, in ns |
//! | 8 | from `intended` to `ready`, in ns |
//! | 9 | from `started` to `ended`, in ns |

#![expect(clippy::inline_always, reason = "what of a record its reader does not look at need not be decoded")]

use crate::evidence::operation::{ErrorKind, Operation, OperationEffect, OperationSource, Outcome, Value};
use crate::evidence::{DataType, LoadIndex};
use crate::vocab::Instant;

/// How many numbers a record has.
const NUMBERS: usize = 10;

/// How many bytes a number may have.
const LENGTHS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 8];

/// The highest number of each length.
const HIGHEST: [u64; 8] = [0, 0xFF, 0xFFFF, 0xFF_FFFF, 0xFFFF_FFFF, 0xFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF, u64::MAX];

/// The bytes of the word that says the lengths.
const WORD_BYTES: usize = 4;

/// The longest record, and the bytes that must follow the last one for it to be read.
pub(super) const RECORD_BYTES_MAX: usize = WORD_BYTES + 8 * NUMBERS;

/// The bit of the word that says where the record's time counts from.
const FROM_BEGINNING: u32 = 1 << 31;

/// The bits of the number of elements that were read; the higher ones say where they are.
const COUNT_BITS: u32 = 24;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

/// Writes records, each after the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RecordWriter {
    /// When the operation before started; none if nobody knows.
    before: Option<Instant>,
}

impl RecordWriter {
    /// Calls `take` with the operation's record.
    pub(super) fn write<T>(&mut self, operation: &Operation, take: impl FnOnce(&[u8]) -> T) -> T {
        let before = self.before.replace(operation.started);
        let mut bytes = [0; RECORD_BYTES_MAX];
        let mut word = if before.is_none() { FROM_BEGINNING } else { 0 };
        let mut end = WORD_BYTES;
        for (nth, number) in numbers(operation, before.unwrap_or_default()).into_iter().enumerate() {
            let place = ((71 - number.leading_zeros()) / 8).min(7);
            word |= place << (3 * nth);
            bytes[end..end + 8].copy_from_slice(&number.to_le_bytes());
            end += LENGTHS[place as usize];
        }
        bytes[..WORD_BYTES].copy_from_slice(&word.to_le_bytes());
        take(&bytes[..end])
    }
}

/// Reads records, each after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecordReader {
    /// Where the next record begins.
    pub(super) at: usize,
    before: Instant,
}

impl RecordReader {
    /// At the first record.
    pub(super) const BEGIN: Self = Self { at: 0, before: Instant(0) };

    /// The next operation; none where no record is that a load can have written. At least [`RECORD_BYTES_MAX`] bytes must follow
    /// the last record.
    #[inline(always)]
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<Operation> {
        let (numbers, before, length) = self.numbers(bytes)?;
        let operation = operation(&numbers, before)?;
        self.at += length;
        self.before = operation.started;
        Some(operation)
    }

    /// The key of the next operation: its load, what it holds, its number. Much quicker than the whole operation.
    #[inline(always)]
    pub(super) fn next_key(&mut self, bytes: &[u8]) -> Option<(LoadIndex, DataType, u32)> {
        let ([what, who, _, key, _, _, moved, ..], before, length) = self.numbers(bytes)?;
        let [_, _, load, _] = from_low_bytes_first(who);
        let data = *DataType::ALL.get((what >> 4 & 0xF) as usize)?;
        self.at += length;
        self.before = started(before, moved);
        Some((load, data, u32::try_from(key).ok()?))
    }

    /// The numbers of the next record, the moment that its time counts from, and how many bytes it has.
    #[inline(always)]
    fn numbers(&self, bytes: &[u8]) -> Option<([u64; NUMBERS], Instant, usize)> {
        let rest = bytes.get(self.at..)?.first_chunk::<RECORD_BYTES_MAX>()?;
        let word = u32::from_le_bytes(*rest.first_chunk()?);
        let mut end = WORD_BYTES;
        let mut numbers = [0; NUMBERS];
        for (nth, number) in numbers.iter_mut().enumerate() {
            let place = (word >> (3 * nth)) as usize & 7;
            // Never further back: so the compiler knows that it lies within.
            let from = end.min(RECORD_BYTES_MAX - 8);
            *number = u64::from_le_bytes(*rest[from..].first_chunk()?) & HIGHEST[place];
            end += LENGTHS[place];
        }
        let before = if word & FROM_BEGINNING == 0 { self.before } else { Instant::default() };
        Some((numbers, before, end))
    }
}

fn numbers(operation: &Operation, before: Instant) -> [u64; NUMBERS] {
    let first = first_id(operation.load, operation.worker);
    let (value, id) = kind_and_id(operation.value, first);
    let (replaced, replaced_id) = operation.replaced.map_or((0, 0), |replaced| {
        let (kind, id) = kind_and_id(replaced, first);
        (kind + 1, id)
    });
    let (entry, command) = match operation.source {
        OperationSource::Mix { entry, command } => (entry.wrapping_add(1), command),
        OperationSource::FinalRead => (0, 0),
    };
    let error = operation.error.map_or(0, |error| error as u64 + 1);
    let what = operation.effect as u64
        | (operation.data as u64) << 4
        | value << 8
        | (operation.outcome as u64) << 11
        | replaced << 13
        | error << 16
        | u64::from(command) << 22;
    // An index is below the highest number of its type.
    let index = |index: Option<u16>| index.map_or(0, |index| index.wrapping_add(1));
    let place =
        [index(operation.node), index(operation.shard), operation.attempts.wrapping_sub(1), operation.unknown_attempts];
    let moved = operation.started.0.wrapping_sub(before.0).cast_signed();
    [
        what,
        low_bytes_first([operation.worker, entry, operation.load, 0]),
        low_bytes_first(place),
        u64::from(operation.key),
        id,
        replaced_id,
        (moved << 1 ^ moved >> 63).cast_unsigned(),
        operation.started.nanos_since(operation.ready),
        operation.ready.nanos_since(operation.intended),
        operation.ended.nanos_since(operation.started),
    ]
}

/// The operation, if it is one that a load can have done.
#[inline(always)]
fn operation(numbers: &[u64; NUMBERS], before: Instant) -> Option<Operation> {
    let &[what, who, place, key, id, replaced_id, moved, waited, queued, served] = numbers;
    let bits = |from: u32, count: u32| usize::try_from(what >> from & !(u64::MAX << count)).unwrap_or(usize::MAX);
    let [worker, entry, load, nothing] = from_low_bytes_first(who);
    if what >> 30 != 0 || nothing != 0 {
        return None;
    }
    let (command, first) = (u8::try_from(bits(22, 8)).ok()?, first_id(load, worker));
    let [node, shard, attempts, unknown_attempts] = from_low_bytes_first(place);
    let started = started(before, moved).0;
    let ready = started.checked_sub(waited)?;
    let operation = Operation {
        load,
        worker,
        source: match (entry.checked_sub(1), command) {
            (Some(entry), command) => OperationSource::Mix { entry, command },
            (None, 0) => OperationSource::FinalRead,
            (None, _) => return None,
        },
        effect: *OperationEffect::ALL.get(bits(0, 4))?,
        data: *DataType::ALL.get(bits(4, 4))?,
        key: u32::try_from(key).ok()?,
        shard: shard.checked_sub(1),
        value: value(bits(8, 3), id, first)?,
        replaced: match bits(13, 3).checked_sub(1) {
            None => None,
            Some(kind) => Some(value(kind, replaced_id, first)?),
        },
        intended: Instant(ready.checked_sub(queued)?),
        ready: Instant(ready),
        started: Instant(started),
        ended: Instant(started.checked_add(served)?),
        outcome: *[Outcome::Ok, Outcome::Fail, Outcome::Unknown].get(bits(11, 2))?,
        error: match bits(16, 6).checked_sub(1) {
            None => None,
            Some(error) => Some(*ErrorKind::ALL.get(error)?),
        },
        attempts: attempts.wrapping_add(1),
        unknown_attempts,
        node: node.checked_sub(1),
    };
    // Judging takes it for granted.
    (!(operation.is_final_read() && operation.writes())).then_some(operation)
}

/// When an operation started that moved so far from the one before.
const fn started(before: Instant, moved: u64) -> Instant {
    Instant(before.0.wrapping_add_signed((moved >> 1).cast_signed() ^ -(moved & 1).cast_signed()))
}

/// A value as the number of its kind and its id, or its number.
const fn kind_and_id(value: Value, first: u64) -> (u64, u64) {
    match value {
        Value::Missing => (0, 0),
        Value::Written(id) => (1, id ^ first),
        Value::Foreign => (2, 0),
        Value::Number(number) => (3, number),
        Value::Torn => (4, 0),
        Value::Elements { at, count } => (5, at << COUNT_BITS | (count as u64 & COUNT_MAX)),
    }
}

const fn value(kind: usize, id: u64, first: u64) -> Option<Value> {
    Some(match kind {
        0 => Value::Missing,
        1 => Value::Written(id ^ first),
        2 => Value::Foreign,
        3 => Value::Number(id),
        4 => Value::Torn,
        5 => Value::Elements { at: id >> COUNT_BITS, count: (id & COUNT_MAX) as u32 },
        _ => return None,
    })
}

/// The id of the first value that a worker writes: its others differ from it in their low bits only.
const fn first_id(load: LoadIndex, worker: u16) -> u64 {
    Value::id(load, worker, 0)
}

/// Four numbers in one that is small where they are.
fn low_bytes_first(numbers: [u16; 4]) -> u64 {
    let [[a, high_a], [b, high_b], [c, high_c], [d, high_d]] = numbers.map(u16::to_le_bytes);
    u64::from_le_bytes([a, b, c, d, high_a, high_b, high_c, high_d])
}

fn from_low_bytes_first(number: u64) -> [u16; 4] {
    let [a, b, c, d, high @ ..] = number.to_le_bytes();
    [[a, high[0]], [b, high[1]], [c, high[2]], [d, high[3]]].map(u16::from_le_bytes)
}
