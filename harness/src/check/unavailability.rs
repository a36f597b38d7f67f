//! How long any part of the key space was not served.

use std::fmt;

use serde::Deserialize;

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::window::Window;
use crate::evidence::{Operation, Outcome};
use crate::vocab::{Duration, Instant};

/// The longest time in which a shard's slots had operations waiting and none of them ended ok.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unavailability {
    /// The longest that any shard may be unavailable.
    pub max: Duration,
}

impl fmt::Display for Unavailability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unavailability <= {}", self.max)
    }
}

impl Unavailability {
    /// A shard is the slots that one master owned at the start, whoever owns them later.
    pub(crate) fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = finding::limit(self.max);
        let shards = by_shard(case);
        let samples: usize = shards.iter().map(|(_, operations)| operations.len()).sum();
        if samples == 0 {
            return Finding::nothing(self, limit, "no operation was done on any shard");
        }
        let (mut worst, mut worst_shard, mut widest) = (Gap::default(), String::new(), 0);
        for (shard, operations) in &shards {
            let gaps = gaps(operations, self.max.as_nanos());
            widest = widest.max(gaps.bridged_nanos);
            if gaps.longest.nanos() > worst.nanos() {
                (worst, worst_shard) = (gaps.longest, shard.clone());
            }
        }
        let max = self.max.as_nanos();
        let idle: Vec<_> =
            shards.iter().filter(|(_, operations)| operations.is_empty()).map(|(shard, _)| shard).collect();
        let status = match () {
            () if worst.nanos() > max => Status::Fail,
            () if widest > max || !idle.is_empty() => Status::Inconclusive,
            () => Status::Pass,
        };
        let notes = [
            format!("{worst_shard}, from {} to {}", worst.from, worst.to),
            if widest > worst.nanos() && widest > max {
                format!(
                    "up to {} if nobody would have been served between operations that failed",
                    finding::time(widest)
                )
            } else {
                String::new()
            },
            idle.first().map_or_else(String::new, |shard| format!("{shard} saw no operation")),
        ];
        Finding {
            status,
            measured: finding::time(worst.nanos()),
            samples: samples as u64,
            note: finding::note(notes),
            ..Finding::nothing(self, limit, "")
        }
    }
}

impl Unavailability {
    /// A miss is excused if in the seconds of every gap over the limit the machine lost as much as the gap is too long.
    pub(crate) fn excuse(&self, case: &Case<'_>) -> Option<String> {
        let max = self.max.as_nanos();
        let over = by_shard(case).into_iter().flat_map(|(_, operations)| gaps(&operations, max).over);
        let explain = |gap: Gap| case.lags.explain(Window { start: gap.from, end: gap.to }, gap.nanos() - max);
        let excuses: Option<Vec<_>> = over.map(explain).collect();
        excuses.map(|excuses| finding::note(excuses.into_iter().take(EXCUSES_MAX))).filter(|note| !note.is_empty())
    }
}

/// So many gaps' excuses are told.
const EXCUSES_MAX: usize = 3;

/// Each shard in words, and the operations on its slots.
fn by_shard<'a>(case: &Case<'a>) -> Vec<(String, Vec<&'a Operation>)> {
    let owners: Vec<_> = case.plan.nodes.iter().filter(|node| !node.slots.is_empty()).collect();
    let mut shards: Vec<_> =
        owners.iter().map(|owner| (format!("{}'s slots {}", owner.name, owner.slots), Vec::new())).collect();
    for operation in case.client_operations() {
        let Some(slot) = case.slots.of_operation(operation) else { continue };
        if let Some(shard) = owners.iter().position(|owner| owner.slots.contains(slot)) {
            shards[shard].1.push(operation);
        }
    }
    shards
}

/// A time in which operations were waiting and none ended ok.
#[derive(Clone, Copy, Debug, Default)]
struct Gap {
    from: Instant,
    to: Instant,
}

impl Gap {
    fn nanos(self) -> u64 {
        self.to.nanos_since(self.from)
    }

    fn longer(self, other: Self) -> Self {
        if other.nanos() > self.nanos() { other } else { self }
    }
}

/// A shard's longest gaps.
struct Gaps {
    /// The longest in which at least one operation was waiting at every moment: surely unavailable.
    longest: Gap,
    /// The longest without an operation that ended ok from one that waited on: it also spans the pauses between an
    /// operation that was given up and the next, in which the shard may or may not have been available.
    bridged_nanos: u64,
    /// All of the first kind that are longer than the limit.
    over: Vec<Gap>,
}

/// Sweeps over the starts and ends of a shard's operations.
fn gaps(operations: &[&Operation], max: u64) -> Gaps {
    let mut moments: Vec<_> = operations
        .iter()
        // At the same moment a start goes before an end: who begins as another gives up has waited without a pause.
        .flat_map(|operation| {
            [(operation.intended, false, false), (operation.ended, true, operation.outcome == Outcome::Ok)]
        })
        .collect();
    moments.sort_unstable();
    let (mut waiting, mut since, mut unserved_since) = (0_u64, None, None);
    let (mut longest, mut bridged_nanos, mut over) = (Gap::default(), 0, Vec::new());
    for (at, is_end, ok) in moments {
        if !is_end {
            waiting += 1;
            since.get_or_insert(at);
            unserved_since.get_or_insert(at);
            continue;
        }
        waiting -= 1;
        let gap = Gap { from: since.unwrap_or(at), to: at };
        longest = longest.longer(gap);
        if (ok || waiting == 0) && gap.nanos() > max {
            over.push(gap);
        }
        bridged_nanos = bridged_nanos.max(at.nanos_since(unserved_since.unwrap_or(at)));
        let waits_on = (waiting > 0).then_some(at);
        if ok {
            (since, unserved_since) = (waits_on, waits_on);
        } else if waiting == 0 {
            since = None;
        }
    }
    Gaps { longest, bridged_nanos, over }
}
