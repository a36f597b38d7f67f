//! What subscribers of channels heard, as it is written: every subscription, every message and every end, a binary record each.

use std::io::{self, Read, Write};

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{DataType, LoadIndex, Value};
use crate::vocab::Instant;

/// The first bytes of `subscribers.bin`; the last one is the version of the format.
const HEARD_MAGIC: [u8; 8] = *b"RHSUBS\0\x01";

/// The length of a record.
pub(super) const HEARD_BYTES: usize = size_of::<HeardRecord>();

/// What stands for none where an index is expected.
const NO_INDEX: u16 = u16::MAX;

/// Something that a subscriber learned about one of its channels. Those of a subscriber and a channel are in the order in which it
/// learned them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The load that the subscriber belongs to.
    pub load: LoadIndex,
    /// Which of the load's subscribers, from 0.
    pub subscriber: u16,
    /// What kind of channel it is.
    pub data: DataType,
    /// The channel's number among the load's channels of this kind.
    pub channel: u32,
    /// The index in the plan of the node that the subscriber was connected to; none if the plan does not have it.
    pub node: Option<u16>,
    /// When the client had read it, or noticed it.
    pub at: Instant,
    /// What it was.
    pub what: HeardKind,
}

/// What a subscriber learned about a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeardKind {
    /// The server confirmed the subscription.
    Subscribed,
    /// A message came.
    Message(Value),
    /// The subscription is over: the server ended it, or its connection ended.
    Ended {
        /// When the last byte came over the connection. What was published later may have been on its way when it broke.
        good_until: Instant,
    },
}

/// A record as its bytes lie in the file.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct HeardRecord {
    load: U16,
    subscriber: U16,
    channel: U32,
    /// The id of a message, or the moment until which a subscription was good.
    number: U64,
    at: U64,
    /// [`NO_INDEX`] for none.
    node: U16,
    data: u8,
    /// 0: subscribed, 1: a message of a load, 2: a foreign message, 3: ended.
    what: u8,
}

const _: () = assert!(HEARD_BYTES == 28, "files of this version have records of 28 bytes");

impl From<&Heard> for HeardRecord {
    fn from(heard: &Heard) -> Self {
        let (what, number) = match heard.what {
            HeardKind::Subscribed => (0, 0),
            HeardKind::Message(Value::Written(id)) => (1, id),
            HeardKind::Message(_) => (2, 0),
            HeardKind::Ended { good_until } => (3, good_until.0),
        };
        Self {
            load: heard.load.into(),
            subscriber: heard.subscriber.into(),
            channel: heard.channel.into(),
            number: number.into(),
            at: heard.at.0.into(),
            node: heard.node.unwrap_or(NO_INDEX).into(),
            data: heard.data as u8,
            what,
        }
    }
}

impl HeardRecord {
    /// What was heard, if the record is one that a subscriber can have written.
    fn heard(&self) -> Option<Heard> {
        let (number, at) = (self.number.get(), Instant(self.at.get()));
        let data = *DataType::ALL.get(usize::from(self.data))?;
        let what = match self.what {
            0 => HeardKind::Subscribed,
            1 => HeardKind::Message(Value::Written(number)),
            2 => HeardKind::Message(Value::Foreign),
            3 if number <= at.0 => HeardKind::Ended { good_until: Instant(number) },
            _ => return None,
        };
        data.is_channel().then_some(Heard {
            load: self.load.get(),
            subscriber: self.subscriber.get(),
            data,
            channel: self.channel.get(),
            node: Some(self.node.get()).filter(|&node| node != NO_INDEX),
            at,
            what,
        })
    }
}

/// Writes `subscribers.bin`.
#[derive(Debug)]
pub struct HeardWriter<W: Write>(W);

impl<W: Write> HeardWriter<W> {
    /// Begins the file. Hand it a buffered writer.
    pub fn new(mut writer: W) -> io::Result<Self> {
        writer.write_all(&HEARD_MAGIC)?;
        Ok(Self(writer))
    }

    /// Adds a record.
    pub fn write(&mut self, heard: &Heard) -> io::Result<()> {
        self.0.write_all(HeardRecord::from(heard).as_bytes())
    }

    /// Hands everything to the file.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads `subscribers.bin` back. A record that no subscriber can have written is an error, and so is one that is cut short.
pub fn read_heard(mut reader: impl Read) -> io::Result<Vec<Heard>> {
    let broken = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let records =
        bytes.strip_prefix(&HEARD_MAGIC).ok_or_else(|| broken("this is not what subscribers heard".to_owned()))?;
    let records =
        <[HeardRecord]>::ref_from_bytes(records).map_err(|_| broken("its last record is cut short".to_owned()))?;
    let heard = |(index, record): (usize, &HeardRecord)| {
        record.heard().ok_or_else(|| broken(format!("its record {} means nothing", index + 1)))
    };
    records.iter().enumerate().map(heard).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn heard(what: HeardKind) -> Heard {
        let at = Instant(7);
        Heard { load: 1, subscriber: 2, data: DataType::ShardChannel, channel: 3, node: Some(4), at, what }
    }

    fn written(all: &[Heard]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = HeardWriter::new(&mut bytes).unwrap();
        for heard in all {
            writer.write(heard).unwrap();
        }
        bytes
    }

    #[test]
    fn it_reads_back() {
        let kinds = [
            HeardKind::Subscribed,
            HeardKind::Message(Value::Written(u64::MAX)),
            HeardKind::Message(Value::Foreign),
            HeardKind::Ended { good_until: Instant(7) },
        ];
        let all: Vec<_> = kinds.map(heard).into_iter().chain([Heard { node: None, ..heard(kinds[0]) }]).collect();
        assert_eq!(read_heard(&written(&all)[..]).unwrap(), all);
    }

    #[rstest]
    #[case::no_magic(&|bytes: &mut Vec<u8>| bytes[0] = 0, "this is not what subscribers heard")]
    #[case::another_version(&|bytes: &mut Vec<u8>| bytes[7] = 9, "this is not what subscribers heard")]
    #[case::cut_short(&|bytes: &mut Vec<u8>| bytes.truncate(20), "its last record is cut short")]
    #[case::no_channel(&|bytes: &mut Vec<u8>| bytes[8 + 26] = 0, "its record 1 means nothing")]
    #[case::no_kind(&|bytes: &mut Vec<u8>| bytes[8 + 27] = 4, "its record 1 means nothing")]
    #[case::good_after_its_end(&|bytes: &mut Vec<u8>| bytes[8 + 8] = 8, "its record 1 means nothing")]
    fn what_no_subscriber_wrote_is_refused(#[case] change: &dyn Fn(&mut Vec<u8>), #[case] expected: &str) {
        let mut bytes = written(&[heard(HeardKind::Ended { good_until: Instant(7) })]);
        change(&mut bytes);
        assert_eq!(read_heard(&bytes[..]).unwrap_err().to_string(), expected);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_heard(&[&HEARD_MAGIC[..], &bytes].concat()[..]);
        }
    }
}
