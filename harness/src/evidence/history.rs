//! The history: every operation, in the bytes that are its file (`history.bin`), so that millions fit into memory.

mod record;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};

use record::{RECORD_BYTES_MAX, RecordReader, RecordWriter};

use super::DataType;
use super::operation::{LoadIndex, Operation, Value};

/// The first bytes of `history.bin`; the last one is the version of the format.
pub const HISTORY_MAGIC: [u8; 8] = *b"RHHIST\0\x04";

/// Operations in the order in which each worker was done with them; those of a pipeline in its order.
#[derive(Clone, Default)]
pub struct History {
    /// Records of operations, each of them sound, and [`RECORD_BYTES_MAX`] more bytes.
    bytes: Vec<u8>,
    count: usize,
    /// Whether elements were read.
    has_elements: bool,
    writer: RecordWriter,
}

impl History {
    /// Adds an operation.
    pub fn push(&mut self, operation: &Operation) {
        self.bytes.truncate(self.bytes.len().saturating_sub(RECORD_BYTES_MAX));
        self.writer.write(operation, |record| self.bytes.extend_from_slice(record));
        self.bytes.resize(self.bytes.len() + RECORD_BYTES_MAX, 0);
        self.count += 1;
        self.has_elements |= has_elements(operation);
    }

    /// Whether any operation read elements.
    pub(super) const fn has_elements(&self) -> bool {
        self.has_elements
    }

    /// How many operations there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Every operation, in order. Each is decoded when it is asked for, so that none is held.
    pub const fn iter(&self) -> Operations<'_> {
        Operations { bytes: self.bytes.as_slice(), reader: RecordReader::BEGIN, left: self.count }
    }

    /// The key of every operation, in order, and where its record is.
    pub fn keys(&self) -> impl Iterator<Item = KeyRecord> + '_ {
        let mut reader = RecordReader::BEGIN;
        (0..self.count).map_while(move |_| {
            let place = RecordPlace(reader);
            let (load, data, key) = reader.next_key(&self.bytes)?;
            Some(KeyRecord { load, data, key, place })
        })
    }

    /// The operations of a load, in order: quicker than to ask each for its load.
    pub fn of_load(&self, load: LoadIndex) -> impl Iterator<Item = Operation> + '_ {
        let own = self.keys().filter(move |record| record.load == load);
        own.filter_map(|record| self.operation_at(record.place))
    }

    /// The operation whose record is there.
    #[inline]
    pub fn operation_at(&self, RecordPlace(mut reader): RecordPlace) -> Option<Operation> {
        reader.next(&self.bytes)
    }

    /// Has the memory ready of the records at these places: they are waited for together, and not one after the other.
    pub fn prepare(&self, places: impl Iterator<Item = RecordPlace>) {
        let first_bytes = places.filter_map(|place| self.bytes.get(place.0.at));
        std::hint::black_box(first_bytes.fold(0, |all, byte| all ^ byte));
    }

    /// The history in these bytes of a file, behind its head.
    fn from_bytes(mut bytes: Vec<u8>) -> io::Result<Self> {
        let end = bytes.len();
        bytes.reserve_exact(RECORD_BYTES_MAX);
        bytes.resize(end + RECORD_BYTES_MAX, 0);
        let (mut reader, mut count, mut elements) = (RecordReader::BEGIN, 0, false);
        while reader.at < end {
            let operation = reader.next(&bytes);
            if reader.at > end {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the history's last record is cut short"));
            }
            let Some(operation) = operation else {
                let which = format!("the history's record {} means nothing", count + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidData, which));
            };
            elements |= has_elements(&operation);
            count += 1;
        }
        Ok(Self { bytes, count, has_elements: elements, writer: RecordWriter::default() })
    }
}

/// Where the record of an operation is: the places of a history have its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPlace(RecordReader);

impl RecordPlace {
    /// That of the first record.
    pub const FIRST: Self = Self(RecordReader::BEGIN);
}

/// The key that an operation is about, and where its record is: all that is needed to bring the operations of each key together.
#[derive(Clone, Copy, Debug)]
pub struct KeyRecord {
    /// Which load did it.
    pub load: LoadIndex,
    /// What the key holds.
    pub data: DataType,
    /// The key's number among the load's keys of this type.
    pub key: u32,
    /// Where the record is.
    pub place: RecordPlace,
}

const fn has_elements(operation: &Operation) -> bool {
    matches!(operation.value, Value::Elements { .. })
}

impl<'a> IntoIterator for &'a History {
    type Item = Operation;
    type IntoIter = Operations<'a>;

    fn into_iter(self) -> Operations<'a> {
        self.iter()
    }
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<Operation> for History {
    fn from_iter<T: IntoIterator<Item = Operation>>(operations: T) -> Self {
        let mut history = Self::default();
        operations.into_iter().for_each(|operation| history.push(&operation));
        history
    }
}

/// For hand-written histories.
#[cfg(test)]
impl History {
    /// Changes the operations.
    pub(crate) fn edit<T>(&mut self, change: impl FnOnce(&mut Vec<Operation>) -> T) -> T {
        let mut operations = self.iter().collect();
        let changed = change(&mut operations);
        *self = operations.into_iter().collect();
        changed
    }

    /// The operation at that place, from 0.
    pub(crate) fn at(&self, index: usize) -> Operation {
        self.iter().nth(index).unwrap()
    }
}

/// The operations of a [`History`], one after the other.
#[derive(Clone, Debug)]
pub struct Operations<'a> {
    bytes: &'a [u8],
    reader: RecordReader,
    left: usize,
}

impl Iterator for Operations<'_> {
    type Item = Operation;

    #[expect(clippy::inline_always, reason = "what of a record its reader does not look at need not be decoded")]
    #[inline(always)]
    fn next(&mut self) -> Option<Operation> {
        self.left = self.left.checked_sub(1)?;
        self.reader.next(self.bytes)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Writes `history.bin`: [`HISTORY_MAGIC`], then one record an operation, as the format of records says (`evidence/history/record.rs`).
#[derive(Debug)]
pub struct HistoryWriter<W: Write> {
    writer: W,
    records: RecordWriter,
}

impl<W: Write> HistoryWriter<W> {
    /// Starts a history. Hand it a buffered writer.
    pub fn new(mut writer: W) -> io::Result<Self> {
        writer.write_all(&HISTORY_MAGIC)?;
        Ok(Self::resume(writer))
    }

    /// Goes on with a history that was begun. Hand it a buffered writer at the history's end.
    pub fn resume(writer: W) -> Self {
        Self { writer, records: RecordWriter::default() }
    }

    /// Adds an operation.
    pub fn write(&mut self, operation: &Operation) -> io::Result<()> {
        self.records.write(operation, |record| self.writer.write_all(record))
    }

    /// What it was written to.
    pub fn into_inner(self) -> W {
        self.writer
    }

    /// Hands everything to the file.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Reads `history.bin` back.
#[derive(Debug)]
pub struct HistoryReader<R: Read>(R);

impl<R: Read> HistoryReader<R> {
    /// Starts to read.
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
    pub fn read_all(mut self) -> io::Result<History> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        History::from_bytes(bytes)
    }
}
