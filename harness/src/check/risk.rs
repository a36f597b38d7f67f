//! Whether anything was at risk when a master was taken down.

use super::case::Case;
use super::finding;
use super::takedown::{Takedown, TakedownCause};
use super::window::load_window;
use crate::evidence::{Operation, Outcome, RecordedLoad};
use crate::vocab::Instant;

/// A write acknowledged so shortly before a fault may not have reached a replica, or a disk, yet.
const DANGEROUS_NANOS: u64 = 1_000_000_000;

/// Which writes count as at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Danger {
    /// Those of the second before a fault.
    LastSecond,
    /// Where a replica took over, those of them that none was known to have, by its replication offset.
    NotKnownToBeCopied,
}

/// Whether writes were at risk whenever a master was taken down.
pub(super) struct Risk {
    /// Each time. A fault that hits a master which acknowledges nothing shows nothing about what may be lost.
    pub(super) arose: bool,
    /// What was at risk; if not each time, when nothing was, and what to do about it.
    pub(super) text: String,
}

/// Whether each fault hit a master while it acknowledged writes, or cut it off and it went on acknowledging them; none where no
/// master was taken down.
pub(super) fn of(case: &Case<'_>, danger: Danger) -> Option<Risk> {
    let judged = case.takedowns.iter().map(|takedown| (takedown, at_risk(case, takedown, danger)));
    let (at_risk, safe): (Vec<_>, Vec<_>) = judged.partition(|(_, (is_at_risk, _))| *is_at_risk);
    if let Some((takedown, _)) = safe.first() {
        let remedy = format!(
            "no write was at risk: let a load write to {0}'s shard until {0} is taken down (a `Run` before that step, a higher \
             `per_second`), or do without this check",
            takedown.failed
        );
        let details = safe.iter().map(|(_, (_, detail))| detail.clone());
        return Some(Risk { arose: false, text: finding::note(std::iter::once(remedy).chain(details)) });
    }
    let details = at_risk.into_iter().map(|(_, (_, detail))| detail);
    (!case.takedowns.is_empty()).then(|| Risk { arose: true, text: finding::note(details) })
}

/// Until when what a master acknowledged was known to be on a replica when the fault began: a replica had said that it was as far as
/// the master had been after that. None if no replica ever had.
fn copied_until(case: &Case<'_>, takedown: &Takedown) -> Option<Instant> {
    let before = || case.evidence.replication.iter().filter(|record| record.at <= takedown.began);
    let own: Vec<_> = before().filter(|record| record.node == takedown.failed).collect();
    // A master that was started again may have begun anew: offsets from before that say nothing.
    let fell = own.windows(2).rposition(|pair| pair[1].offset < pair[0].offset).map_or(0, |at| at + 1);
    let since = own.get(fell)?.asked;
    let copies = before().filter(|record| takedown.replicas.contains(&record.node) && record.asked >= since);
    let furthest = copies.map(|record| record.offset).max()?;
    own[fell..].iter().rev().find(|record| record.offset <= furthest).map(|record| record.asked)
}

fn at_risk(case: &Case<'_>, takedown: &Takedown, danger: Danger) -> (bool, String) {
    let running = case.plan.loads.iter().any(|load| {
        load.writes() && load_window(case.evidence, &load.name, case.windows.whole).contains(takedown.began)
    });
    let acknowledged = |wanted: &dyn Fn(&Operation) -> bool| {
        let before = case.client_operations().filter(|operation| operation.ended <= takedown.began);
        before
            .filter(|write| write.writes() && write.outcome == Outcome::Ok && !write.took_nothing() && wanted(write))
            .count() as u64
    };
    let failed = &takedown.failed;
    if running {
        // One that nobody replaced comes back with what it had itself.
        let by_copies = danger == Danger::NotKnownToBeCopied && takedown.promotion.is_some();
        let copied = Some(takedown).filter(|_| by_copies);
        let copied = copied.and_then(|takedown| copied_until(case, takedown));
        let span = copied.map_or(DANGEROUS_NANOS, |copied| takedown.began.nanos_since(copied)).min(DANGEROUS_NANOS);
        let before = acknowledged(&|write| {
            takedown.began.nanos_since(write.ended) <= span && case.node_name(write.node) == Some(failed)
        });
        let before_words = finding::count(before, "write");
        let text = match copied {
            None => format!("{failed} acknowledged {before_words} in the second before"),
            Some(_) => format!(
                "{failed} acknowledged {before_words} that no replica was known to have, in the {} before",
                finding::time(span)
            ),
        };
        if takedown.cause != TakedownCause::Partition {
            return (before > 0, text);
        }
        let after = case.acknowledged_after(takedown).count() as u64;
        // Of a client on its side that asks for copies nothing is acknowledged; that it was written there is the risk.
        let written = || case.writes_on_the_side_of(takedown).filter(|write| write.unknown_attempts > 0).count();
        match after {
            0 if asks_for_copies(case, takedown) => {
                let written = written();
                (written > 0, format!("{text} it was cut off, and {written} were written after that but not confirmed"))
            }
            0 => (before > 0, format!("{text} it was cut off")),
            _ => (true, format!("{text} it was cut off, and {after} after that")),
        }
    } else {
        let writes = acknowledged(&|write| takedown.is_about(write));
        (
            writes > 0,
            format!("{} acknowledged on {failed}'s shard before the load ended", finding::count(writes, "write")),
        )
    }
}

/// Whether a load on the side of a master that was cut off asks for copies of what it writes.
fn asks_for_copies(case: &Case<'_>, takedown: &Takedown) -> bool {
    let asks = |load: &&RecordedLoad| load.mix.iter().any(|entry| entry.waits_for_replicas);
    let reach = case.reaches.at(takedown.began);
    case.plan.loads.iter().filter(asks).any(|load| reach.connected(&load.host, &takedown.failed))
}
