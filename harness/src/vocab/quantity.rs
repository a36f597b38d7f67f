//! Sizes and percentages as a scenario writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::with_unit::WithUnit;

/// A number of bytes, written with its unit: `"16B"`, `"4KiB"`, `"1MB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    /// The size in bytes.
    pub bytes: u64,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bytesize::ByteSize(self.bytes).display().iec().fmt(f)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}B", self.bytes))
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unitless = text.trim().bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<bytesize::ByteSize>() {
            Ok(size) if !unitless => Ok(Self { bytes: size.0 }),
            _ => Err(format!(
                "`{text}` is not a size: write a number with its unit, such as \"16B\", \"4KiB\" or \"1MB\""
            )),
        }
    }
}

impl WithUnit for Size {
    const NAME: &'static str = "size";
    const EXPECTED: &'static str = "a size with its unit in quotes, such as \"16B\" or \"4KiB\"";
    const SUGGESTED_UNITS: &'static [&'static str] = &["B"];
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize_text(deserializer)
    }
}

/// A part of a hundred, 0 to 100, written as a plain number: `99`, `99.9`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percent(f64);

impl Percent {
    /// Half of it.
    pub const HALF: Self = Self(50.0);
    /// All but the last of a hundred.
    pub const ALL_BUT_ONE: Self = Self(99.0);
    /// All of it.
    pub const ALL: Self = Self(100.0);

    /// The value, 0 to 100.
    pub fn value(self) -> f64 {
        self.0
    }

    /// The value as a fraction, 0 to 1.
    pub fn fraction(self) -> f64 {
        self.0 / 100.0
    }

    /// Which of `count` sorted samples is the quantile of this percentage, from 1 (nearest rank); none without samples.
    pub fn rank(self, count: u64) -> Option<u64> {
        rank(count, self.fraction())
    }
}

/// Which of `count` sorted samples is the quantile, from 1: the smallest that at least that share of them does not exceed; none
/// without samples.
pub fn rank(count: u64, fraction: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of samples")]
    // 99.9 % of 1000 is 999.0000000000001 in binary fractions.
    let rank = (fraction * count as f64 - 1e-6).ceil().max(1.0) as u64;
    (count > 0).then_some(rank.min(count))
}

impl TryFrom<f64> for Percent {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if (0.0..=100.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("`{value}` is not a percentage: it must lie between 0 and 100"))
        }
    }
}

impl From<Percent> for f64 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}
