//! How late the machine was, second by second.

use super::window::Window;
use crate::evidence::{Evidence, What};

/// The lateness of the harness' own timers: what a thread that only sleeps had to wait for a processor, a server had to
/// wait as well.
pub(crate) struct Lags {
    /// In order: a stretch of about a second, and the largest lateness in it in nanoseconds.
    reports: Vec<(Window, u64)>,
}

impl Lags {
    /// Each report speaks of the time since the one before; the first, of the time since the cluster formed.
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let (mut start, mut reports) = (None, Vec::new());
        for event in &evidence.events {
            match event.what {
                What::Formed => start = Some(event.at),
                What::MachineLag { lag_ms_max } => {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
                    let nanos = (lag_ms_max * 1e6) as u64;
                    reports.push((Window { start: start.unwrap_or_default(), end: event.at }, nanos));
                    start = Some(event.at);
                }
                _ => {}
            }
        }
        Self { reports }
    }

    /// The largest lateness in the seconds that a stretch touches; none if nothing was noted in them.
    pub(crate) fn worst_in(&self, stretch: Window) -> Option<u64> {
        self.in_any(&[stretch]).max()
    }

    /// What the machine lost at least in the seconds that the stretches touch: the sum of their largest latenesses.
    pub(crate) fn total_in(&self, stretches: &[Window]) -> u64 {
        self.in_any(stretches).fold(0, u64::saturating_add)
    }

    /// Whether the machine lost so much in the seconds that a stretch touches that without it the stretch might have been
    /// shorter by `excess`; if so, in words.
    pub(crate) fn explain(&self, stretch: Window, excess: u64) -> Option<String> {
        let lost = self.total_in(&[stretch]);
        (lost >= excess && lost > 0).then(|| {
            let (lost, excess) = (super::finding::time(lost), super::finding::time(excess));
            format!(
                "the harness' own timers were {lost} late from {} to {}, which explains {excess}",
                stretch.start, stretch.end
            )
        })
    }

    /// Whether the machine stood still for half a node timeout or more in a stretch, so that servers may have taken each other for
    /// dead; if so, in words.
    pub(crate) fn stalled(&self, stretch: Window, node_timeout_ms: u64) -> Option<String> {
        let lost = self.worst_in(stretch).filter(|lost| *lost >= node_timeout_ms * 500_000)?;
        let lost = super::finding::time(lost);
        Some(format!("the harness' own timers were {lost} late, half a node timeout ({node_timeout_ms} ms) or more"))
    }

    fn in_any(&self, stretches: &[Window]) -> impl Iterator<Item = u64> {
        let touches =
            |report: Window| stretches.iter().any(|stretch| report.start <= stretch.end && stretch.start <= report.end);
        self.reports.iter().filter(move |(report, _)| touches(*report)).map(|(_, nanos)| *nanos)
    }
}
