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
use crate::evidence::{Operation, Outcome, RecordedNode};
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
        let max = self.max.as_nanos();
        let (mut samples, mut left_out, mut worst, mut worst_shard, mut widest) = (0, 0, Gap::default(), None, 0);
        let (mut idle, mut unasked_shard) = (None, None);
        for shard in shards(case, self.load()) {
            let gaps = gaps(&shard.asked.moments, max);
            samples += shard.asked.operations;
            left_out += shard.left_out.operations;
            widest = widest.max(gaps.bridged_nanos);
            unasked_shard = unasked_shard.or_else(|| unasked(case, &shard));
            if shard.asked.operations == 0 {
                idle.get_or_insert(shard.text);
            } else if gaps.longest.nanos() > worst.nanos() {
                (worst, worst_shard) = (gaps.longest, Some(shard.text));
            }
        }
        if samples == 0 {
            return Finding::nothing(self, limit, "no operation was done on any shard");
        }
        let status = match () {
            () if worst.nanos() > max => Status::Fail,
            // One load may well have no key on a shard; that nobody has is an oversight.
            () if widest > max || (idle.is_some() && self.load.is_none()) || unasked_shard.is_some() => {
                Status::Inconclusive
            }
            () => Status::Pass,
        };
        let notes = [
            format!("{}, from {} to {}", worst_shard.unwrap_or_default(), worst.from, worst.to),
            if widest > worst.nanos() && widest > max {
                format!(
                    "up to {} if nobody would have been served between operations that failed",
                    finding::time(widest)
                )
            } else {
                String::new()
            },
            idle.map_or_else(String::new, |shard| format!("{shard} saw no operation")),
            left_out_in_words(left_out),
            unasked_shard.unwrap_or_default(),
        ];
        Finding {
            status,
            measured: finding::time(worst.nanos()),
            samples,
            note: finding::note(notes),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A miss is explained if in every gap over the limit the machine may have taken as much as the gap is too long.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let max = self.max.as_nanos();
        let over = shards(case, self.load()).into_iter().flat_map(|shard| gaps(&shard.asked.moments, max).over);
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

/// What was asked of a shard.
#[derive(Clone, Default)]
struct Asked {
    operations: u64,
    /// When they began to wait and ended; not of those that are left out.
    moments: Vec<Moment>,
    /// Whether any was under way in each stretch in which some client was cut off from the majority.
    in_stretches: Vec<bool>,
}

/// When an operation began to wait, or ended, in one number, so that those of a long run are not too large: the moment in
/// nanoseconds, then whether it is an end, then whether that was ok. At the same moment a start goes before an end: who begins as
/// another gives up has waited without a pause.
type Moment = u64;

fn moment(at: Instant, is_end: bool, is_ok: bool) -> Moment {
    at.0 << 2 | u64::from(is_end) << 1 | u64::from(is_ok)
}

impl Asked {
    fn add(&mut self, operation: &Operation, stretches: &[Window]) {
        self.operations += 1;
        self.in_stretches.resize(stretches.len(), false);
        for (asked, stretch) in self.in_stretches.iter_mut().zip(stretches) {
            *asked |= touches(&[*stretch], operation);
        }
    }
}

/// A shard, and what was asked of it.
struct Shard {
    /// It in words.
    text: String,
    /// By those whom it owed service.
    asked: Asked,
    /// By clients that did not reach a majority, which are left out.
    left_out: Asked,
}

/// Every shard of the systems that the load drives, or all do, with what was asked of it.
fn shards(case: &Case<'_>, load: Option<&str>) -> Vec<Shard> {
    let cut_off = cut_off(case);
    let stretches: Vec<_> = cut_off.iter().flatten().copied().collect();
    let owners = case.plan.shards().map(shard_in_words);
    let mut shards: Vec<_> =
        owners.map(|text| Shard { text, asked: Asked::default(), left_out: Asked::default() }).collect();
    for operation in case.operations_of_loads(load) {
        let Some(shard) = operation.shard.and_then(|shard| shards.get_mut(usize::from(shard))) else { continue };
        if cut_off.get(usize::from(operation.load)).is_some_and(|cut_off| touches(cut_off, &operation)) {
            shard.left_out.add(&operation, &stretches);
            continue;
        }
        shard.asked.add(&operation, &stretches);
        let is_ok = operation.outcome == Outcome::Ok;
        shard.asked.moments.extend([moment(operation.intended, false, false), moment(operation.ended, true, is_ok)]);
    }
    for shard in &mut shards {
        shard.asked.moments.sort_unstable();
    }
    let driven: Vec<_> = case.loads(load).into_iter().map(|load| case.plan.loads[load].system).collect();
    let is_driven = case.plan.shards().map(|owner| driven.contains(&owner.system));
    shards.into_iter().zip(is_driven).filter(|(_, is_driven)| *is_driven).map(|(shard, _)| shard).collect()
}

/// `A's shard 0-5460`; `A's shard`, where it is not divided.
fn shard_in_words(owner: &RecordedNode) -> String {
    let range = if owner.owns.len() > 1 { format!(" {}", owner.owns) } else { String::new() };
    format!("{}'s shard{range}", owner.name)
}

/// When the host of each load reached no majority of the masters.
fn cut_off(case: &Case<'_>) -> Vec<Vec<Window>> {
    let loads = case.plan.loads.iter();
    loads.map(|load| case.reaches.without_majority(case.evidence, load.system, &load.host)).collect()
}

fn touches(stretches: &[Window], operation: &Operation) -> bool {
    stretches.iter().any(|stretch| operation.intended < stretch.end && stretch.start <= operation.ended)
}

fn left_out_in_words(count: u64) -> String {
    let operations = finding::count(count, "operation");
    if count == 0 { String::new() } else { format!("without {operations} of clients cut off from the majority") }
}

/// The first stretch in which, while some client was cut off, only clients in that position asked a shard for anything.
fn unasked(case: &Case<'_>, shard: &Shard) -> Option<String> {
    let of_left_out = shard.left_out.in_stretches.iter().enumerate().filter(|(_, asked)| **asked).map(|(nth, _)| nth);
    let nth = of_left_out.into_iter().find(|nth| !shard.asked.in_stretches.get(*nth).is_some_and(|asked| *asked))?;
    let stretch = cut_off(case).into_iter().flatten().nth(nth)?;
    let Shard { text, .. } = shard;
    Some(format!("from {} on only clients cut off from the majority asked for {text}", stretch.start))
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
fn gaps(moments: &[Moment], max: u64) -> Gaps {
    let (mut waiting, mut since, mut unserved_since) = (0_u64, None, None);
    let (mut longest, mut bridged_nanos, mut over) = (Gap::default(), 0, Vec::new());
    for moment in moments {
        let (at, is_end, ok) = (Instant(moment >> 2), moment & 2 != 0, moment & 1 != 0);
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
