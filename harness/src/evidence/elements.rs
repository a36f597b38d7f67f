//! Which elements were read: `elements.bin`. An operation of the history says where its own are.
//!
//! Each element is the distance of its id from that of the element before it, or from 0, twice and one more where it lies back, written
//! as in `evidence/varint.rs`. What no load wrote has the id 2^64 - 1, which no value of a load has.

use std::io::{self, Read, Write};

use super::history::History;
use super::operation::Value;
use super::varint;

/// The first bytes of `elements.bin`; the last one is the version of the format.
pub const ELEMENTS_MAGIC: [u8; 8] = *b"RHELEMT\x01";

/// The id that stands for what no load wrote.
const FOREIGN: u64 = u64::MAX;

/// The elements that operations read.
#[derive(Clone, Debug, Default)]
pub struct ReadElements {
    bytes: Vec<u8>,
}

impl ReadElements {
    /// The elements in these bytes of a file, of every operation of the history that read any.
    pub fn read(mut reader: impl Read, history: &History) -> io::Result<Self> {
        let broken = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
        let mut magic = [0; ELEMENTS_MAGIC.len()];
        reader.read_exact(&mut magic)?;
        if magic != ELEMENTS_MAGIC {
            return Err(broken("these are no elements that were read, or of another version"));
        }
        let mut elements = Self::default();
        reader.read_to_end(&mut elements.bytes)?;
        // Each read has bytes of its own. If many said the same ones were theirs, a small file would be read for days.
        let counts = history.iter().map(|operation| match operation.value {
            Value::Elements { count, .. } => u64::from(count),
            _ => 0,
        });
        if counts.sum::<u64>() > elements.bytes.len() as u64 {
            return Err(broken("elements that were read are missing"));
        }
        for operation in history {
            let Value::Elements { count, .. } = operation.value else { continue };
            if elements.of(operation.value).count() != count as usize {
                return Err(broken("elements that were read are missing"));
            }
        }
        Ok(elements)
    }

    /// The elements that an operation read which has this value, in the order of the reply.
    pub fn of(&self, value: Value) -> impl Iterator<Item = Value> + '_ {
        let (at, count) = match value {
            Value::Elements { at, count } => (usize::try_from(at).unwrap_or(usize::MAX), count),
            _ => (0, 0),
        };
        let mut bytes = self.bytes.get(at..).unwrap_or_default();
        let mut before = 0;
        (0..count).map_while(move |_| {
            let distance = varint::take(&mut bytes)?;
            before = id(before, distance);
            Some(if before == FOREIGN { Value::Foreign } else { Value::Written(before) })
        })
    }

    /// Adds elements. Returns the value of the operation that read them.
    #[cfg(test)]
    pub(crate) fn push(&mut self, elements: &[Value]) -> Value {
        let at = self.bytes.len() as u64;
        push(elements, &mut self.bytes);
        Value::Elements { at, count: u32::try_from(elements.len()).unwrap() }
    }
}

/// Writes `elements.bin`.
#[derive(Debug)]
pub struct ElementsWriter<W: Write> {
    writer: W,
    at: u64,
    bytes: Vec<u8>,
}

impl<W: Write> ElementsWriter<W> {
    /// Begins the file. Hand it a buffered writer.
    pub fn new(mut writer: W) -> io::Result<Self> {
        writer.write_all(&ELEMENTS_MAGIC)?;
        Ok(Self { writer, at: 0, bytes: Vec::new() })
    }

    /// Adds the elements that an operation read. Returns where they are.
    pub fn write(&mut self, elements: &[Value]) -> io::Result<u64> {
        self.bytes.clear();
        push(elements, &mut self.bytes);
        self.writer.write_all(&self.bytes)?;
        let at = self.at;
        self.at += self.bytes.len() as u64;
        Ok(at)
    }

    /// Hands everything to the file.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn push(elements: &[Value], out: &mut Vec<u8>) {
    let mut before = 0;
    for element in elements {
        let id = if let Value::Written(id) = element { *id } else { FOREIGN };
        let moved = id.wrapping_sub(before).cast_signed();
        before = id;
        varint::push((moved << 1 ^ moved >> 63).cast_unsigned(), out);
    }
}

fn id(before: u64, distance: u64) -> u64 {
    before.wrapping_add_signed((distance >> 1).cast_signed() ^ -(distance & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evidence::Operation;
    use crate::evidence::testing::operation;

    fn history(values: &[Value]) -> History {
        values.iter().map(|value| Operation { value: *value, ..operation() }).collect()
    }

    fn written(reads: &[Vec<Value>]) -> (Vec<u8>, History) {
        let mut bytes = Vec::new();
        let mut writer = ElementsWriter::new(&mut bytes).unwrap();
        let mut values = Vec::new();
        for read in reads {
            let at = writer.write(read).unwrap();
            values.push(Value::Elements { at, count: u32::try_from(read.len()).unwrap() });
        }
        (bytes, history(&values))
    }

    #[test]
    fn what_is_missing_or_altered_is_refused() {
        let (bytes, history) = written(&[vec![Value::Written(7), Value::Written(1 << 60)]]);
        assert!(ReadElements::read(&bytes[..], &history).is_ok());
        assert!(ReadElements::read(&bytes[..bytes.len() - 1], &history).is_err());
        assert!(ReadElements::read(&bytes[1..], &history).is_err());
        assert!(ReadElements::read(&b"RHELEMT\x02"[..], &history).is_err());
    }

    #[test]
    fn no_two_reads_have_the_same_elements() {
        let (bytes, _) = written(&[(0..10).map(Value::Written).collect()]);
        let history = history(&[Value::Elements { at: 0, count: 10 }; 2]);
        assert!(ReadElements::read(&bytes[..], &history).is_err());
    }

    #[test]
    fn neighbours_take_a_byte_each() {
        let ids = (0..100).map(|nth| Value::Written(Value::id(3, 5, nth)));
        let (bytes, _) = written(&[ids.collect()]);
        assert!(bytes.len() < 8 + 10 + 100, "{}", bytes.len());
    }

    proptest! {
        #[test]
        fn elements_read_back(reads in proptest::collection::vec(proptest::collection::vec(any::<Option<u64>>(), 0..20), 0..10)) {
            let value = |id: &Option<u64>| id.filter(|id| *id != FOREIGN).map_or(Value::Foreign, Value::Written);
            let reads: Vec<Vec<_>> = reads.iter().map(|read| read.iter().map(value).collect()).collect();
            let (bytes, history) = written(&reads);
            let elements = ReadElements::read(&bytes[..], &history).unwrap();
            let back: Vec<Vec<_>> = history.iter().map(|read| elements.of(read.value).collect()).collect();
            prop_assert_eq!(back, reads);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), at in 0..200_u64, count in 0..50_u32) {
            let history = history(&[Value::Elements { at, count }]);
            let _ = ReadElements::read(&[&ELEMENTS_MAGIC[..], &bytes].concat()[..], &history);
        }
    }
}
