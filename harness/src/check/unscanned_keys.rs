//! Whether a scan returns every key that is there all the time.

use std::collections::{HashMap, HashSet};
use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::keys;
use super::preload::{self, Preload, Preloads};
use super::slo_kind::{NeededLoad, SloKind};
use crate::evidence::{DataType, EventKind, LoadIndex, Operation, Outcome, UNSCANNED_NAMED_MAX, Value};
use crate::vocab::Instant;

/// keys that a `Scan` did not return, though they were there from its start to its end, as servers promise (documentation of `SCAN`); of loads that neither remove keys nor let them expire
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct UnscannedKeys {
    /// How many there may be, counted for each scan.
    pub max: u64,
}

impl UnscannedKeys {
    pub(super) const EXAMPLE: &str = "UnscannedKeys(max: 0)";
}

impl fmt::Display for UnscannedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unscanned keys <= {}", self.max)
    }
}

impl SloKind for UnscannedKeys {
    fn judge(&self, case: &Case<'_>) -> Finding {
        let keys = KnownKeys::of(case);
        let (mut samples, mut scans) = (0, 0);
        for scan in case.client_operations().filter(|operation| looks_for_keys(case, operation)) {
            scans += 1;
            samples += keys.there(case, scan.load, scan.started, scan.ended);
        }
        if samples == 0 {
            return Finding::nothing(
                self,
                self.max.to_string(),
                "no scan ended ok that keys were there for all the time",
            );
        }
        let (mut unscanned, mut first, mut is_cut_short) = (0, None, false);
        for event in &case.evidence.events {
            let EventKind::Unscanned { load, from, to, keys: missing } = &event.kind else { continue };
            let Some(index) = case.plan.loads.iter().position(|other| other.name == *load) else { continue };
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            is_cut_short |= missing.len() >= UNSCANNED_NAMED_MAX;
            for key in missing.iter().filter(|key| keys.was_there(case, (index, **key), *from, *to)) {
                unscanned += 1;
                first.get_or_insert_with(|| {
                    let key = case.plan.loads[usize::from(index)].key_names.text(DataType::Value, *key);
                    format!("first {key}, by the scan from {from} to {to}")
                });
            }
        }
        let evicted = case.evidence.evicting_nodes().first().map(|node| format!("{node} evicted keys"));
        let cut_short = format!("a scan missed {UNSCANNED_NAMED_MAX} keys or more, of which only so many are recorded");
        // What was evicted is no scan's doing; what is not recorded may have counted.
        let may_pass = evicted.is_none() && !is_cut_short;
        let may_fail = evicted.is_none();
        let doubt = evicted.or(is_cut_short.then_some(cut_short));
        Finding {
            status: match finding::met(unscanned <= self.max) {
                Status::Pass if !may_pass => Status::Inconclusive,
                Status::Fail if !may_fail => Status::Inconclusive,
                status => status,
            },
            measured: unscanned.to_string(),
            samples,
            note: finding::note([doubt.unwrap_or_default(), first.unwrap_or_default(), finding::count(scans, "scan")]),
            ..Finding::nothing(self, self.max.to_string(), "")
        }
    }

    /// No machine is so busy that a scan leaves a key out.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Scanning
    }
}

/// Whether an operation was a scan that ended ok, and what it did not find of its load's keys is recorded.
fn looks_for_keys(case: &Case<'_>, operation: &Operation) -> bool {
    let load = case.plan.loads.get(usize::from(operation.load));
    let entry = operation.entry().and_then(|entry| load?.mix.get(usize::from(entry)));
    operation.outcome == Outcome::Ok && entry.is_some_and(|entry| entry.looks_for_keys)
}

/// A key of values: its load and its number.
type ValueKey = (LoadIndex, u32);

