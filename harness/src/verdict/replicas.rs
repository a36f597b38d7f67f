//! How far each replica was behind its masters.

use super::time_series::TimeSeries;
use super::types::ReplicaSummary;
use crate::check::followers::{self, Lag, ReplicaLags, SHOWN};
use crate::check::{Case, During};
use crate::evidence::Evidence;
use crate::vocab::NodeName;

/// How far a replica was behind over time.
#[derive(Clone, Debug, PartialEq)]
pub struct LagSeries {
    /// The replica.
    pub replica: NodeName,
    /// The longest that it took, in milliseconds, to reach any position that its master had in that bin of the series: infinite if it
    /// never came so far, none if its master had no new one, or it followed nobody.
    pub bins: Vec<Option<f64>>,
}

/// One summary for each replica that had anything to follow from the first load's start to the last load's end.
pub(super) fn replicas(case: &Case<'_>) -> Vec<ReplicaSummary> {
    followers::during(case, During::Whole).iter().map(summary).collect()
}

fn summary(follower: &ReplicaLags<'_>) -> ReplicaSummary {
    let [p50_ms, p99_ms, longest_ms] = SHOWN.map(|quantile| {
        let nanos = follower.quantile(Lag::most, quantile);
        (nanos != u64::MAX).then_some(nanos as f64 / 1e6)
    });
    let positions = follower.lags.len() as u64;
    ReplicaSummary { node: follower.replica.clone(), positions, p50_ms, p99_ms, longest_ms }
}

/// How far each replica was behind in each bin of that series.
pub fn lag_series(evidence: &Evidence, frame: &TimeSeries) -> Vec<LagSeries> {
    let series = followers::all(evidence).into_iter().map(|follower| {
        let mut bins = vec![None; frame.bins.len()];
        for lag in &follower.lags {
            let Some(bin) = frame.bin_of(lag.asked) else { continue };
            let ms = lag.most_nanos.map_or(f64::INFINITY, |nanos| nanos as f64 / 1e6);
            bins[bin] = Some(bins[bin].map_or(ms, |longest: f64| longest.max(ms)));
        }
        LagSeries { replica: follower.replica.clone(), bins }
    });
    series.filter(|series| series.bins.iter().any(Option::is_some)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::series;
    use super::*;
    use crate::check::testing::{LOAD_STARTS, Story};
    use crate::evidence::ReplicationRecord;
    use crate::vocab::Instant;

    /// A writes once every 100 ms; A1 says 5 ms later that it has it, and of the last it never does.
    fn story() -> Story {
        let mut story = Story::formed();
        story.run(LOAD_STARTS, LOAD_STARTS + 400);
        story.view(LOAD_STARTS, &["A1"]);
        story.end(LOAD_STARTS + 1_000);
        let record = |node: &str, ms: u64, offset: u64| {
            let at = Instant::from_millis(LOAD_STARTS + ms);
            ReplicationRecord { asked: at, at, before: None, node: node.into(), offset: offset.cast_signed() }
        };
        let reached = [(0, 5), (100, 105), (200, 240)];
        let reached =
            reached.iter().flat_map(|(master, own)| [record("A", *master, *master), record("A1", *own, *master)]);
        story.evidence.replication = reached.chain([record("A", 300, 300)]).collect();
        story
    }

    #[test]
    fn each_replica_has_its_quantiles() {
        let story = story();
        let [a1] = &replicas(&Case::new(&story.evidence))[..] else { panic!("one replica followed") };
        assert_eq!(
            (a1.node.as_str(), a1.positions, a1.p50_ms, a1.p99_ms, a1.longest_ms),
            ("A1", 4, Some(5.0), None, None)
        );
    }

    #[test]
    fn each_bin_has_the_longest_lag() {
        let story = story();
        let frame = series(&story.evidence, 600).1.unwrap();
        let [a1] = &lag_series(&story.evidence, &frame)[..] else { panic!("one replica followed") };
        assert_eq!(a1.bins[..4], [Some(5.0), Some(5.0), Some(40.0), Some(f64::INFINITY)]);
    }

    #[test]
    fn without_positions_there_is_neither() {
        let mut story = story();
        story.evidence.replication.clear();
        let frame = series(&story.evidence, 600).1.unwrap();
        assert!(replicas(&Case::new(&story.evidence)).is_empty() && lag_series(&story.evidence, &frame).is_empty());
    }
}
