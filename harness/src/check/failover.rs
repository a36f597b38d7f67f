//! How long a failed master's shard takes no writes.
//!
//! A failover lasts from the fault that takes the master of a shard down, or cuts it off from the majority, to the first write that
//! its successor acknowledges to the load. A client that is cut off from the successor cannot find it: where only such clients
//! wrote, the time to the promotion is all that is known of the failover.

use std::collections::BTreeSet;
use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::slo_kind::{FaultScope, IDLE_MACHINE_BELOW, NeededFault, NeededLoad, SloKind, WrongNumber};
use super::takedown::{Promotion, Takedown};
use super::window::Window;
use crate::evidence::{Operation, Outcome};
use crate::vocab::{Duration, Instant};

/// from the fault on a master, or the cut that leaves it without a majority, to the first write that its successor acknowledged; every failover of the run. A successor from which clients wanted a write in vain when the limit was over fails it. With `min: "10s"` a run in which the slowest took less is inconclusive: what it is about did not happen
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Failover {
    /// The longest that every failover of the run may take.
    pub max: Duration,
    /// How long the slowest must take at least, where the scenario is about what delays it: if it takes less that did not happen, and
    /// the run is inconclusive.
    #[serde(default)]
    pub min: Duration,
}

impl Failover {
    pub(super) const EXAMPLE: &str = r#"Failover(max: "3s")"#;
}

impl fmt::Display for Failover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == Duration::default() {
            write!(f, "failover <= {}", self.max)
        } else {
            write!(f, "failover {} to {}", self.min, self.max)
        }
    }
}

impl SloKind for Failover {
    /// Every failover of the run must be within the limit; the slowest is the measure.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = self.limit();
        if case.takedowns.is_empty() {
            return Finding::nothing(self, limit, "no master that owned a shard was taken down");
        }
        let end = run_end(case);
        let judged: Vec<_> = case.takedowns.iter().map(|takedown| self.judge_one(case, takedown, end)).collect();
        let has = |wanted: Status| judged.iter().any(|(status, _)| *status == wanted);
        let measured: Vec<_> = case.takedowns.iter().filter_map(Takedown::nanos).collect();
        let too_soon = measured.iter().max().is_some_and(|slowest| *slowest < self.min.as_nanos());
        let missed = too_soon.then(|| "what should have delayed it did not".to_owned());
        Finding {
            status: match () {
                () if has(Status::Fail) => Status::Fail,
                () if has(Status::Inconclusive) || too_soon => Status::Inconclusive,
                () => Status::Pass,
            },
            measured: measured.iter().max().map_or_else(|| "-".to_owned(), |slowest| finding::time(*slowest)),
            samples: measured.len() as u64,
            note: finding::note(missed.into_iter().chain(judged.into_iter().map(|(_, note)| note))),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A miss is explained if for every failover that took too long the machine may have taken as much, while it lasted.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let late = case.takedowns.iter().filter_map(|takedown| {
            let waited = self.waited(case, takedown, run_end(case));
            let excess = waited.checked_sub(self.max.as_nanos()).filter(|excess| *excess > 0)?;
            Some((Window { start: takedown.began, end: takedown.began.plus_nanos(waited) }, excess))
        });
        finding::all_explained(late.map(|(window, excess)| case.machine.explain(window, excess)))
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn needs_idle_machine(&self) -> bool {
        self.max < IDLE_MACHINE_BELOW
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Writing
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        let help = "write the longest it may take, such as `max: \"3s\"`";
        let wrong = || WrongNumber::new("max", "no failover takes no time at all", help);
        let nothing = (self.max == Duration::default()).then(wrong);
        nothing.into_iter().chain(WrongNumber::of_range(&self.min, &self.max)).collect()
    }

    fn needed_fault(&self) -> Option<NeededFault> {
        Some(NeededFault {
            does: FaultScope::TakesNodesAway,
            name: "fault",
            help: "a step that takes a master away is needed, such as `Kill` or `Partition`",
        })
    }

    fn needs_failover(&self) -> bool {
        true
    }
}

impl Failover {
    fn limit(&self) -> String {
        let max = finding::limit(self.max);
        if self.min == Duration::default() { max } else { format!("{} to {max}", finding::limit(self.min)) }
    }

