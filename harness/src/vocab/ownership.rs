//! Who owns what: sets of positions in the numbering by which a system divides its keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A key's place in the numbering by which a system divides its keys among masters. Keys at one position always have the same
/// owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u16);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Positions from `first` to `last`, both included. Written `0-5460`, or `7` for a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnedRange {
    /// The first position.
    pub first: u16,
    /// The last position, not below `first`.
    pub last: u16,
}

impl OwnedRange {
    /// How many positions the range holds.
    pub fn len(self) -> usize {
        usize::from(self.last - self.first) + 1
    }

    /// A range always holds at least one position.
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
        match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!("`{text}` is not a range such as 0-5460")),
        }
    }
}

/// A set of positions as sorted ranges that neither touch nor overlap. Written `0-5460,5462`; empty is `none`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ownership(Vec<OwnedRange>);

impl Ownership {
    /// The ranges in ascending order.
    pub fn ranges(&self) -> &[OwnedRange] {
        &self.0
    }

    /// How many positions the set holds.
    pub fn len(&self) -> usize {
        self.0.iter().map(|range| range.len()).sum()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `position` is in the set.
    pub fn contains(&self, position: Position) -> bool {
        self.0.iter().any(|range| (range.first..=range.last).contains(&position.0))
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
    #[case("0-5460", 5_461)]
    #[case("none", 0)]
    #[case("1,3-5,16383", 5)]
    #[case("0-65535", 65_536)]
    fn sets_read_back(#[case] text: &str, #[case] len: usize) {
        let set: Ownership = text.parse().unwrap();
        assert_eq!((set.to_string().as_str(), set.len()), (text, len));
    }

    #[rstest]
    #[case("5-3")]
    #[case("65536")]
    #[case("a")]
    fn nonsense_is_refused(#[case] text: &str) {
        assert!(text.parse::<Ownership>().is_err());
    }

    #[test]
    fn neighbours_merge() {
        assert_eq!("3-5,0-2,6".parse::<Ownership>().map(|set| set.to_string()), Ok("0-6".to_owned()));
    }
}
