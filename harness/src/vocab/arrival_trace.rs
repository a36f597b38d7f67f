//! Arrivals that were recorded somewhere else.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// When each start of a recorded trace is due, and nothing after the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalTrace {
    /// The file as the scenario names it.
    pub file: String,
    /// Nanoseconds from the load's first moment, in order.
    #[serde(serialize_with = "in_one_text", deserialize_with = "from_one_text")]
    pub nanos: Arc<[u64]>,
}

impl ArrivalTrace {
    /// How many starts are due by that time, the ones at that moment included.
    pub fn due_by(&self, nanos: u64) -> u64 {
        self.nanos.partition_point(|due| *due <= nanos) as u64
    }

    /// The most starts that are due within a second, wherever it begins.
    pub fn per_second_max(&self) -> u64 {
        let within = |(index, from): (usize, &u64)| {
            let end = from.saturating_add(1_000_000_000);
            self.nanos[index..].partition_point(|due| *due < end) as u64
        };
        self.nanos.iter().enumerate().map(within).max().unwrap_or(0)
    }
}

impl fmt::Display for ArrivalTrace {
    /// `40 starts of arrivals.csv in 2.500 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.nanos.last().copied().unwrap_or(0) as f64 / 1e9;
        write!(f, "{} starts of {} in {seconds:.3} s", self.nanos.len(), self.file)
    }
}

/// One text and no list, whose every number would have a line of its own in `plan.json`.
fn in_one_text<S: Serializer>(nanos: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    let numbers: Vec<_> = nanos.iter().map(u64::to_string).collect();
    serializer.serialize_str(&numbers.join(" "))
}

fn from_one_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u64]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn trace(nanos: &[u64]) -> ArrivalTrace {
        ArrivalTrace { file: "arrivals.csv".to_owned(), nanos: nanos.into() }
    }

    #[rstest]
    #[case::nothing(&[], 0)]
    #[case::one(&[5], 1)]
    #[case::a_burst_in_the_middle(&[0, 1_500_000_000, 1_600_000_000, 2_400_000_000, 2_500_000_000], 3)]
    fn the_fullest_second_counts(#[case] nanos: &[u64], #[case] most: u64) {
        assert_eq!(trace(nanos).per_second_max(), most);
    }

    /// The plan is evidence, so it must hold every arrival, and still be a file that people open.
    #[test]
    fn a_long_trace_is_one_text() {
        let nanos: Vec<_> = (0..100_000_u64).map(|nth| nth * 600_000).collect();
        let trace = trace(&nanos);
        let text = serde_json::to_string_pretty(&trace).unwrap();
        assert!(text.lines().count() < 10 && text.len() < 2_000_000, "{}", text.len());
        assert_eq!(serde_json::from_str::<ArrivalTrace>(&text).unwrap(), trace);
    }
}
