//! How many operations do not end ok.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::During;
use super::case::Case;
use super::excess::explain_late;
use super::finding::{self, Finding, Status};
use super::sample_size;
use super::slo_kind::{SloKind, of_load};
use super::window::Window;
use crate::evidence::{ErrorKind, Operation, Outcome};
use crate::vocab::{Instant, Percent};

/// percent of the operations that were due and did not end ok, after their retries; those that never began are among them; for each load by itself, or with `load: "app"` for that one
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct ErrorRate {
    /// The highest share, in percent.
    pub max: Percent,
    /// The part of the run it is about. An operation that a fault window has any time of belongs to `Fault`.
    #[serde(default)]
    pub during: During,
    /// The load that it is about; every load by itself if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl ErrorRate {
    pub(super) const EXAMPLE: &str = "ErrorRate(max: 0.1)";
}

impl fmt::Display for ErrorRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error rate {}{} <= {}", self.during, of_load(self.load()), self.max)
    }
}

impl SloKind for ErrorRate {
    /// It holds for each load by itself.
    fn judge(&self, case: &Case<'_>) -> Finding {
        case.each_load(self.load(), |load| self.judge_load(case, load))
    }

    /// A miss is explained if for each load that missed it is both ways:
    ///
    /// 1. So much time was left for what was begun that in all of it enough could have been.
    /// 2. Of what was begun too much did not end ok only because clients gave up waiting, and the machine may have taken as much as
    ///    they would have had to wait longer until their shard was served, by the rule for latencies ([`super::Latency`]). If that
    ///    was never again, how much longer is not known: the machine may have taken all of the time to the end of the run.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let missed =
            case.loads(self.load()).into_iter().filter(|load| self.judge_load(case, *load).0.status == Status::Fail);
        finding::all_explained(missed.map(|load| self.explained_for_load(case, load)))
    }

    fn during(&self) -> Option<During> {
        Some(self.during)
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }
}

impl ErrorRate {
    /// Of all operations of a load that were meant to start in the part, the share that the client gave up or never came to.
    fn judge_load(&self, case: &Case<'_>, load: usize) -> (Finding, f64) {
        let limit = format!("{} %", finding::decimals(self.max.value()));
        let (mut samples, mut failed, mut unknown, mut never_begun) = (0_u64, 0_u64, 0_u64, 0_u64);
        for operation in case.operations_of(load).filter(|operation| self.counts(case, operation)) {
            samples += 1;
            failed += u64::from(operation.outcome == Outcome::Fail);
            never_begun += u64::from(operation.never_begun());
            unknown += u64::from(operation.outcome == Outcome::Unknown);
        }
        if samples == 0 {
            let nothing = format!("no operation was meant to start in the {} part", self.during);
            return (Finding::nothing(self, limit, nothing), 0.0);
        }
        let never_begun = match never_begun {
            0 => String::new(),
            _ => format!(" ({never_begun} of them due and never begun)"),
        };
        let share = (failed + unknown) as f64 / samples as f64 * 100.0;
        let (is_met, needed) = (share <= self.max.value(), sample_size::for_share(self.max));
        let too_few = samples < needed && (is_met || !sample_size::refutes_share(self.max, failed + unknown, samples));
        let doubt = format!("{needed} operations are needed for this share");
        let finding = Finding {
            status: if too_few { Status::Inconclusive } else { finding::met(is_met) },
            measured: format!("{} %", finding::decimals(share)),
            samples,
            note: finding::note([
                if too_few { doubt } else { String::new() },
                format!("{failed} surely not executed{never_begun}, {unknown} unknown"),
            ]),
            ..Finding::nothing(self, limit, "")
        };
        (finding, share)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of operations"
    )]
    fn explained_for_load(&self, case: &Case<'_>, load: usize) -> Option<String> {
        let (whole, served) = (case.windows.whole, Served::of(case));
        let (mut due, mut begun, mut refused, mut late) = (0_u64, 0_u64, 0_u64, Vec::new());
        for operation in case.operations_of(load).filter(|operation| self.counts(case, operation)) {
            due += 1;
            if operation.never_begun() {
                continue;
            }
            begun += 1;
            if operation.outcome != Outcome::Ok {
                let excess = Some(&operation).filter(|_| waited_in_vain(case, &operation));
                match excess.and_then(|operation| served.excess(case, operation)) {
                    Some(excess) => late.push(excess),
                    None => refused += 1,
                }
            }
        }
        let left = whole.nanos().saturating_sub(case.machine.lost_in(whole)) as f64 / (whole.nanos() as f64).max(1.0);
        if (begun as f64) < due as f64 * (1.0 - self.max.fraction()) * left {
            return None;
        }
        let allowed = ((begun as f64 * self.max.fraction()) as u64).checked_sub(refused)?;
        if late.len() as u64 <= allowed {
            return Some(case.machine.figures(whole));
        }
        explain_late(case, &late, allowed, "that clients gave up")
    }

    /// Whether an operation belongs to the part. The steady part also has what had waited for a whole attempt's time when a fault
    /// began, and did not end ok: the fault is not why.
    fn counts(&self, case: &Case<'_>, operation: &Operation) -> bool {
        let attempt = case.plan.loads.get(usize::from(operation.load)).map_or(0, |load| load.timeout.as_nanos());
        case.windows.has(self.during, operation)
            || self.during == During::Steady
                && operation.outcome != Outcome::Ok
                && case.windows.was_overdue(operation, attempt)
    }
}

/// Whether the client of an operation that did not end ok waited for as long as it would: for a reply, or until it could have tried
/// once more only after its deadline.
fn waited_in_vain(case: &Case<'_>, operation: &Operation) -> bool {
    case.plan.loads.get(usize::from(operation.load)).is_some_and(|load| {
        let latest = operation.service_nanos().saturating_add(load.retry_wait.as_nanos());
        operation.error == Some(ErrorKind::TimedOut) || latest >= load.deadline.as_nanos()
    })
}

/// When operations on each shard ended ok, in order.
struct Served(Vec<Vec<Instant>>);

impl Served {
    fn of(case: &Case<'_>) -> Self {
        let mut ends = vec![Vec::new(); case.plan.shards().count()];
        for operation in case.client_operations().filter(|operation| operation.outcome == Outcome::Ok) {
            if let Some(ends) = operation.shard.and_then(|shard| ends.get_mut(usize::from(shard))) {
                ends.push(operation.ended);
            }
        }
        for ends in &mut ends {
            ends.sort_unstable();
        }
        Self(ends)
    }

    /// By how much too early an operation was given up, and from when on it waited until then: none if its shard served others while
    /// it waited for its last attempt. If its shard served nobody any more, all that it waited was too much, up to the run's end.
    fn excess(&self, case: &Case<'_>, operation: &Operation) -> Option<(u64, Window)> {
        let ends = self.0.get(usize::from(operation.shard?))?;
        let after = ends.partition_point(|end| *end <= operation.ended);
        let last_attempt = case.plan.loads.get(usize::from(operation.load))?.timeout.as_nanos();
        let served_meanwhile = ends[..after].last().is_some_and(|end| operation.ended.nanos_since(*end) < last_attempt);
        let next = ends.get(after).map(|end| (*end, end.nanos_since(operation.ended)));
        let (end, excess) = next.unwrap_or_else(|| {
            let end = case.windows.whole.end;
            (end, end.nanos_since(operation.intended))
        });
        (!served_meanwhile).then_some((excess, Window { start: operation.intended, end }))
    }
}
