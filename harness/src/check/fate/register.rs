//! A key whose value is replaced as a whole: each write accounts for all before it.

use super::{Fate, Unexplained, acknowledged, may_have_happened};
use crate::evidence::{Operation, OperationEffect, Outcome, Value};

/// What is known of whether a write is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::check) enum Gone {
    No,
    /// Or it was overwritten by one that took effect late.
    Possibly,
    Surely,
}

/// Accounts for every write of a key of which it is known what is left.
pub(super) fn fate<'a>(
    writes: &'a [Operation],
    survivor: &Operation,
    expires_nanos: impl Fn(&Operation) -> Option<u64>,
) -> Fate<'a> {
    let (gone, unexplained) = gone(writes, Some(survivor), expires_nanos);
    let acknowledged = || writes.iter().zip(&gone).filter(|(write, _)| acknowledged(write));
    let lost_writes: Vec<_> =
        acknowledged().filter(|(_, gone)| **gone == Gone::Surely).map(|(write, _)| write).collect();
    let possibly_lost = acknowledged().filter(|(_, gone)| **gone == Gone::Possibly).count() as u64;
    Fate { lost: lost_writes.len() as u64, lost_writes, possibly_lost, unexplained }
}

/// Which writes of a key are gone, and what no write explains. It follows the key from what one write replaced to what the next did,
/// as far as they were told, and to what is left, if that is known. What is found accounts for the write that left it and for all
/// before; of those that could have, the last. All after it are gone.
pub(in crate::check) fn gone(
    writes: &[Operation],
    survivor: Option<&Operation>,
    expires_nanos: impl Fn(&Operation) -> Option<u64>,
) -> (Vec<Gone>, Option<Unexplained>) {
    let (mut gone, mut unexplained) = (vec![Gone::No; writes.len()], None);
    let told = writes.iter().enumerate().filter_map(|(nth, write)| Some((nth, write.replaced_other()?, write)));
    for (count, value, finder) in told.chain(survivor.map(|survivor| (writes.len(), survivor.value, survivor))) {
        match behind(&writes[..count], value, finder, &expires_nanos) {
            Ok((from, surely)) => {
                let state = if surely { Gone::Surely } else { Gone::Possibly };
                gone[from..count].iter_mut().filter(|gone| **gone != Gone::Surely).for_each(|gone| *gone = state);
                // It is there, though a master that was behind had told another write that it was not.
                if let Some(found) = from.checked_sub(1) {
                    gone[found] = Gone::No;
                }
            }
            Err(what) => unexplained = unexplained.or(Some(what)),
        }
    }
    (gone, unexplained)
}

/// The place behind the write that left the value which `finder` found after these writes, and whether those from there on are
/// surely gone.
fn behind(
    writes: &[Operation],
    value: Value,
    finder: &Operation,
    expires_nanos: impl Fn(&Operation) -> Option<u64>,
) -> Result<(usize, bool), Unexplained> {
    match value {
        Value::Missing => {
            let gone = |write: &Operation| {
                may_have_happened(write) && (removes(write) || has_expired(write, finder, &expires_nanos))
            };
            // A write that takes effect late adds a value and never takes one away.
            let Some(position) = writes.iter().rposition(gone) else { return Ok((0, true)) };
            // An earlier one may have come late, and have taken away what was written since.
            let surely = !writes.iter().any(|write| gone(write) && write.unknown_attempts > 0);
            Ok((position + 1, surely))
        }
        written @ Value::Written(_) => {
            let position = writes.iter().rposition(|write| write.value == written && may_have_happened(write));
            let position = position.ok_or(Unexplained::Phantom)?;
            let write = &writes[position];
            Ok((position + 1, write.outcome == Outcome::Ok && write.unknown_attempts == 0))
        }
        Value::Foreign | Value::Number(_) | Value::Elements { .. } => Err(Unexplained::Phantom),
        Value::Torn => Err(Unexplained::Torn),
    }
}

fn removes(write: &Operation) -> bool {
    write.effect == OperationEffect::Removes
}

/// Whether the server may have forgotten what the write wrote before it was looked for.
fn has_expired(write: &Operation, finder: &Operation, expires_nanos: impl Fn(&Operation) -> Option<u64>) -> bool {
    expires_nanos(write).is_some_and(|nanos| write.started.plus_nanos(nanos) <= finder.ended)
}
