//! Values on the wire: 16 hexadecimal digits that stand for a unique id and look random, padded to the size the scenario asks for.

use super::resp::{push_bulk, push_bulk_head, push_decimal};
use crate::evidence::Value;

/// The bytes that the id takes: no value can be smaller.
pub(crate) const ID_BYTES: usize = 16;

const PADDING: u8 = b'x';

/// An odd number whose bits look random, and the one whose product with it is 1.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
const UNMIX: u64 = 0xF1DE_83E1_9937_733D;

/// Adds the value with that id as an argument, at least [`ID_BYTES`] long.
pub(crate) fn push_value(out: &mut Vec<u8>, id: u64, bytes: u64) {
    let size = usize::try_from(bytes).unwrap_or(usize::MAX).max(ID_BYTES);
    push_bulk_head(out, size);
    let end = out.len() + size;
    let mut digits = [0; ID_BYTES];
    for (digit, byte) in digits.chunks_exact_mut(2).zip(mixed(id).to_be_bytes()) {
        digit.copy_from_slice(&[byte >> 4, byte & 0xF].map(|half| b"0123456789abcdef"[usize::from(half)]));
    }
    out.extend_from_slice(&digits);
    out.resize(end, PADDING);
    out.extend_from_slice(b"\r\n");
}

/// Adds the id alone as an argument.
pub(crate) fn push_id(out: &mut Vec<u8>, id: u64) {
    push_value(out, id, ID_BYTES as u64);
}

/// Adds a number as an argument.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = Vec::with_capacity(20);
    push_decimal(&mut digits, number);
    push_bulk(out, &digits);
}

/// What a counter that was read holds.
pub(crate) fn read_number(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).ok().and_then(|digits| digits.parse().ok()).map_or(Value::Foreign, Value::Number)
}

/// What a value that was read tells: its id, or that no load wrote it.
pub(crate) fn read_value(bytes: &[u8]) -> Value {
    let Some((digits, padding)) = bytes.split_at_checked(ID_BYTES) else { return Value::Foreign };
    if padding.iter().any(|&byte| byte != PADDING) {
        return Value::Foreign;
    }
    let mut id = 0;
    for digit in digits {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return Value::Foreign,
        };
        id = (id << 4) | u64::from(digit);
    }
    Value::Written(unmixed(id))
}

/// A number for each id that tells nothing of those for others: ids are counted, and values should look like users' own.
const fn mixed(id: u64) -> u64 {
    let product = (id ^ MIX).wrapping_mul(MIX);
    (product ^ (product >> 32)).wrapping_mul(MIX)
}

/// The id for which [`mixed`] gives that number.
const fn unmixed(number: u64) -> u64 {
    let product = number.wrapping_mul(UNMIX);
    (product ^ (product >> 32)).wrapping_mul(UNMIX) ^ MIX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::load::resp::Reply;

    #[rstest]
    #[case("17", Value::Number(17))]
    #[case("-1", Value::Foreign)]
    #[case("", Value::Foreign)]
    #[case("1.5", Value::Foreign)]
    fn a_counter_is_a_number(#[case] text: &str, #[case] value: Value) {
        assert_eq!(read_number(text.as_bytes()), value);
    }

    #[rstest]
    #[case(b"")]
    #[case(b"0123456789abcde")]
    #[case(b"0123456789ABCDEF")]
    #[case(b"0123456789abcdefxxyx")]
    #[case(b"+123456789abcdef")]
    fn what_no_load_wrote_is_foreign(#[case] bytes: &[u8]) {
        assert_eq!(read_value(bytes), Value::Foreign);
    }

    proptest! {
        #[test]
        fn a_value_reads_back(id in any::<u64>(), size in 16_usize..100) {
            let mut out = Vec::new();
            push_value(&mut out, id, size as u64);
            let (reply, used) = Reply::parse(&out).unwrap().unwrap();
            prop_assert_eq!(used, out.len());
            let Reply::Bulk(value) = reply else { panic!("{reply:?}") };
            prop_assert_eq!((value.len(), read_value(value)), (size, Value::Written(id)));
        }
    }
}
