//! Numbers in as many bytes as they need: seven bits in each, the lowest first, and the highest bit says that another byte follows.

/// The most bytes that a number takes.
const BYTES_MAX: usize = 10;

/// Adds a number.
pub(super) fn push(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7F).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

/// Takes a number from the beginning of these bytes, if there is one.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let length = 1 + bytes.iter().take(BYTES_MAX).position(|byte| byte & 0x80 == 0)?;
    let (number, rest) = bytes.split_at(length);
    *bytes = rest;
    Some(number.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7F)))
}
