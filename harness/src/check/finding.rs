//! What a check found, and how its figures are written.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocab::{Duration, Instant};

/// The three ends of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunOutcome {
    /// Every assumption held and every check and SLO was met, with samples.
    Pass,
    /// The assumptions held and something was not met.
    Fail,
    /// The run cannot tell: an assumption did not hold, or there was nothing to judge.
    Inconclusive,
}

impl fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
        })
    }
}

/// How a single check or SLO ended.
pub type Status = RunOutcome;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was asked, such as `p99 steady <= 10ms`.
    pub check: String,
    /// How it ended.
    pub status: Status,
    /// The limit, such as `10 ms`.
    pub limit: String,
    /// What was measured, such as `2.69 ms`; a dash when nothing was.
    pub measured: String,
    /// How many samples the measurement rests on.
    pub samples: u64,
    /// The line of the scenario file; none for the checks that every run has.
    pub line: Option<usize>,
    /// What a reader needs to know beside the figures; empty if nothing.
    pub note: String,
}

impl Finding {
    /// The finding of a check that has measured nothing yet: inconclusive, so that a pass must be earned.
    pub(crate) fn nothing(check: &impl fmt::Display, limit: String, note: impl Into<String>) -> Self {
        Self {
            check: check.to_string(),
            status: Status::Inconclusive,
            limit,
            measured: "-".to_owned(),
            samples: 0,
            line: None,
            note: note.into(),
        }
    }
}

/// Pass if `met`, else Fail.
pub(crate) fn met(met: bool) -> Status {
    if met { Status::Pass } else { Status::Fail }
}

/// A time in nanoseconds for people: `2.69 ms`, `2.31 s`; at most three decimals.
pub(crate) fn time(nanos: u64) -> String {
    let (value, unit) = if nanos < 1_000_000_000 { (nanos as f64 / 1e6, "ms") } else { (nanos as f64 / 1e9, "s") };
    format!("{} {unit}", decimals(value))
}

/// A limit in the same words as what is measured against it.
pub(crate) fn limit(duration: Duration) -> String {
    time(duration.as_nanos())
}

/// The limits of a count.
pub(super) fn count_limit(min: u64, max: u64) -> String {
    match (min, max) {
        (0, max) => format!("<= {max}"),
        (min, max) if min == max => max.to_string(),
        (min, max) => format!("{min} to {max}"),
    }
}

/// A number with at most three decimals and no trailing zeros.
pub(crate) fn decimals(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `1 write`, `2 writes`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Every explanation in one note; none if one is lacking, or there is nothing to explain.
pub(super) fn all_explained(each: impl Iterator<Item = Option<String>>) -> Option<String> {
    let explanations: Option<Vec<_>> = each.collect();
    explanations.map(note).filter(|note| !note.is_empty())
}

/// The earlier of two things that were found; the one before if they are of the same moment.
pub(super) fn earlier<T>(before: Option<(Instant, T)>, later: Option<(Instant, T)>) -> Option<(Instant, T)> {
    match (before, later) {
        (Some(before), Some(later)) => Some(if later.0 < before.0 { later } else { before }),
        (before, later) => before.or(later),
    }
}

/// Joins the sentences of a note that are not empty.
pub(crate) fn note(sentences: impl IntoIterator<Item = String>) -> String {
    let sentences: Vec<_> = sentences.into_iter().filter(|sentence| !sentence.is_empty()).collect();
    sentences.join("; ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0 ms")]
    #[case(2_690_000, "2.69 ms")]
    #[case(10_000_000, "10 ms")]
    #[case(999_999_999, "1000 ms")]
    #[case(2_310_000_000, "2.31 s")]
    fn times_read_well(#[case] nanos: u64, #[case] text: &str) {
        assert_eq!(time(nanos), text);
    }

    #[rstest]
    #[case::at_most(0, 3, "<= 3")]
    #[case::exactly(2, 2, "2")]
    #[case::between(1, 2, "1 to 2")]
    fn limits_of_a_count_read_well(#[case] min: u64, #[case] max: u64, #[case] text: &str) {
        assert_eq!(count_limit(min, max), text);
    }

    #[rstest]
    #[case::the_later_is_earlier(Some((2, 'b')), Some((1, 'l')), Some('l'))]
    #[case::the_one_before(Some((1, 'b')), Some((2, 'l')), Some('b'))]
    #[case::at_once(Some((1, 'b')), Some((1, 'l')), Some('b'))]
    #[case::only_the_later(None, Some((1, 'l')), Some('l'))]
    #[case::only_before(Some((1, 'b')), None, Some('b'))]
    #[case::neither(None, None, None)]
    fn the_earlier_of_two_counts(
        #[case] before: Option<(u64, char)>,
        #[case] later: Option<(u64, char)>,
        #[case] found: Option<char>,
    ) {
        let at = |thing: Option<(u64, char)>| thing.map(|(ms, name)| (Instant::from_millis(ms), name));
        assert_eq!(earlier(at(before), at(later)).map(|(_, name)| name), found);
    }

    #[rstest]
    #[case::each(&[Some("a"), Some("b")], Some("a; b"))]
    #[case::one_is_lacking(&[Some("a"), None], None)]
    #[case::nothing_to_explain(&[], None)]
    fn what_is_explained_is_explained_in_full(#[case] each: &[Option<&str>], #[case] note: Option<&str>) {
        assert_eq!(all_explained(each.iter().map(|one| one.map(str::to_owned))).as_deref(), note);
    }

    #[test]
    fn an_end_reads_well() {
        let ends = [RunOutcome::Pass, RunOutcome::Fail, RunOutcome::Inconclusive].map(|end| end.to_string());
        assert_eq!(ends, ["PASS", "FAIL", "INCONCLUSIVE"]);
    }
}
