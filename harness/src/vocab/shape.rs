//! What a link does to the packets that pass it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::with_unit::WithUnit;
use super::{Duration, Percent};

/// What a link does to the packets that it does not cut off. The default does nothing.
///
/// Losses, duplicates and the like are drawn from the run's seed, packet by packet: the same seed treats the same
/// packets of the same sequence alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkShape {
    /// How much later each packet arrives.
    pub delay: Duration,
    /// How much the delay varies: evenly from `delay - jitter` to `delay + jitter`. Packets keep their order.
    pub jitter: Duration,
    /// The share of packets that vanish.
    pub loss: Percent,
    /// The share of packets that arrive twice.
    pub duplicate: Percent,
    /// The share of packets that the next one of the same link overtakes.
    pub reorder: Percent,
    /// The share of packets that arrive with one wrong bit, which the receiver's checksum finds.
    pub corrupt: Percent,
    /// How much passes at most; what waits for its turn beyond 1,000 packets is lost. The lab's own probes do not wait for it.
    pub rate: Option<Rate>,
}

impl LinkShape {
    /// Whether packets pass as if there were no shape.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for LinkShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let nothing = Duration::default();
        if self.delay != nothing || self.jitter != nothing {
            let jitter = if self.jitter == nothing { String::new() } else { format!(" +-{}", self.jitter) };
            parts.push(format!("delay {}{jitter}", self.delay));
        }
        let shares =
            [("loss", self.loss), ("duplicate", self.duplicate), ("reorder", self.reorder), ("corrupt", self.corrupt)];
        parts.extend(
            shares.iter().filter(|(_, share)| share.value() > 0.0).map(|(name, share)| format!("{name} {share}")),
        );
        parts.extend(self.rate.map(|rate| format!("rate {rate}")));
        f.write_str(if parts.is_empty() { "nothing" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// Bits a second, written with the unit: `"10Mbit"`, `"512kbit"`, `"1Gbit"`, `"800bit"` (1 kbit is 1,000 bit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    /// Bits a second, at least 1.
    pub bits_per_second: u64,
}

const UNITS: [(&str, u64); 4] = [("Gbit", 1_000_000_000), ("Mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a rate: write bits a second with their unit, such as \"10Mbit\", \"512kbit\" or \"1Gbit\""
            )
        };
        let unit = UNITS.iter().find_map(|(unit, bits)| Some((text.trim().strip_suffix(unit)?.trim(), *bits)));
        let (number, bits) = unit.ok_or_else(wrong)?;
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let bits_per_second = number * bits as f64;
        if !(1.0..=1e12).contains(&bits_per_second) {
            return Err(format!("`{text}` is not a rate that a link can have: it must lie between 1bit and 1000Gbit"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 1e12")]
        Ok(Self { bits_per_second: bits_per_second as u64 })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits_per_second;
        let whole = UNITS.iter().find(|(_, unit)| bits.is_multiple_of(*unit)).unwrap_or(&("bit", 1));
        write!(f, "{}{}", bits / whole.1, whole.0)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl WithUnit for Rate {
    const NAME: &'static str = "rate";
    const EXPECTED: &'static str = "bits a second with their unit in quotes, such as \"10Mbit\"";
    const SUGGESTED_UNITS: &'static [&'static str] = &["Mbit"];
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize_text(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("10Mbit", 10_000_000, "10Mbit")]
    #[case("0.5Mbit", 500_000, "500kbit")]
    #[case("1Gbit", 1_000_000_000, "1Gbit")]
    #[case("1500bit", 1_500, "1500bit")]
    fn rates_are_read_and_shown(#[case] text: &str, #[case] bits: u64, #[case] shown: &str) {
        let rate: Rate = text.parse().unwrap();
        assert_eq!((rate.bits_per_second, rate.to_string().as_str()), (bits, shown));
    }

    #[rstest]
    #[case("10")]
    #[case("10MB")]
    #[case("0Mbit")]
    #[case("-1Mbit")]
    #[case("Mbit")]
    #[case("NaNbit")]
    fn what_is_no_rate_is_refused(#[case] text: &str) {
        assert!(text.parse::<Rate>().is_err());
    }
}
