//! The history in bins of time, and the windows in which a fault was felt: what the chart is drawn from.

use crate::evidence::{EventKind, Evidence, LinkChange, LogEvent, NetworkChange, Outcome};
use crate::vocab::Instant;

/// The finest bins; a long run gets wider ones, so that a bin stays as wide as a pixel or two.
const BIN_NANOS_MIN: u64 = 100_000_000;
const BINS_MAX: u64 = 600;

/// What the clients saw over time.
pub(super) struct Series {
    /// Where the first bin begins.
    pub(super) start: Instant,
    /// The width of a bin.
    pub(super) bin_nanos: u64,
    /// The bins, without gaps.
    pub(super) bins: Vec<Bin>,
}

/// One interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bin {
    /// Operations that ended ok in it.
    pub(super) ok: u64,
    /// Operations that were meant to start in it and did not end ok: given up, or never begun.
    pub(super) not_ok: u64,
    /// Latencies of all operations that were meant to start in it: median, 99th percentile, maximum.
    pub(super) latency_ms: Option<[f64; 3]>,
}

/// A moment that the chart marks.
pub(super) struct Mark {
    pub(super) at: Instant,
    pub(super) text: String,
    /// Whether it is bad news.
    pub(super) fault: bool,
}

impl Series {
    /// None when no load did anything.
    pub(super) fn of(evidence: &Evidence) -> Option<Self> {
        let operations = || evidence.history.iter().filter(|operation| !operation.is_final_read());
        let start = operations().map(|operation| operation.intended.0).min()? / BIN_NANOS_MIN * BIN_NANOS_MIN;
        let end = operations().map(|operation| operation.ended.0).max()?;
        let bin_nanos = BIN_NANOS_MIN * (end - start).div_ceil(BIN_NANOS_MIN * BINS_MAX).max(1);
        let index = |at: Instant| usize::try_from((at.0.saturating_sub(start)) / bin_nanos).unwrap_or(usize::MAX);
        let mut bins = vec![Bin::default(); index(Instant(end)) + 1];
        let mut latencies = vec![Vec::new(); bins.len()];
        for operation in operations() {
            latencies[index(operation.intended)].push(operation.latency_nanos());
            if operation.outcome == Outcome::Ok {
                bins[index(operation.ended)].ok += 1;
            } else {
                bins[index(operation.intended)].not_ok += 1;
            }
        }
        for (bin, latencies) in bins.iter_mut().zip(&mut latencies) {
            bin.latency_ms = quantiles(latencies);
        }
        Some(Self { start: Instant(start), bin_nanos, bins })
    }

    /// Where the last bin ends.
    pub(super) fn end(&self) -> Instant {
        self.start.plus_nanos(self.bin_nanos * self.bins.len() as u64)
    }

    /// The length of a bin in seconds.
    pub(super) fn bin_seconds(&self) -> f64 {
        self.bin_nanos as f64 / 1e9
    }
}

fn quantiles(nanos: &mut [u64]) -> Option<[f64; 3]> {
    nanos.sort_unstable();
    let last = nanos.len().checked_sub(1)?;
    let at = |percent: usize| nanos[(nanos.len() * percent).div_ceil(100).saturating_sub(1).min(last)] as f64 / 1e6;
    Some([at(50), at(99), at(100)])
}

/// From each fault that takes a node down to the last time the cluster settled before the next fault or heal.
///
/// The last, because the servers also agree for a moment that the node has failed before they have dealt with it.
pub(super) fn fault_windows(evidence: &Evidence) -> Vec<(Instant, Instant)> {
    let fault = |what: &EventKind| match what {
        // A command in the middle of a failover does not end its band.
        EventKind::ActedOnNode { effect, .. } if effect.is_none() => None,
        EventKind::ActedOnNode { effect, began, .. } => Some((*began, effect.takes_down())),
        EventKind::Network(change) => Some((change.began, disturbs(change))),
        _ => None,
    };
    let faults: Vec<_> = evidence.events.iter().filter_map(|event| fault(&event.kind)).collect();
    let end = evidence.events.last().map_or(Instant::default(), |event| event.at);
    let next = faults.iter().skip(1).map(|(began, _)| *began).chain([end]);
    let windows = faults.iter().zip(next).filter(|((_, disturbs), _)| *disturbs);
    windows
        .map(|(&(from, _), next)| {
            let settled = evidence.events.iter().filter(|event| matches!(event.kind, EventKind::Settled { .. }));
            let settled = settled.map(|event| event.at).filter(|at| (from..next).contains(at)).max();
            (from, settled.unwrap_or(next))
        })
        .collect()
}

