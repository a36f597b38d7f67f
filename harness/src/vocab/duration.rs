//! Durations as a scenario writes them, and instants of a run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::with_unit::WithUnit;

/// The longest duration that can be written: 30 days. Sums of a few of them fit anywhere.
const LONGEST: std::time::Duration = std::time::Duration::from_hours(30 * 24);

/// A length of time, written with its unit: `"500ms"`, `"2s"`, `"1m 30s"`; at most 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(pub std::time::Duration);

impl Duration {
    /// A duration of whole milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(std::time::Duration::from_millis(milliseconds))
    }

    /// The duration in nanoseconds, saturating at about 584 years.
    pub fn as_nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match humantime::parse_duration(text) {
            Ok(duration) if duration <= LONGEST => Ok(Self(duration)),
            Ok(_) => Err(format!("`{text}` is too long: a duration is at most 30 days")),
            Err(_) => Err(format!(
                "`{text}` is not a duration: write a number with its unit, such as \"500ms\", \"2s\" or \"1m 30s\""
            )),
        }
    }
}

impl WithUnit for Duration {
    const NAME: &'static str = "duration";
    const EXPECTED: &'static str = "a duration with its unit in quotes, such as \"500ms\" or \"2s\"";
    const SUGGESTED_UNITS: &'static [&'static str] = &["s", "ms"];
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize_text(deserializer)
    }
}

/// A moment of a run: nanoseconds since the run's clock started (`CLOCK_MONOTONIC`).
///
/// A server's log may speak of a moment before the clock started; it saturates at zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(pub u64);

impl Instant {
    /// The moment `milliseconds` after the run's clock started.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds * 1_000_000)
    }

    /// Nanoseconds from `earlier` to this moment; zero when `earlier` is later.
    pub fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Milliseconds, with fraction, from `earlier` to this moment; negative when `earlier` is later.
    pub fn millis_since(self, earlier: Self) -> f64 {
        (self.0 as f64 - earlier.0 as f64) / 1e6
    }

    /// This moment moved later by `nanoseconds`.
    #[must_use]
    pub const fn plus_nanos(self, nanoseconds: u64) -> Self {
        Self(self.0.saturating_add(nanoseconds))
    }
}

impl fmt::Display for Instant {
    /// Seconds with milliseconds: `12.345 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.0 as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::milliseconds("500ms", Ok(500))]
    #[case::several_units("1m 30s", Ok(90_000))]
    #[case::the_longest("30days", Ok(2_592_000_000))]
    #[case::longer("30days 1ms", Err("`30days 1ms` is too long: a duration is at most 30 days"))]
    #[case::far_too_long("18446744073709551615s", Err("is too long"))]
    #[case::no_unit("5", Err("write a number with its unit"))]
    fn a_duration_is_read(#[case] text: &str, #[case] expected: Result<u64, &str>) {
        let read = serde_json::from_value::<Duration>(text.into()).map_err(|error| error.to_string());
        match expected {
            Ok(milliseconds) => assert_eq!(read, Ok(Duration::from_millis(milliseconds))),
            Err(message) => assert!(read.as_ref().is_err_and(|error| error.contains(message)), "{read:?}"),
        }
    }
}
