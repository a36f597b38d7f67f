//! Hash slots: the numbering by which a cluster divides its keys.

use crate::vocab::{OwnedRange, Ownership, Position};

/// The number of hash slots in a cluster (`CLUSTER_SLOTS`, Redis `cluster.h`).
pub(crate) const SLOT_COUNT: u16 = 16_384;

/// The slot of a key: CRC16 (XMODEM) of the key, or of its hash tag, modulo 16384
/// (Redis Cluster specification, "Hash tags").
pub(crate) fn slot_of_key(key: &[u8]) -> Position {
    Position(crc16(hash_tag(key)) % SLOT_COUNT)
}

/// A slot by its number; none if there is no such slot.
pub(super) fn slot(number: impl TryInto<u16>) -> Option<Position> {
    number.try_into().ok().filter(|number| *number < SLOT_COUNT).map(Position)
}

/// A range as `CLUSTER NODES` writes it; none if it names what is no slot.
pub(super) fn slot_range(text: &str) -> Option<OwnedRange> {
    text.parse().ok().filter(|range: &OwnedRange| range.last < SLOT_COUNT)
}

/// The share of `shard` (counted from 0) when all slots are divided over `shards` masters, as
/// `redis-cli --cluster create` divides them: 0-5460, 5461-10922, 10923-16383 for three.
pub fn share(shard: usize, shards: usize) -> Ownership {
    let per_shard = f64::from(SLOT_COUNT) / shards as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 16384")]
    let edge = |index: usize| (per_shard * index as f64).round() as u16;
    let last = if shard + 1 == shards { SLOT_COUNT - 1 } else { edge(shard + 1) - 1 };
    [OwnedRange { first: edge(shard), last }].into_iter().collect()
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
    fn slot_of_a_key(#[case] key: &[u8], #[case] slot: u16) {
        assert_eq!(slot_of_key(key), Position(slot));
    }

    #[rstest]
    #[case(3, &["0-5460", "5461-10922", "10923-16383"])]
    #[case(1, &["0-16383"])]
    #[case(2, &["0-8191", "8192-16383"])]
    fn shares_divide_all_slots(#[case] shards: usize, #[case] shares: &[&str]) {
        let got: Vec<_> = (0..shards).map(|shard| share(shard, shards).to_string()).collect();
        assert_eq!(got, shares);
    }

    #[rstest]
    #[case("5-3")]
    #[case("16384")]
    #[case("0-16384")]
    #[case("a")]
    fn nonsense_is_no_range(#[case] text: &str) {
        assert_eq!(slot_range(text), None);
    }
}
