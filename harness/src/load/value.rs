//! Values on the wire: a unique id in 16 hexadecimal digits, padded to the size the scenario asks for.

use crate::evidence::Value;

/// The bytes that the id takes: no value can be smaller.
pub(crate) const ID_BYTES: usize = 16;

const PADDING: u8 = b'x';

/// Adds the value with that id, `size` bytes long and at least [`ID_BYTES`].
pub(crate) fn push_value(out: &mut Vec<u8>, id: u64, size: usize) {
    let end = out.len() + size.max(ID_BYTES);
    for shift in (0..ID_BYTES).rev() {
        out.push(b"0123456789abcdef"[usize::try_from((id >> (shift * 4)) & 0xF).unwrap_or(0)]);
    }
    out.resize(end, PADDING);
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
    Value::Written(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

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
            let mut out = b"before".to_vec();
            push_value(&mut out, id, size);
            prop_assert_eq!(out.len(), 6 + size);
            prop_assert_eq!(read_value(&out[6..]), Value::Written(id));
        }
    }
}
