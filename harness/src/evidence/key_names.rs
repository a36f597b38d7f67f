//! What the keys of a load are called.

use serde::{Deserialize, Serialize};

use super::DataType;

/// What the keys of a load are called: `app:17`, `k0000017` or `{app:2}:17`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNames {
    /// What stands before a key's number.
    pub prefix: String,
    /// How many digits a number has at least: zeros fill it up.
    pub digits: u8,
    /// How many hash tags the keys are spread over, by turns, each the prefix and its own number in braces; 0 for none.
    pub hash_tags: u32,
    /// The number of the first of these tags, usually 1.
    pub first_tag: u32,
}

impl KeyNames {
    /// Adds the key of that number, from 1, of those that hold such data.
    pub fn push(&self, data: DataType, number: u32, out: &mut Vec<u8>) {
        let (before, behind) = data.affixes();
        if let Some(tag) = number.saturating_sub(1).checked_rem(self.hash_tags) {
            out.push(b'{');
            out.extend_from_slice(self.prefix.as_bytes());
            push_number(out, self.first_tag + tag, 0);
            out.extend_from_slice(b"}:");
        } else {
            out.extend_from_slice(self.prefix.as_bytes());
        }
        out.extend_from_slice(before.as_bytes());
        push_number(out, number, self.digits.into());
        out.extend_from_slice(behind.as_bytes());
    }

    /// The key of that number, from 1, of those that hold such data.
    pub fn text(&self, data: DataType, number: u32) -> String {
        let mut text = Vec::new();
        self.push(data, number, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The number of a key of that text, if it is one of those that hold such data.
    pub fn number(&self, data: DataType, text: &[u8]) -> Option<u32> {
        let end = text.len().checked_sub(data.affixes().1.len())?;
        let digits = text[..end].iter().rev().take(DIGITS_MAX).take_while(|byte| byte.is_ascii_digit()).count();
        let mut key = Vec::with_capacity(text.len());
        // What stands before a number may end with digits, too.
        let is_key = |number: &u32| {
            key.clear();
            self.push(data, *number, &mut key);
            key == text
        };
        let number = |digits: usize| std::str::from_utf8(&text[end - digits..end]).ok()?.parse().ok();
        (1..=digits).rev().filter_map(number).find(is_key)
    }
}

/// No number has more.
const DIGITS_MAX: usize = 10;

/// Every key that is sent comes by here, so it takes no formatter. At least `digits` of them, of which there may be [`DIGITS_MAX`].
fn push_number(out: &mut Vec<u8>, mut number: u32, digits: usize) {
    let mut text = [b'0'; DIGITS_MAX];
    let mut at = text.len();
    while number > 0 || at == text.len() {
        at -= 1;
        text[at] += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    out.extend_from_slice(&text[at.min(DIGITS_MAX.saturating_sub(digits))..]);
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("app:", 0, 0, 17, "app:17")]
    #[case::long("", 0, 0, u32::MAX, "4294967295")]
    #[case::as_long_as_others("k", 7, 0, 17, "k0000017")]
    #[case::longer_than_that("k", 2, 0, 1_017, "k1017")]
    #[case::as_long_as_can_be("k", 10, 0, 17, "k0000000017")]
    #[case::first_tag("app:", 0, 100, 1, "{app:1}:1")]
    #[case::last_tag("app:", 0, 100, 100, "{app:100}:100")]
    #[case::first_tag_again("app:", 0, 100, 101, "{app:1}:101")]
    #[case::all_of_it("", 5, 3, 12, "{3}:00012")]
    fn a_key_has_a_name(
        #[case] prefix: &str,
        #[case] digits: u8,
        #[case] hash_tags: u32,
        #[case] number: u32,
        #[case] expected: &str,
    ) {
        let names = KeyNames { prefix: prefix.to_owned(), digits, hash_tags, first_tag: 1 };
        assert_eq!(names.text(DataType::Value, number), expected);
    }

    #[rstest]
    #[case::plain("app:", 0, DataType::Value, "app:17", Some(17))]
    #[case::behind_digits("k1", 0, DataType::Value, "k112", Some(12))]
    #[case::with_a_tag("app:", 5, DataType::Value, "{app:2}:0012", Some(12))]
    #[case::with_anothers_tag("app:", 5, DataType::Value, "{app:3}:0012", None)]
    #[case::another_type("app:", 0, DataType::Value, "app:list:17", None)]
    #[case::a_group("app:", 0, DataType::Group, "app:{0017}", Some(17))]
    #[case::anothers("app:", 0, DataType::Value, "other:17", None)]
    #[case::no_number("app:", 0, DataType::Value, "app:", None)]
    #[case::too_large("app:", 0, DataType::Value, "app:99999999999", None)]
    fn a_name_tells_the_number(
        #[case] prefix: &str,
        #[case] hash_tags: u32,
        #[case] data: DataType,
        #[case] text: &str,
        #[case] expected: Option<u32>,
    ) {
        let digits = if hash_tags > 0 || data == DataType::Group { 4 } else { 0 };
        let names = KeyNames { prefix: prefix.to_owned(), digits, hash_tags, first_tag: 1 };
        assert_eq!(names.number(data, text.as_bytes()), expected);
    }

    #[rstest]
    #[case::of_its_type(DataType::SortedSet, 0, "app:zset:0012")]
    #[case::a_group(DataType::Group, 0, "app:{0012}")]
    #[case::beside_values_with_its_tag(DataType::Counter, 5, "{app:2}:counter:0012")]
    fn what_a_key_holds_is_in_its_name(#[case] data: DataType, #[case] hash_tags: u32, #[case] expected: &str) {
        let names = KeyNames { prefix: "app:".to_owned(), digits: 4, hash_tags, first_tag: 1 };
        assert_eq!(names.text(data, 12), expected);
    }
}
