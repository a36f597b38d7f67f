//! A key whose value is replaced as a whole: each write accounts for all before it.

use super::{Fate, Unexplained, acknowledged, may_have_happened};
use crate::evidence::{Operation, OperationEffect, Outcome, Value};

/// The survivor accounts for the write that left it and for all before; of those that could have, the last.
pub(super) fn fate<'a>(
    writes: &'a [Operation],
    survivor: &Operation,
    expires_nanos: impl Fn(&Operation) -> Option<u64>,
) -> Fate<'a> {
    let position = match survivor.value {
        Value::Missing => {
            let gone = |write: &Operation| {
                may_have_happened(write) && (removes(write) || has_expired(write, survivor, &expires_nanos))
            };
            let Some(position) = writes.iter().rposition(gone) else {
                // A write that takes effect late adds a value and never takes one away.
                return lost_from(writes, 0, true);
            };
            // An earlier one may have come late, and have taken away what was written since.
            let sure = !writes.iter().any(|write| gone(write) && write.unknown_attempts > 0);
            return lost_from(writes, position + 1, sure);
        }
        written @ Value::Written(_) => {
            let position = writes.iter().position(|write| write.value == written && may_have_happened(write));
            let Some(position) = position else { return Fate::unexplained(Unexplained::Phantom) };
            position
        }
        Value::Foreign | Value::Number(_) => return Fate::unexplained(Unexplained::Phantom),
        Value::Torn => return Fate::unexplained(Unexplained::Torn),
    };
    let write = &writes[position];
    lost_from(writes, position + 1, write.outcome == Outcome::Ok && write.unknown_attempts == 0)
}

/// The acknowledged writes from this position on are gone: surely, or they were overwritten by one that took effect late.
fn lost_from<'a>(writes: &'a [Operation], position: usize, surely: bool) -> Fate<'a> {
    let lost: Vec<_> = writes[position..].iter().filter(|write| acknowledged(write)).collect();
    let count = lost.len() as u64;
    if surely {
        Fate { lost: count, lost_writes: lost, ..Fate::default() }
    } else {
        Fate { possibly_lost: count, ..Fate::default() }
    }
}

fn removes(write: &Operation) -> bool {
    write.effect == OperationEffect::Removes
}

/// Whether the server may have forgotten what the write wrote before it was read.
fn has_expired(write: &Operation, read: &Operation, expires_nanos: impl Fn(&Operation) -> Option<u64>) -> bool {
    expires_nanos(write).is_some_and(|nanos| write.started.plus_nanos(nanos) <= read.ended)
}
