//! What the machine must have taken to explain that operations took too long.

use super::case::Case;
use super::finding;
use super::window::Window;
use crate::vocab::{Duration, Instant, Percent};

/// Why a quantile of operations is over its limit, if the machine may have made it so: from when each was due, and the time that it
/// took. The rule is that of [`super::Latency`].
pub(super) fn explain_excess(
    case: &Case<'_>,
    quantile: Percent,
    max: Duration,
    operations: &[(Instant, u64)],
) -> Option<String> {
    let (max, samples) = (max.as_nanos(), operations.len() as u64);
    let allowed = samples - quantile.rank(samples)?;
    let late: Vec<_> = operations
        .iter()
        .filter_map(|(due, nanos)| {
            let excess = nanos.checked_sub(max).filter(|excess| *excess > 0)?;
            Some((excess, Window { start: *due, end: due.plus_nanos(*nanos) }))
        })
        .collect();
    explain_late(case, &late, allowed, "over the limit")
}

/// Why more operations than are allowed were late, if the machine may have made them so: by how much each was, and the stretch in
/// which it waited; `which` says of them what they are.
pub(super) fn explain_late(case: &Case<'_>, late: &[(u64, Window)], allowed: u64, which: &str) -> Option<String> {
    let windows = late.iter().map(|(excess, window)| (*excess, case.machine.with_backlog(*window)));
    let mut explained: Vec<_> = windows.filter(|(excess, window)| case.machine.lost_in(*window) >= *excess).collect();
    let (found, wanted) = (explained.len(), usize::try_from((late.len() as u64).saturating_sub(allowed)).ok()?);
    if wanted == 0 || found < wanted {
        return None;
    }
    explained.sort_unstable_by_key(|(excess, _)| *excess);
    explained.truncate(wanted);
    let lost = case.machine.lost_in_any(explained.iter().map(|(_, window)| *window));
    let around = explained.iter().map(|(_, window)| *window).reduce(Window::hull)?;
    (lost >= one_after_the_other(&mut explained)).then(|| {
        let (lost, of, figures) = (finding::time(lost), late.len(), case.machine.figures(around));
        format!("the machine may have taken {lost} around {found} of the {of} operations {which}: {figures}")
    })
}

/// The least that operations can have been delayed by in all, each by its excess: the sum over operations that do not overlap.
fn one_after_the_other(delayed: &mut [(u64, Window)]) -> u64 {
    delayed.sort_unstable_by_key(|(_, window)| window.end);
    let (mut least, mut free_from) = (0_u64, Instant::default());
    for (excess, window) in delayed {
        if window.start >= free_from {
            least = least.saturating_add(*excess);
            free_from = window.end;
        }
    }
    least
}
