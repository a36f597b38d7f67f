//! How large values are, as a scenario writes it: a size, a range of sizes, or several with weights.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::keys::scaled;
use crate::vocab::Size;

/// How large values are. Of several sizes, each value's follows from its id: it is the same in every attempt, and in every run with
/// the same seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueSize {
    /// `"16B"`: all alike.
    Fixed(Size),
    /// `(from: "16B", to: "1KiB")`: every number of bytes in between is as likely.
    Range(SizeRange),
    /// `[(weight: 9, size: "64B"), (size: "10KiB")]`: each as often as its weight says.
    Weighted(Vec<WeightedSize>),
}

/// Sizes from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeRange {
    /// The smallest.
    pub from: Size,
    /// The largest.
    pub to: Size,
}

/// One size of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedSize {
    /// How often it is drawn, relative to the others.
    #[serde(default = "one")]
    pub weight: u32,
    /// The size.
    pub size: Size,
}

fn one() -> u32 {
    1
}

impl ValueSize {
    /// The size of the value with that id, in bytes.
    pub(crate) fn of(&self, id: u64) -> u64 {
        match self {
            Self::Fixed(size) => size.bytes,
            Self::Range(SizeRange { from, to }) => {
                from.bytes + scaled(mixed(id), to.bytes.saturating_sub(from.bytes) + 1)
            }
            Self::Weighted(sizes) => {
                let mut at = scaled(mixed(id), total(sizes));
                let drawn = sizes.iter().find(|sized| {
                    let is_here = at < u64::from(sized.weight);
                    at = at.saturating_sub(sized.weight.into());
                    is_here
                });
                drawn.map_or(0, |sized| sized.size.bytes)
            }
        }
    }

    /// The size of the smallest, in bytes.
    pub(crate) fn bytes_min(&self) -> u64 {
        match self {
            Self::Fixed(size) => size.bytes,
            Self::Range(range) => range.from.bytes,
            Self::Weighted(sizes) => sizes.iter().map(|sized| sized.size.bytes).min().unwrap_or(0),
        }
    }

    /// The size of the largest, in bytes.
    pub(crate) fn bytes_max(&self) -> u64 {
        match self {
            Self::Fixed(size) => size.bytes,
            Self::Range(range) => range.to.bytes,
            Self::Weighted(sizes) => sizes.iter().map(|sized| sized.size.bytes).max().unwrap_or(0),
        }
    }

    /// The size of all values, if they are alike.
    pub(crate) fn fixed(&self) -> Option<Size> {
        if let Self::Fixed(size) = self { Some(*size) } else { None }
    }
}

fn total(sizes: &[WeightedSize]) -> u64 {
    sizes.iter().map(|sized| u64::from(sized.weight)).sum()
}

/// A number that looks random, and a different one for each id: the finalizer of `SplitMix64` (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", 2014).
fn mixed(id: u64) -> u64 {
    let id = id.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let id = (id ^ (id >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let id = (id ^ (id >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    id ^ (id >> 31)
}

impl fmt::Display for ValueSize {
    /// As what follows "SET of": `16 B`, `16 B to 1.0 KiB`, `64 B (90 %) or 10.0 KiB (10 %)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => size.fmt(f),
            Self::Range(SizeRange { from, to }) => write!(f, "{from} to {to}"),
            Self::Weighted(sizes) => {
                for (nth, WeightedSize { weight, size }) in sizes.iter().enumerate() {
                    let or = if nth == 0 { "" } else { " or " };
                    write!(f, "{or}{size} ({:.0} %)", 100.0 * f64::from(*weight) / total(sizes).max(1) as f64)?;
                }
                Ok(())
            }
        }
    }
}

impl<'de> Deserialize<'de> for ValueSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WrittenSize)
    }
}

struct WrittenSize;

impl<'de> Visitor<'de> for WrittenSize {
    type Value = ValueSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a size with its unit in quotes, such as \"16B\", a range of them, `(from: \"16B\", to: \"1KiB\")`, or several, \
             `[(weight: 9, size: \"64B\"), (size: \"10KiB\")]`",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ValueSize, E> {
        Size::deserialize(text.into_deserializer()).map(ValueSize::Fixed)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<ValueSize, E> {
        Size::deserialize(number.into_deserializer()).map(ValueSize::Fixed)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<ValueSize, A::Error> {
        SizeRange::deserialize(MapAccessDeserializer::new(fields)).map(ValueSize::Range)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sizes: A) -> Result<ValueSize, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(sizes)).map(ValueSize::Weighted)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn size(written: &str) -> ValueSize {
        crate::text::options().from_str(written).unwrap()
    }

    /// How many of 100,000 values have a size in that range.
    #[rstest]
    #[case::fixed("\"16B\"", 16..=16, 100_000..=100_000)]
    #[case::range("(from: \"16B\", to: \"115B\")", 16..=115, 100_000..=100_000)]
    #[case::half_of_a_range("(from: \"16B\", to: \"115B\")", 16..=65, 49_000..=51_000)]
    #[case::the_smallest("(from: \"16B\", to: \"115B\")", 16..=16, 900..=1_100)]
    #[case::the_largest("(from: \"16B\", to: \"115B\")", 115..=115, 900..=1_100)]
    #[case::most("[(weight: 9, size: \"64B\"), (size: \"10KiB\")]", 64..=64, 89_500..=90_500)]
    #[case::few("[(weight: 9, size: \"64B\"), (size: \"10KiB\")]", 10_240..=10_240, 9_500..=10_500)]
    fn sizes_are_drawn_as_said(
        #[case] written: &str,
        #[case] range: std::ops::RangeInclusive<u64>,
        #[case] expected: std::ops::RangeInclusive<usize>,
    ) {
        let size = size(written);
        let count = (0..100_000).filter(|id| range.contains(&size.of(*id))).count();
        assert!(expected.contains(&count), "{count}");
        assert!((0..100_000).all(|id| size.of(id) <= size.bytes_max()));
    }

    #[rstest]
    #[case("\"16B\"", "16 B")]
    #[case("(from: \"16B\", to: \"1KiB\")", "16 B to 1.0 KiB")]
    #[case("[(weight: 9, size: \"64B\"), (size: \"10KiB\")]", "64 B (90 %) or 10.0 KiB (10 %)")]
    fn sizes_in_words(#[case] written: &str, #[case] words: &str) {
        assert_eq!(size(written).to_string(), words);
    }
}
