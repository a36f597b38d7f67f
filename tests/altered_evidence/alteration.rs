//! What is done to evidence.

use std::fmt;

use harness::evidence::{
    Event, EventKind, Evidence, Operation, OperationEffect, OperationSource, Outcome, ReplicationRecord,
    ResourceSample, TopologyRecord, Value,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What was done to evidence.
pub(super) struct Alteration {
    what: String,
    /// Whether a run with such evidence must not pass.
    pub(super) matters: bool,
}

impl fmt::Display for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Alteration {
    /// Alters the evidence at random. None if the dice found nothing to alter, or what came of it is no evidence.
    pub(super) fn draw(evidence: &Evidence, random: &mut ChaCha8Rng) -> Option<(Evidence, Self)> {
        let mut altered = evidence.clone();
        let alteration = match random.random_range(0..8) {
            0..3 => {
                let mut operations = evidence.history.iter().collect();
                let alteration = operation(&mut operations, random);
                altered.history = operations.into_iter().collect();
                Some(alteration)
            }
            3..5 => lines(&mut altered.events, "event", random, matters),
            5 => lines(&mut altered.topology, "view", random, |_: &TopologyRecord, _| false),
            6 => lines(&mut altered.replication, "offset", random, |_: &ReplicationRecord, _| false),
            _ => lines(&mut altered.samples, "sample", random, |_: &ResourceSample, _| false),
        }?;
        Some((altered, alteration))
    }
}

/// What was done to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Removed,
    Repeated,
    Swapped,
    Changed,
}

/// Every operation was counted by its load, and the final read of every key that was written is expected.
fn operation(operations: &mut Vec<Operation>, random: &mut ChaCha8Rng) -> Alteration {
    let at = random.random_range(0..operations.len());
    let was = operations[at];
    let (done, matters) = match random.random_range(0..4) {
        0 => {
            operations.remove(at);
            (Done::Removed, true)
        }
        1 => {
            operations.insert(at, was);
            // That of a key which holds several elements is several reads, one behind the other.
            (Done::Repeated, was.source != OperationSource::FinalRead)
        }
        2 => {
            let other = random.random_range(0..operations.len());
            operations.swap(at, other);
            (Done::Swapped, false)
        }
        _ => {
            let is_read = was.outcome == Outcome::Ok && was.effect == OperationEffect::Reads;
            // Nobody ever wrote these.
            operations[at].value = if random.random_bool(0.5) { Value::Foreign } else { Value::Written(u64::MAX) };
            (Done::Changed, is_read && matches!(was.value, Value::Written(_) | Value::Missing))
        }
    };
    let kind = if was.source == OperationSource::FinalRead { "final read" } else { "operation" };
    Alteration { what: format!("{kind} {at} {done:?}: {was:?}"), matters }
}

/// Whether a run without an event must not pass. It may without what only tells people more, or what makes a verdict stricter, and
/// without most log lines and judgements of views.
fn matters(event: &Event, done: Done) -> bool {
    done == Done::Removed
        && !matches!(
            event.kind,
            EventKind::Log(_)
                | EventKind::Machine(_)
                | EventKind::NodeStarted { .. }
                | EventKind::NodeExited { .. }
                | EventKind::StepStarted { .. }
                | EventKind::Settled { .. }
                | EventKind::SystemSettled { .. }
                | EventKind::Unsettled { .. }
                | EventKind::Progress(_)
                | EventKind::SlowOperation { .. }
                | EventKind::Subscriptions { .. }
                | EventKind::Waiting { .. }
                | EventKind::FinalReadStarted
        )
}

fn lines<T: Clone + Serialize + DeserializeOwned>(
    lines: &mut Vec<T>,
    name: &str,
    random: &mut ChaCha8Rng,
    matters: impl Fn(&T, Done) -> bool,
) -> Option<Alteration> {
    if lines.is_empty() {
        return None;
    }
    let at = random.random_range(0..lines.len());
    let was = lines[at].clone();
    let done = match random.random_range(0..4) {
        0 => {
            lines.remove(at);
            Done::Removed
        }
        1 => {
            lines.insert(at, was.clone());
            Done::Repeated
        }
        2 => {
            let other = random.random_range(0..lines.len());
            lines.swap(at, other);
            Done::Swapped
        }
        _ => {
            let mut tree = serde_json::to_value(&was).ok()?;
            change(&mut tree, random);
            lines[at] = serde_json::from_value(tree).ok()?;
            Done::Changed
        }
    };
    let matters = matters(&was, done);
    let text = serde_json::to_string(&was).unwrap_or_default();
    Some(Alteration { what: format!("{name} {at} {done:?}: {text}"), matters })
}

/// Changes something in there.
fn change(tree: &mut serde_json::Value, random: &mut ChaCha8Rng) {
    match tree {
        serde_json::Value::Array(inside) if !inside.is_empty() => {
            let at = random.random_range(0..inside.len());
            change(&mut inside[at], random);
        }
        serde_json::Value::Object(inside) if !inside.is_empty() => {
            let at = random.random_range(0..inside.len());
            if let Some((_, value)) = inside.iter_mut().nth(at) {
                change(value, random);
            }
        }
        serde_json::Value::Number(number) => {
            let was = number.as_i64().unwrap_or(0);
            *tree = match random.random_range(0..4) {
                0 => 0.into(),
                1 => was.saturating_add(1).into(),
                2 => was.saturating_mul(2).into(),
                _ => i64::MAX.into(),
            };
        }
        serde_json::Value::Bool(is) => *is = !*is,
        serde_json::Value::String(text) => text.push('1'),
        other => *other = serde_json::Value::Null,
    }
}
