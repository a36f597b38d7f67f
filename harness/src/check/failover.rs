//! How long a failed master's slots take no writes.

use std::fmt;

use serde::Deserialize;

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::takedown::{Promotion, Takedown};
use super::window::Window;
use crate::evidence::Operation;
use crate::vocab::{Duration, Instant};

/// From each fault that takes a slot-owning master down, or cuts it off from the majority, to the first write that its
/// successor acknowledged to the load.
///
/// A client that is cut off from the successor cannot find it: where only such clients wrote, the time to the promotion is all
/// that is known of the failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failover {
    /// The longest that every failover of the run may take.
    pub max: Duration,
}

impl fmt::Display for Failover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failover <= {}", self.max)
    }
}

impl Failover {
    /// Every failover of the run must be within the limit; the slowest is the measure.
    pub(crate) fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = finding::limit(self.max);
        if case.takedowns.is_empty() {
            return Finding::nothing(self, limit, "no master that owned slots was taken down");
        }
        let end = run_end(case);
        let judged: Vec<_> = case.takedowns.iter().map(|takedown| self.judge_one(case, takedown, end)).collect();
        let has = |wanted: Status| judged.iter().any(|(status, _)| *status == wanted);
        let measured: Vec<_> = case.takedowns.iter().filter_map(Takedown::nanos).collect();
        Finding {
            status: match () {
                () if has(Status::Fail) => Status::Fail,
                () if has(Status::Inconclusive) => Status::Inconclusive,
                () => Status::Pass,
            },
            measured: measured.iter().max().map_or_else(|| "-".to_owned(), |slowest| finding::time(*slowest)),
            samples: measured.len() as u64,
            note: finding::note(judged.into_iter().map(|(_, note)| note)),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A miss is excused if for every failover that took too long the machine lost, in the seconds that it lasted, as much
    /// as it took too long.
    pub(crate) fn excuse(&self, case: &Case<'_>) -> Option<String> {
        let late = case.takedowns.iter().filter_map(|takedown| {
            let waited = waited(case, takedown, run_end(case));
            let excess = waited.checked_sub(self.max.as_nanos()).filter(|excess| *excess > 0)?;
            Some((Window { start: takedown.began, end: takedown.began.plus_nanos(waited) }, excess))
        });
        let excuses: Option<Vec<_>> = late.map(|(window, excess)| case.lags.explain(window, excess)).collect();
        excuses.map(finding::note).filter(|note| !note.is_empty())
    }

    fn judge_one(&self, case: &Case<'_>, takedown: &Takedown, end: Instant) -> (Status, String) {
        let (failed, max) = (&takedown.failed, self.max.as_nanos());
        let since = |at: Instant| at.nanos_since(takedown.began);
        let promoted = takedown.promotion.as_ref();
        let hindered = is_hindered(case, takedown);
        if let Some(nanos) = takedown.nanos().filter(|nanos| *nanos <= max || !hindered) {
            let successor = promoted.map_or_else(|| "another node".to_owned(), |promotion| promotion.node.to_string());
            return (finding::met(nanos <= max), format!("{failed} to {successor} in {}", finding::time(nanos)));
        }
        if let Some((promotion, at)) = promoted.and_then(|promotion| Some((promotion, promotion.at()?))) {
            let took = finding::time(since(at));
            let then = match takedown.nanos().map(finding::time) {
                Some(first) => format!(
                    "only clients that were cut off from it wrote to {failed}'s slots, the first of them after {first}"
                ),
                None => format!("acknowledged no write for {failed}'s slots"),
            };
            let note = format!("{} was promoted after {took} and {then}", promotion.node);
            // The first write cannot come before the promotion.
            return (if since(at) > max { Status::Fail } else { Status::Inconclusive }, note);
        }
        let waited = waited(case, takedown, end);
        let why = if returned(takedown, end).is_some() { "before it came back" } else { "before the run ended" };
        let note = format!("nobody took over from {failed} in the {} {why}", finding::time(waited));
        // Whoever stopped waiting before the limit cannot say that it was passed.
        (if waited > max { Status::Fail } else { Status::Inconclusive }, note)
    }
}

fn run_end(case: &Case<'_>) -> Instant {
    case.evidence.events.last().map(|event| event.at).unwrap_or_default()
}

fn returned(takedown: &Takedown, end: Instant) -> Option<Instant> {
    takedown.returned.filter(|at| *at < end)
}

/// How long the slots took no writes: to the first write; at least to the promotion, if no write followed it; at least to
/// the end of the waiting, if nobody took over.
fn waited(case: &Case<'_>, takedown: &Takedown, end: Instant) -> u64 {
    let promoted = || takedown.promotion.as_ref().and_then(Promotion::at);
    let until = || promoted().or(returned(takedown, end)).unwrap_or(end.min(takedown.until));
    let first_write = takedown.nanos().filter(|_| !is_hindered(case, takedown));
    first_write.unwrap_or_else(|| until().nanos_since(takedown.began))
}

/// Whether every client that wanted to write to the slots, from the promotion to the first write that was accepted, was cut
/// off from the successor when that was promoted.
fn is_hindered(case: &Case<'_>, takedown: &Takedown) -> bool {
    let promotion = takedown.promotion.as_ref().and_then(|promotion| Some((promotion, promotion.at()?)));
    let (Some((promotion, at)), Some(first)) = (promotion, &takedown.first_write) else { return false };
    let waits = |write: &&Operation| {
        write.kind.writes()
            && write.ended > at
            && write.intended <= first.ended
            && case.slots.of_operation(write).is_some_and(|slot| takedown.slots.contains(slot))
    };
    !case.client_operations().filter(waits).any(|write| case.could_ask(write, &promotion.node, at))
}
