//! What a shape did to packets, and whether that agrees with its percentages. No I/O.

use super::LinkCounters;
use crate::vocab::{LinkShape, Percent};

/// A share is judged only if at least this many packets are expected to be affected, and as many not to be.
const JUDGED_MIN: f64 = 25.0;
/// How many standard deviations the number may be off. One in 1.7 million correct shapes exceeds this.
const DEVIATIONS_MAX: f64 = 5.0;
/// The share of packets that the device may miss before nothing counts as proven.
const UNREAD_MAX: f64 = 0.001;

/// What happened to the packets of a shape's links.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShapeOutcome {
    /// The sum over its links.
    pub(super) counters: LinkCounters,
    /// Packets, of any link, that the device never read.
    pub(super) unread: u64,
}

/// Something that a shape does to a share of packets.
struct Chance {
    /// What happened to them, such as `lost`.
    name: &'static str,
    /// How many packets it happened to.
    count: u64,
    /// How many it could have happened to.
    of: u64,
    /// The share of those that it should happen to.
    share: Percent,
}

impl ShapeOutcome {
    /// Describes what happened to the packets; the error says what should not have happened.
    pub(super) fn told(&self, shape: &LinkShape) -> Result<String, String> {
        let Self { counters, unread } = self;
        if *unread as f64 > UNREAD_MAX * counters.seen as f64 {
            let seen = counters.seen;
            return Err(format!("{unread} packets found the shaping device full, beside {seen} that were shaped"));
        }
        let mut told = vec![format!("{} packets were shaped", counters.seen)];
        for fate in self.chances(shape) {
            fate.judge()?;
            told.extend(fate.told());
        }
        let percent = |count: u64| 100.0 * count as f64 / counters.seen.max(1) as f64;
        let others = [("lost in a full queue", counters.overflowed), ("overtaken", counters.reordered)];
        let others = others.iter().filter(|(_, count)| *count > 0);
        told.extend(others.map(|(name, count)| format!("{count} {name} ({:.2} %)", percent(*count))));
        told.extend((*unread > 0).then(|| format!("{unread} found the device full")));
        Ok(told.join(", "))
    }

    /// What is drawn for each packet by itself. Reordering is left out: it depends on when the next packet comes.
    fn chances(&self, shape: &LinkShape) -> [Chance; 3] {
        let LinkCounters { seen, lost, duplicated, corrupted, passed, .. } = self.counters;
        [
            Chance { name: "lost", count: lost, of: seen, share: shape.loss },
            Chance { name: "repeated", count: duplicated, of: passed, share: shape.duplicate },
            Chance { name: "damaged", count: corrupted, of: passed, share: shape.corrupt },
        ]
    }
}

impl Chance {
    fn expected(&self) -> f64 {
        self.of as f64 * self.share.value() / 100.0
    }

    /// `5 lost (5.00 %, expected 4.8)`; `None` if it did not happen and should not.
    fn told(&self) -> Option<String> {
        let share = 100.0 * self.count as f64 / self.of.max(1) as f64;
        let concerns = self.count > 0 || self.share.value() > 0.0;
        concerns.then(|| format!("{} {} ({share:.2} %, expected {:.1})", self.count, self.name, self.expected()))
    }

    /// Whether this count is plausible, given the share.
    fn judge(&self) -> Result<(), String> {
        let Self { name, count, of, share } = self;
        let expected = self.expected();
        if expected.min(*of as f64 - expected) < JUDGED_MIN {
            return Ok(());
        }
        let margin = DEVIATIONS_MAX * (expected * (1.0 - share.value() / 100.0)).sqrt();
        if (*count as f64 - expected).abs() <= margin {
            return Ok(());
        }
        Err(format!("{count} of {of} packets were {name}, where {expected:.0} +- {margin:.0} should be ({share} %)"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn counters(seen: u64, lost: u64, duplicated: u64, corrupted: u64) -> LinkCounters {
        LinkCounters { seen, lost, duplicated, corrupted, passed: seen - lost, ..LinkCounters::default() }
    }

    #[rstest]
    #[case::as_expected(
        counters(1_000, 95, 91, 90),
        0,
        Ok(
            "1000 packets were shaped, 95 lost (9.50 %, expected 100.0), 91 repeated (10.06 %, expected 90.5), 90 damaged (9.94 %, expected 90.5)"
        )
    )]
    #[case::at_the_margin(counters(1_000, 147, 85, 85), 0, Ok("147 lost"))]
    #[case::too_many_lost(
        counters(1_000, 148, 85, 85),
        0,
        Err("148 of 1000 packets were lost, where 100 +- 47 should be (10")
    )]
    #[case::none_lost(counters(1_000, 0, 100, 100), 0, Err("0 of 1000 packets were lost"))]
    #[case::none_repeated(counters(1_000, 100, 0, 90), 0, Err("0 of 900 packets were repeated"))]
    #[case::none_damaged(counters(1_000, 100, 90, 0), 0, Err("0 of 900 packets were damaged"))]
    #[case::too_few_to_judge(counters(249, 0, 0, 0), 0, Ok("0 lost (0.00 %, expected 24.9)"))]
    #[case::no_packets(counters(0, 0, 0, 0), 0, Ok("0 packets were shaped"))]
    #[case::some_unread(counters(10_000, 1_000, 900, 900), 10, Ok("10 found the device full"))]
    #[case::too_many_unread(counters(10_000, 1_000, 900, 900), 11, Err("11 packets found the shaping device full"))]
    fn shares_are_judged(#[case] counters: LinkCounters, #[case] unread: u64, #[case] expected: Result<&str, &str>) {
        let share = Percent::try_from(10.0).unwrap();
        let shape = LinkShape { loss: share, duplicate: share, corrupt: share, ..LinkShape::default() };
        let told = ShapeOutcome { counters, unread }.told(&shape);
        match (&told, expected) {
            (Ok(told), Ok(expected)) | (Err(told), Err(expected)) => assert!(told.contains(expected), "{told}"),
            _ => panic!("{told:?}"),
        }
    }

    #[test]
    fn a_shape_without_chances_only_counts() {
        let counters = LinkCounters { overflowed: 5, ..counters(100, 0, 0, 0) };
        let told = ShapeOutcome { counters, unread: 0 }.told(&LinkShape::default());
        assert_eq!(told.as_deref(), Ok("100 packets were shaped, 5 lost in a full queue (5.00 %)"));
    }
}
