//! How long any part of the key space was not served.
//!
//! In a partition the cluster owes service to all who reach a majority of the masters. Operations of a client host that did not,
//! at any moment of theirs, are left out: that they waited is what the scenario asked for, and what a master without a majority
//! acknowledged to them is no service. Where nobody else asked meanwhile, nothing can be said.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::slo_kind::{IDLE_MACHINE_BELOW, SloKind, of_load};
use super::window::Window;
use crate::evidence::{Operation, Outcome};
use crate::vocab::{Duration, Instant};

/// the longest time in which operations on a shard waited and none of them ended ok; without the clients that a partition cut off from the majority; with `load: "app"` for that load, on the shards that it uses
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Unavailability {
    /// The longest that any shard may be unavailable.
    pub max: Duration,
    /// The load that it is about; every load together if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl Unavailability {
    pub(super) const EXAMPLE: &str = r#"Unavailability(max: "3s")"#;
}

impl fmt::Display for Unavailability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unavailability{} <= {}", of_load(self.load()), self.max)
    }
}

impl SloKind for Unavailability {
    /// A shard is what one master owned at the start, whoever owns it later.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = finding::limit(self.max);
        let (shards, left_out) = by_shard(case, self.load());
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
        let unasked = unasked(case, &shards, &left_out);
        let status = match () {
            () if worst.nanos() > max => Status::Fail,
            // One load may well have no key on a shard; that nobody has is an oversight.
            () if widest > max || (!idle.is_empty() && self.load.is_none()) || unasked.is_some() => {
                Status::Inconclusive
            }
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
            left_out_in_words(&left_out),
            unasked.unwrap_or_default(),
        ];
        Finding {
            status,
            measured: finding::time(worst.nanos()),
            samples: samples as u64,
            note: finding::note(notes),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A miss is explained if in every gap over the limit the machine may have taken as much as the gap is too long.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let max = self.max.as_nanos();
        let over = by_shard(case, self.load()).0.into_iter().flat_map(|(_, operations)| gaps(&operations, max).over);
        let explain = |gap: Gap| case.machine.explain(Window { start: gap.from, end: gap.to }, gap.nanos() - max);
        let explanations: Option<Vec<_>> = over.map(explain).collect();
        explanations
            .map(|explanations| finding::note(explanations.into_iter().take(EXPLANATIONS_MAX)))
            .filter(|note| !note.is_empty())
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn needs_idle_machine(&self) -> bool {
        self.max < IDLE_MACHINE_BELOW
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }
}

/// How many gaps are explained in words.
const EXPLANATIONS_MAX: usize = 3;

/// A shard in words, and the operations on it.
type Shard<'a> = (String, Vec<&'a Operation>);

/// Every shard with the operations of that load, or of all; and once more with those of clients that did not reach a majority, which are left out.
fn by_shard<'a>(case: &Case<'a>, load: Option<&str>) -> (Vec<Shard<'a>>, Vec<Shard<'a>>) {
    let owners = case.plan.shards();
    let mut shards: Vec<Shard<'_>> =
        owners.map(|owner| (format!("{}'s shard {}", owner.name, owner.owns), Vec::new())).collect();
    let mut left_out = shards.clone();
    let cut_off = cut_off(case);
    for operation in case.operations_of_loads(load) {
        let Some(shard) = operation.shard.map(usize::from).filter(|shard| *shard < shards.len()) else { continue };
        let is_cut_off = cut_off.get(usize::from(operation.load)).is_some_and(|cut_off| touches(cut_off, operation));
        let shards = if is_cut_off { &mut left_out } else { &mut shards };
        shards[shard].1.push(operation);
    }
    (shards, left_out)
}

/// When the host of each load reached no majority of the masters.
fn cut_off(case: &Case<'_>) -> Vec<Vec<Window>> {
    let loads = case.plan.loads.iter();
    loads.map(|load| case.reaches.without_majority(case.evidence, &load.host)).collect()
}

fn touches(stretches: &[Window], operation: &Operation) -> bool {
    stretches.iter().any(|stretch| operation.intended < stretch.end && stretch.start <= operation.ended)
}

fn left_out_in_words(left_out: &[Shard<'_>]) -> String {
    let count: usize = left_out.iter().map(|(_, operations)| operations.len()).sum();
    let operations = finding::count(count as u64, "operation");
    if count == 0 { String::new() } else { format!("without {operations} of clients cut off from the majority") }
}

/// A shard that, while some client was cut off, only clients in that position asked for anything.
fn unasked(case: &Case<'_>, shards: &[Shard<'_>], left_out: &[Shard<'_>]) -> Option<String> {
    let stretches: Vec<_> = cut_off(case).into_iter().flatten().collect();
    let found = shards.iter().zip(left_out).find_map(|((shard, operations), (_, left_out))| {
        let asked = |by: &[&Operation], stretch: Window| by.iter().any(|operation| touches(&[stretch], operation));
        let unasked = stretches.iter().find(|stretch| asked(left_out, **stretch) && !asked(operations, **stretch));
        unasked.map(|stretch| (shard, stretch))
    });
    found.map(|(shard, stretch)| {
        format!("from {} on only clients cut off from the majority asked for {shard}", stretch.start)
    })
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
