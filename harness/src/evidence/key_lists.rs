//! Which keys each master held at the end: `key_lists.bin`, of runs in which that was asked.
//!
//! One list behind the other: the node's index in the plan and the number of its keys, then of each key, in the order of their bytes, its
//! length, its bytes and its position. Every number is written as in `evidence/varint.rs`.

use std::io::{self, Read, Write};
use std::ops::Range;

use super::varint;
use crate::vocab::Position;

/// The first bytes of `key_lists.bin`; the last one is the version of the format.
pub const KEY_LISTS_MAGIC: [u8; 8] = *b"RHKEYS\0\x01";

/// The keys that masters held.
#[derive(Clone, Debug, Default)]
pub struct KeyLists {
    bytes: Vec<u8>,
    lists: Vec<KeyListPart>,
}

/// Where a list lies.
#[derive(Clone, Debug)]
struct KeyListPart {
    node: u16,
    count: u64,
    keys: Range<usize>,
}

/// The keys of one master.
#[derive(Clone, Copy, Debug)]
pub struct KeyList<'a> {
    /// The master's index in the plan.
    pub node: u16,
    /// How many keys it holds.
    pub count: u64,
    bytes: &'a [u8],
}

impl<'a> KeyList<'a> {
    /// Every key with its position, in the order of their bytes, each once.
    pub fn keys(&self) -> impl Iterator<Item = (&'a [u8], Position)> + use<'a> {
        let mut bytes = self.bytes;
        std::iter::from_fn(move || take_key(&mut bytes))
    }
}

impl KeyLists {
    /// The lists in these bytes of a file. What is kept is no larger than the file.
    pub fn read(mut reader: impl Read) -> io::Result<Self> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        let broken = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
        let Some(mut rest) = bytes.strip_prefix(&KEY_LISTS_MAGIC) else {
            return Err(broken("these are no lists of keys, or of another version"));
        };
        let mut lists = Vec::new();
        while !rest.is_empty() {
            let head = varint::take(&mut rest).zip(varint::take(&mut rest));
            let head = head.and_then(|(node, count)| Some((u16::try_from(node).ok()?, count)));
            let (node, count) = head.ok_or_else(|| broken("a list of keys has no beginning"))?;
            let begins = bytes.len() - rest.len();
            let mut last: Option<&[u8]> = None;
            for _ in 0..count {
                let (key, _) = take_key(&mut rest).ok_or_else(|| broken("keys of a list are missing"))?;
                if last.is_some_and(|last| last >= key) {
                    return Err(broken("the keys of a list are in no order"));
                }
                last = Some(key);
            }
            lists.push(KeyListPart { node, count, keys: begins..bytes.len() - rest.len() });
        }
        Ok(Self { bytes, lists })
    }

    /// Every list, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = KeyList<'_>> {
        let part = |part: &KeyListPart| (part.node, part.count, self.bytes.get(part.keys.clone()).unwrap_or_default());
        self.lists.iter().map(part).map(|(node, count, bytes)| KeyList { node, count, bytes })
    }

    /// Lists made by hand.
    #[cfg(test)]
    pub(crate) fn of(lists: &[(u16, &[(&str, u16)])]) -> Self {
        let mut bytes = Vec::new();
        let mut writer = KeyListsWriter::new(&mut bytes).unwrap();
        for (node, keys) in lists {
            let keys = keys.iter().map(|(key, position)| (key.as_bytes(), Position(*position)));
            writer.write(*node, keys).unwrap();
        }
        Self::read(&bytes[..]).unwrap()
    }
}

/// Takes a key and its position from the beginning of these bytes, if they are there.
fn take_key<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], Position)> {
    let length = usize::try_from(varint::take(bytes)?).ok()?;
    let (key, mut rest) = bytes.split_at_checked(length)?;
    let position = u16::try_from(varint::take(&mut rest)?).ok()?;
    *bytes = rest;
    Some((key, Position(position)))
}

/// Writes `key_lists.bin`.
#[derive(Debug)]
pub struct KeyListsWriter<W: Write>(W);

impl<W: Write> KeyListsWriter<W> {
    /// Begins the file. Hand it a buffered writer.
    pub fn new(mut writer: W) -> io::Result<Self> {
        writer.write_all(&KEY_LISTS_MAGIC)?;
        Ok(Self(writer))
    }

    /// Adds the keys of a node, which are in the order of their bytes and each there once.
    pub fn write<'k>(
        &mut self,
        node: u16,
        keys: impl ExactSizeIterator<Item = (&'k [u8], Position)>,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        varint::push(node.into(), &mut bytes);
        varint::push(keys.len() as u64, &mut bytes);
        for (key, position) in keys {
            varint::push(key.len() as u64, &mut bytes);
            bytes.extend_from_slice(key);
            varint::push(position.0.into(), &mut bytes);
        }
        self.0.write_all(&bytes)
    }

    /// Hands everything to the file.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// The lists of two nodes, each with the key `a` at the position 300.
    fn two() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = KeyListsWriter::new(&mut bytes).unwrap();
        for node in [0, 7] {
            writer.write(node, [(&b"a"[..], Position(300))].into_iter()).unwrap();
        }
        bytes
    }

    #[rstest]
    #[case::as_written(|_: &mut Vec<u8>| {}, true)]
    #[case::of_another_version(|bytes: &mut Vec<u8>| bytes[7] = 2, false)]
    #[case::cut(|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1), false)]
    #[case::a_key_more_than_there_is(|bytes: &mut Vec<u8>| bytes[9] = 2, false)]
    #[case::a_key_longer_than_the_file(|bytes: &mut Vec<u8>| bytes[10] = 127, false)]
    #[case::the_same_key_twice(|bytes: &mut Vec<u8>| {
        bytes[9] = 2;
        let key = bytes[10..14].to_vec();
        bytes.splice(14..14, key);
    }, false)]
    fn what_is_missing_or_altered_is_refused(#[case] alter: impl Fn(&mut Vec<u8>), #[case] is_read: bool) {
        let mut bytes = two();
        alter(&mut bytes);
        assert_eq!(KeyLists::read(&bytes[..]).is_ok(), is_read, "{bytes:?}");
    }

    proptest! {
        #[test]
        fn lists_read_back(lists in proptest::collection::vec(
            (any::<u16>(), proptest::collection::btree_map(proptest::collection::vec(any::<u8>(), 0..200), any::<u16>(), 0..20)), 0..5,
        )) {
            let mut bytes = Vec::new();
            let mut writer = KeyListsWriter::new(&mut bytes).unwrap();
            for (node, keys) in &lists {
                writer.write(*node, keys.iter().map(|(key, position)| (&key[..], Position(*position)))).unwrap();
            }
            let read = KeyLists::read(&bytes[..]).unwrap();
            let back: Vec<(u16, BTreeMap<_, _>)> = read.iter().map(|list| {
                (list.node, list.keys().map(|(key, position)| (key.to_vec(), position.0)).collect())
            }).collect();
            prop_assert_eq!(back, lists);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(lists) = KeyLists::read(&[&KEY_LISTS_MAGIC[..], &bytes].concat()[..]) {
                let keys: u64 = lists.iter().map(|list| list.keys().count() as u64).sum();
                prop_assert_eq!(keys, lists.iter().map(|list| list.count).sum::<u64>());
            }
        }
    }
}