/// Since when keys are there for sure.
struct KnownKeys {
    /// Since their first acknowledged write, if nothing that was acknowledged is lost.
    written: HashMap<ValueKey, Instant>,
    /// Since the write that they hold at the end: in between it was not lost.
    held: HashMap<ValueKey, Instant>,
    /// The same of all keys of a load, in order.
    written_in_order: HashMap<LoadIndex, Vec<Instant>>,
    held_in_order: HashMap<LoadIndex, Vec<Instant>>,
}

impl KnownKeys {
    fn of(case: &Case<'_>) -> Self {
        let tells = |operation: &Operation| operation.data == DataType::Value && preload::tells(operation);
        let touched = case.evidence.history.iter().filter(tells).map(|operation| (operation.load, operation.key));
        let touched: HashSet<_> = touched.collect();
        let (mut written, mut ended) = (untouched(case, &touched), HashMap::new());
        let mut held = written.clone();
        let (preloads, owners) = (Preloads::of(case.evidence), keys::owners(case.plan));
        let owner = |load: LoadIndex| owners.get(usize::from(load)).copied().unwrap_or(load);
        let preload = |&(load, key): &ValueKey| {
            let write = preloads.write((owner(load), DataType::Value, key))?;
            Some(Operation { load, ..write })
        };
        let preloaded = touched.iter().filter_map(preload);
        let is_write =
            |write: &Operation| write.writes() && write.data == DataType::Value && write.outcome == Outcome::Ok;
        for write in preloaded.chain(case.evidence.history.iter().filter(is_write)) {
            let first = written.entry((write.load, write.key)).or_insert(write.ended);
            *first = write.ended.min(*first);
            ended.insert(write.value, write.ended);
        }
        let final_reads = case.evidence.history.iter().filter(Operation::is_final_read);
        for read in final_reads.filter(|read| matches!(read.value, Value::Written(_))) {
            held.extend(ended.get(&read.value).map(|ended| ((read.load, read.key), *ended)));
        }
        let (written_in_order, held_in_order) = (in_order(&written), in_order(&held));
        Self { written, held, written_in_order, held_in_order }
    }

    /// How many keys of a load were there for sure from that moment to that one.
    fn there(&self, case: &Case<'_>, load: LoadIndex, from: Instant, to: Instant) -> u64 {
        let all = if nothing_lost(case, to) { &self.written_in_order } else { &self.held_in_order };
        all.get(&load).map_or(0, |since| since.partition_point(|since| *since <= from)) as u64
    }

    /// Whether that key was.
    fn was_there(&self, case: &Case<'_>, key: ValueKey, from: Instant, to: Instant) -> bool {
        let all = if nothing_lost(case, to) { &self.written } else { &self.held };
        all.get(&key).is_some_and(|since| *since <= from)
    }
}

/// Whether no master had been taken down by then, which may cost what it had acknowledged.
fn nothing_lost(case: &Case<'_>, by: Instant) -> bool {
    case.takedowns.iter().all(|takedown| takedown.began > by)
}

/// The keys that were preloaded and that nobody wrote again, if they were found as they were.
fn untouched(case: &Case<'_>, touched: &HashSet<ValueKey>) -> HashMap<ValueKey, Instant> {
    let mut untouched = HashMap::new();
    for (index, load) in (0..).zip(&case.plan.loads) {
        let preload = preload::of(case.evidence, &load.name);
        // Where only those keys are taken that lie somewhere, not each number is a key: then nothing is known of these.
        let last = preload.filter(|preload| preload.keys == preload.last()).map_or(0, Preload::last);
        let keys = (1..=last).filter(|key| !touched.contains(&(index, *key)));
        untouched.extend(keys.map(|key| ((index, key), Instant::default())));
    }
    untouched
}

fn in_order(since: &HashMap<ValueKey, Instant>) -> HashMap<LoadIndex, Vec<Instant>> {
    let mut in_order = HashMap::<_, Vec<_>>::new();
    for ((load, _), since) in since {
        in_order.entry(*load).or_default().push(*since);
    }
    for since in in_order.values_mut() {
        since.sort_unstable();
    }
    in_order
}
