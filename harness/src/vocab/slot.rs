//! Hash slots: the unit in which a cluster divides its key space.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The number of hash slots in a cluster (`CLUSTER_SLOTS`, Redis `cluster.h`).
pub const SLOT_COUNT: u16 = 16_384;

/// One hash slot, 0 to 16383.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Slot(u16);

impl Slot {
    /// The slot of a key: CRC16 (XMODEM) of the key, or of its hash tag, modulo 16384
    /// (Redis Cluster specification, "Hash tags").
    pub fn of_key(key: &[u8]) -> Self {
        Self(crc16(hash_tag(key)) % SLOT_COUNT)
    }

    /// The slot's number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Slot {
    type Error = String;

    fn try_from(number: u16) -> Result<Self, String> {
        if number < SLOT_COUNT {
            Ok(Self(number))
        } else {
            Err(format!("`{number}` is not a slot: slots are 0 to {}", SLOT_COUNT - 1))
        }
    }
}

impl From<Slot> for u16 {
    fn from(slot: Slot) -> Self {
        slot.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The part of a key that is hashed: between the first `{` and the next `}` unless that is empty.
fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|&byte| byte == b'}') {
        Some(close) if close > 0 => &rest[..close],
        _ => key,
    }
}

/// CRC16 with the polynomial 0x1021 and a zero start (Redis `crc16.c`).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| (crc << 8) ^ CRC16_TABLE[usize::from((crc >> 8) ^ u16::from(byte))])
}

const CRC16_TABLE: [u16; 256] = crc16_table();

const fn crc16_table() -> [u16; 256] {
    let mut table = [0_u16; 256];
    let mut index = 0_u16;
    while index < 256 {
        let mut crc = index << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[index as usize] = crc;
        index += 1;
    }
    table
}

/// Slots from `first` to `last`, both included. Written `0-5460`, or `7` for a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnedRange {
    /// The first slot.
    pub first: u16,
    /// The last slot, not below `first`.
    pub last: u16,
}

impl OwnedRange {
    /// How many slots the range holds.
    pub const fn len(self) -> u16 {
        self.last - self.first + 1
    }

    /// A range always holds at least one slot.
    pub const fn is_empty(self) -> bool {
        false
    }
}

impl fmt::Display for OwnedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl FromStr for OwnedRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let parse = |part: &str| part.parse::<u16>().ok().filter(|&slot| slot < SLOT_COUNT);
        match (parse(first), parse(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!("`{text}` is not a slot range such as 0-5460")),
        }
    }
}

/// A set of slots as sorted ranges that neither touch nor overlap. Written `0-5460,5462`; empty is `none`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ownership(Vec<OwnedRange>);

impl Ownership {
    /// The share of `shard` (counted from 0) when all slots are divided over `shards` masters, as
    /// `redis-cli --cluster create` divides them: 0-5460, 5461-10922, 10923-16383 for three.
    pub fn share(shard: usize, shards: usize) -> Self {
        let per_shard = f64::from(SLOT_COUNT) / shards as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 16384")]
        let edge = |index: usize| (per_shard * index as f64).round() as u16;
        let last = if shard + 1 == shards { SLOT_COUNT - 1 } else { edge(shard + 1) - 1 };
        Self(vec![OwnedRange { first: edge(shard), last }])
    }

    /// The ranges in ascending order.
    pub fn ranges(&self) -> &[OwnedRange] {
        &self.0
    }

    /// How many slots the set holds.
    pub fn len(&self) -> usize {
        self.0.iter().map(|range| usize::from(range.len())).sum()
    }

    /// Whether the set holds no slot.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `slot` is in the set.
    pub fn contains(&self, slot: Slot) -> bool {
        self.0.iter().any(|range| (range.first..=range.last).contains(&slot.0))
    }
}

impl FromIterator<OwnedRange> for Ownership {
    fn from_iter<I: IntoIterator<Item = OwnedRange>>(ranges: I) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        ranges.sort_unstable();
        let mut merged: Vec<OwnedRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.first <= last.last.saturating_add(1) => {
                    last.last = last.last.max(range.last);
                }
                _ => merged.push(range),
            }
        }
        Self(merged)
    }
}

impl fmt::Display for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (index, range) in self.0.iter().enumerate() {
            write!(f, "{}{range}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for Ownership {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::default());
        }
        text.split(',').map(str::parse::<OwnedRange>).collect()
    }
}

impl Serialize for Ownership {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ownership {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::specification_vector(b"123456789", 0x31C3)]
    #[case::foo(b"foo", 12_182)]
    #[case::tagged(b"{foo}.bar", 12_182)]
    #[case::first_tag_wins(b"a{foo}{bar}", 12_182)]
    #[case::empty_tag_hashes_all(b"{}foo", 9_500)]
    fn slot_of_key(#[case] key: &[u8], #[case] slot: u16) {
        assert_eq!(Slot::of_key(key).number(), slot);
    }

    #[rstest]
    #[case(3, &["0-5460", "5461-10922", "10923-16383"])]
    #[case(1, &["0-16383"])]
    #[case(2, &["0-8191", "8192-16383"])]
    fn shares_divide_all_slots(#[case] shards: usize, #[case] shares: &[&str]) {
        let got: Vec<_> = (0..shards).map(|shard| Ownership::share(shard, shards).to_string()).collect();
        assert_eq!(got, shares);
    }

    #[rstest]
    #[case("0-5460")]
    #[case("none")]
    #[case("1,3-5,16383")]
    fn sets_read_back(#[case] text: &str) {
        assert_eq!(text.parse::<Ownership>().map(|set| set.to_string()), Ok(text.to_owned()));
    }

    #[rstest]
    #[case("5-3")]
    #[case("16384")]
    #[case("a")]
    fn nonsense_is_refused(#[case] text: &str) {
        assert!(text.parse::<Ownership>().is_err());
    }

    #[test]
    fn neighbours_merge() {
        assert_eq!("3-5,0-2,6".parse::<Ownership>().map(|set| set.to_string()), Ok("0-6".to_owned()));
    }
}