/// The faults, the heals and the promotions.
pub(super) fn marks(evidence: &Evidence) -> Vec<Mark> {
    let mark = |what: &EventKind| match what {
        EventKind::ActedOnNode { action, effect, node, began, .. } => {
            Some(Mark { at: *began, text: format!("{action} {node}"), fault: effect.harms })
        }
        EventKind::Network(change) => {
            let what = if disturbs(change) { "" } else { "heal " };
            Some(Mark { at: change.began, text: format!("{what}{}", change.name), fault: disturbs(change) })
        }
        EventKind::Log(record) if record.says == LogEvent::ElectionWon => {
            Some(Mark { at: record.logged, text: format!("{} promoted", record.node), fault: false })
        }
        _ => None,
    };
    let mut marks: Vec<_> = evidence.events.iter().filter_map(|event| mark(&event.kind)).collect();
    marks.sort_by_key(|mark| mark.at);
    marks
}

fn disturbs(change: &NetworkChange) -> bool {
    matches!(change.change, LinkChange::Cut(_) | LinkChange::CutPort(_) | LinkChange::Shape(_))
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;
    use crate::evidence::{Effect, ErrorKind, Event, Operation};

    #[test]
    fn the_history_falls_into_bins() {
        let evidence = sample::master_kill();
        let series = Series::of(&evidence).unwrap();
        let of_loads = |operation: &&Operation| !operation.is_final_read();
        let ended = evidence.history.iter().filter(of_loads).count() as u64;
        assert_eq!(series.bins.iter().map(|bin| bin.ok + bin.not_ok).sum::<u64>(), ended);
        assert_eq!(series.bin_nanos, BIN_NANOS_MIN);
        assert!(series.end() > series.start);
    }

    /// Nothing ends in an outage; what was due in it is seen where it was due.
    #[test]
    fn an_outage_is_seen_where_operations_were_due() {
        let mut evidence = sample::master_kill();
        let (from, to) = (Instant::from_millis(5_000), Instant::from_millis(6_000));
        for operation in evidence.history.iter_mut().filter(|operation| (from..to).contains(&operation.intended)) {
            (operation.outcome, operation.error) = (Outcome::Fail, Some(ErrorKind::NotStarted));
            operation.ended = Instant::from_millis(12_000);
        }
        let series = Series::of(&evidence).unwrap();
        let bin = |at: Instant| &series.bins[usize::try_from(at.nanos_since(series.start) / series.bin_nanos).unwrap()];
        assert_eq!(bin(from).not_ok, 200);
        assert!((bin(from).latency_ms.unwrap()[2] - 7_000.0).abs() < 1e-9);
        assert_eq!(bin(Instant::from_millis(11_999)).not_ok, 0);
    }

    #[test]
    fn a_long_run_gets_wider_bins() {
        let mut evidence = sample::master_kill();
        evidence.history[0].intended = Instant(0);
        evidence.history[0].ended = Instant::from_millis(3_600_000);
        let series = Series::of(&evidence).unwrap();
        assert!(series.bins.len() as u64 <= BINS_MAX + 1);
    }

    #[test]
    fn no_load_no_chart() {
        let mut evidence = sample::master_kill();
        evidence.history.clear();
        assert!(Series::of(&evidence).is_none());
    }

    #[test]
    fn a_window_ends_when_the_cluster_has_dealt_with_the_fault() {
        let evidence = sample::master_kill();
        let windows = fault_windows(&evidence);
        assert_eq!(windows, [(Instant::from_millis(4_200), Instant::from_millis(5_790))]);
    }

    #[test]
    fn a_command_ends_no_window() {
        let mut evidence = sample::master_kill();
        let windows = fault_windows(&evidence);
        let began = Instant::from_millis(4_500);
        let at = evidence.events.partition_point(|event| event.at <= began);
        let (action, node) = ("Command".to_owned(), "B".into());
        let kind = EventKind::ActedOnNode { step: None, action, effect: Effect::NONE, node, began, proof: None };
        evidence.events.insert(at, Event { at: began, kind });
        assert_eq!(fault_windows(&evidence), windows);
    }

    #[test]
    fn quantiles_of_few_samples_are_samples() {
        assert_eq!(quantiles(&mut [3_000_000, 1_000_000]), Some([1.0, 3.0, 3.0]));
        assert_eq!(quantiles(&mut []), None);
    }
}