    fn judge_one(&self, case: &Case<'_>, takedown: &Takedown, end: Instant) -> (Status, String) {
        let (failed, max) = (&takedown.failed, self.max.as_nanos());
        let since = |at: Instant| at.nanos_since(takedown.began);
        let promoted = takedown.promotion.as_ref();
        let is_unknown = is_hindered(case, takedown) || self.is_unasked(case, takedown);
        let in_vain = self.wanted_in_vain_until(case, takedown);
        if let Some(nanos) = takedown.nanos().filter(|nanos| *nanos <= max || !is_unknown) {
            let successor = promoted.map_or_else(|| "another node".to_owned(), |promotion| promotion.node.to_string());
            return (finding::met(nanos <= max), format!("{failed} to {successor} in {}", finding::time(nanos)));
        }
        if let Some((promotion, at)) = promoted.and_then(|promotion| Some((promotion, promotion.at()?))) {
            let took = finding::time(since(at));
            let then = match (takedown.nanos().map(finding::time), in_vain) {
                (Some(first), _) if self.is_unasked(case, takedown) => format!(
                    "nobody wrote to {failed}'s shard for so long that the first write, after {first}, tells nothing: let a load \
                     write to it all the time"
                ),
                (Some(first), _) => format!(
                    "only clients that were cut off from it wrote to {failed}'s shard, the first of them after {first}"
                ),
                (None, Some(until)) => format!(
                    "acknowledged no write for {failed}'s shard, which clients wanted until {} after the fault",
                    finding::time(since(until))
                ),
                (None, None) => {
                    format!("acknowledged no write for {failed}'s shard: let a load write to it all the time")
                }
            };
            let note = format!("{} was promoted after {took} and {then}", promotion.node);
            // The first write cannot come before the promotion.
            return (if since(at) > max || in_vain.is_some() { Status::Fail } else { Status::Inconclusive }, note);
        }
        let waited = self.waited(case, takedown, end);
        let why = if returned(takedown, end).is_some() { "before it came back" } else { "before the run ended" };
        let note = format!("nobody took over from {failed} in the {} {why}", finding::time(waited));
        // If the wait ended before the limit, nobody knows whether it would have been exceeded.
        (if waited > max { Status::Fail } else { Status::Inconclusive }, note)
    }
}

impl Failover {
    /// How long the shard took no writes: to the first write; if none followed the promotion, at least until clients wanted one in
    /// vain, or else to the promotion; at least to the end of the waiting, if nobody took over.
    fn waited(&self, case: &Case<'_>, takedown: &Takedown, end: Instant) -> u64 {
        let promoted = || takedown.promotion.as_ref().and_then(Promotion::at);
        let in_vain = self.wanted_in_vain_until(case, takedown);
        let until = || in_vain.or_else(promoted).or(returned(takedown, end)).unwrap_or(end.min(takedown.until));
        let is_unknown = is_hindered(case, takedown) || self.is_unasked(case, takedown);
        takedown.nanos().filter(|_| !is_unknown).unwrap_or_else(|| until().nanos_since(takedown.began))
    }

    /// Until when clients wanted a write to the shard that its successor never acknowledged; none unless one of them wanted it when
    /// the limit was over. It must have been able to ask, and have written something at another time: not every client may.
    fn wanted_in_vain_until(&self, case: &Case<'_>, takedown: &Takedown) -> Option<Instant> {
        let promotion = takedown.promotion.as_ref().filter(|_| takedown.first_write.is_none())?;
        let (at, limit) = (promotion.at()?, takedown.began.plus_nanos(self.max.as_nanos()));
        let writes = || case.client_operations().filter(Operation::writes);
        let may_write: BTreeSet<_> =
            writes().filter(|write| write.outcome == Outcome::Ok).map(|write| write.load).collect();
        let in_vain = writes().filter(|write| {
            (write.started <= limit && write.ended > limit)
                && (write.attempts > 0 && write.outcome != Outcome::Ok && may_write.contains(&write.load))
                && takedown.is_about(write)
                && case.could_ask(write, &promotion.node, at)
        });
        // What follows another fault on the successor is not about this one.
        let faults = case.takedowns.iter().filter(|other| other.failed == promotion.node).map(|other| other.began);
        let next = faults.filter(|fault| *fault > takedown.began).min().unwrap_or(takedown.until);
        let until = in_vain.map(|write| write.ended).max()?.min(next).min(takedown.until);
        Some(until).filter(|until| *until > limit)
    }

    /// Whether the first write came too late only because nobody asked before: none was waiting when the limit was over, and none
    /// was given up since the fault.
    fn is_unasked(&self, case: &Case<'_>, takedown: &Takedown) -> bool {
        let limit = takedown.began.plus_nanos(self.max.as_nanos());
        if takedown.first_write.is_none_or(|first| first.intended <= limit) {
            return false;
        }
        let asks = |write: &Operation| {
            write.writes()
                && write.intended <= limit
                && write.ended > takedown.began
                && (write.ended > limit || write.outcome != Outcome::Ok)
                && takedown.is_about(write)
        };
        !case.client_operations().any(|write| asks(&write))
    }
}

fn run_end(case: &Case<'_>) -> Instant {
    case.evidence.events.last().map(|event| event.at).unwrap_or_default()
}

fn returned(takedown: &Takedown, end: Instant) -> Option<Instant> {
    takedown.returned.filter(|at| *at < end)
}

/// Whether every client that wanted to write to the shard, from the promotion to the first write that was accepted, was cut
/// off from the successor when that was promoted.
fn is_hindered(case: &Case<'_>, takedown: &Takedown) -> bool {
    let promotion = takedown.promotion.as_ref().and_then(|promotion| Some((promotion, promotion.at()?)));
    let (Some((promotion, at)), Some(first)) = (promotion, &takedown.first_write) else { return false };
    let waits = |write: &Operation| {
        write.writes() && write.ended > at && write.intended <= first.ended && takedown.is_about(write)
    };
    !case.client_operations().filter(waits).any(|write| case.could_ask(&write, &promotion.node, at))
}
