//! The windows in which a fault was felt, and the moments that charts mark.

use crate::evidence::{EventKind, Evidence, LinkChange, NetworkChange};
#[cfg(test)]
use crate::verdict::TimeSeries;
use crate::vocab::Instant;

/// A moment that the chart marks.
pub(super) struct Mark {
    pub(super) at: Instant,
    pub(super) text: String,
    /// Whether it is bad news.
    pub(super) fault: bool,
}

/// A chart has at most so many bins: each as wide as a pixel or two.
pub const CHART_BINS_MAX: u64 = 600;

/// What the charts of a run are drawn from; none when no load did anything.
#[cfg(test)]
pub(super) fn series(evidence: &Evidence) -> Option<TimeSeries> {
    crate::verdict::series(evidence, CHART_BINS_MAX).1
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
        EventKind::Log(record) if record.says.is_promotion() => {
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
    use crate::evidence::{Effect, ErrorKind, Event, Operation, Outcome};

    #[test]
    fn the_history_falls_into_bins() {
        let evidence = sample::master_kill();
        let shown = series(&evidence).unwrap();
        let of_loads = |operation: &Operation| !operation.is_final_read();
        let ended = evidence.history.iter().filter(of_loads).count() as u64;
        assert_eq!(shown.bins.iter().map(|bin| bin.ok + bin.not_ok()).sum::<u64>(), ended);
        assert_eq!(shown.bin_nanos, 100_000_000);
        assert!(shown.end() > shown.start);
    }

    /// Nothing ends in an outage; what was due in it is seen where it was due.
    #[test]
    fn an_outage_is_seen_where_operations_were_due() {
        let mut evidence = sample::master_kill();
        let (from, to) = (Instant::from_millis(5_000), Instant::from_millis(6_000));
        evidence.history.edit(|history| {
            for operation in history.iter_mut().filter(|operation| (from..to).contains(&operation.intended)) {
                (operation.outcome, operation.error) = (Outcome::Fail, Some(ErrorKind::NotStarted));
                operation.ended = Instant::from_millis(12_000);
            }
        });
        let shown = series(&evidence).unwrap();
        let bin = |at: Instant| &shown.bins[usize::try_from(at.nanos_since(shown.start) / shown.bin_nanos).unwrap()];
        assert_eq!(bin(from).not_ok(), 200);
        assert!((bin(from).latency_ms.unwrap()[2] - 7_000.0).abs() < 1e-9);
        assert_eq!(bin(Instant::from_millis(11_999)).not_ok(), 0);
    }

    #[test]
    fn a_long_run_gets_wider_bins() {
        let mut evidence = sample::master_kill();
        evidence.history.edit(|history| {
            (history[0].intended, history[0].ended) = (Instant(0), Instant::from_millis(3_600_000));
        });
        let shown = series(&evidence).unwrap();
        assert!(shown.bins.len() as u64 <= 601);
    }

    #[test]
    fn no_load_no_chart() {
        let mut evidence = sample::master_kill();
        evidence.history = crate::evidence::History::default();
        assert!(series(&evidence).is_none());
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
}
