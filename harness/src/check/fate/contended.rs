//! Keys that several write at the same time: their writes have no order but that of their times. What is counted is what no order of
//! them explains, so it is the least that was lost.

use std::collections::{BTreeSet, HashMap};

use super::register::Gone;
use super::{Fate, Unexplained, acknowledged, may_have_happened};
use crate::evidence::{Operation, OperationEffect, Outcome, Value};

/// Accounts for every write of a key that is replaced as a whole.
pub(super) fn register_fate<'a>(
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

/// Which writes of a key are gone, and what no write explains. What is left accounts for the write that left it, and for all that began
/// before that had ended. So it is with what that one replaced, if it was told: whatever came between the two is gone, and so on back.
pub(in crate::check) fn gone(
    writes: &[Operation],
    survivor: Option<&Operation>,
    expires_nanos: impl Fn(&Operation) -> Option<u64>,
) -> (Vec<Gone>, Option<Unexplained>) {
    let none = vec![Gone::No; writes.len()];
    let Some(survivor) = survivor else { return (none, None) };
    let may_have_left = |write: &&Operation| match survivor.value {
        Value::Missing => {
            let expired =
                || expires_nanos(write).is_some_and(|nanos| write.started.plus_nanos(nanos) <= survivor.ended);
            write.effect == OperationEffect::Removes || expired()
        }
        value => write.value == value && write.effect == OperationEffect::Replaces,
    };
    let candidates = || writes.iter().filter(may_have_left).filter(|write| may_have_happened(write));
    match survivor.value {
        Value::Torn => return (none, Some(Unexplained::Torn)),
        Value::Missing => {}
        _ if candidates().next().is_none() => return (none, Some(Unexplained::Phantom)),
        _ => {}
    }
    // One that may have come late may have replaced whatever had been written by then.
    let is_sure = candidates().all(|write| write.outcome == Outcome::Ok && write.unknown_attempts == 0);
    let state = if is_sure { Gone::Surely } else { Gone::Possibly };
    let left = candidates().map(|write| write.ended).max();
    let came_after = |write: &Operation| left.is_none_or(|left| left <= write.started);
    let mut gone: Vec<_> = writes.iter().map(|write| if came_after(write) { state } else { Gone::No }).collect();
    look_back(writes, survivor.value, is_sure, expires_nanos, &mut gone);
    (gone, None)
}

/// Follows what is left from the write that left it to what that replaced, as far as they were told. A write of which another master
/// told is not looked at: only what led to what is left says what is gone.
fn look_back(
    writes: &[Operation],
    left: Value,
    mut is_sure: bool,
    expires_nanos: impl Fn(&Operation) -> Option<u64>,
    gone: &mut [Gone],
) {
    let may_be_found = |write: &Operation| write.effect == OperationEffect::Replaces && may_have_happened(write);
    let places: HashMap<_, _> =
        (0..).zip(writes).filter(|(_, write)| may_be_found(write)).map(|(nth, write)| (write.value, nth)).collect();
    let mut is_kept = vec![false; writes.len()];
    let mut found = left;
    // Whether all that led to what is left is known, from the beginning on.
    let is_whole = loop {
        let Some(&nth) = places.get(&found) else { break false };
        let finder: &Operation = &writes[nth];
        // One that was tried again may have replaced several values, and was told of one.
        if std::mem::replace(&mut is_kept[nth], true) {
            break false;
        }
        let Some(replaced) = finder.replaced_other() else {
            break matches!(found, Value::Written(id) if Value::is_preloaded(id));
        };
        is_sure &= finder.unknown_attempts == 0;
        let begun = writes.partition_point(|write| write.started <= finder.ended);
        let (before, is_first) = match replaced {
            Value::Missing => {
                let removed = |write: &&Operation| {
                    let expired =
                        expires_nanos(write).is_some_and(|nanos| write.started.plus_nanos(nanos) <= finder.ended);
                    may_have_happened(write) && (write.effect == OperationEffect::Removes || expired)
                };
                is_sure &= writes[..begun].iter().filter(removed).all(|write| write.unknown_attempts == 0);
                let last = writes[..begun].iter().filter(removed).map(|write| write.ended).max();
                (last, last.is_none())
            }
            value => {
                let Some(write) = places.get(&value).map(|nth: &usize| &writes[*nth]) else { break false };
                is_sure &= write.outcome == Outcome::Ok && write.unknown_attempts == 0;
                (Some(write.ended), false)
            }
        };
        let from = before.map_or(0, |before| writes.partition_point(|write| write.started < before));
        for (write, gone) in writes[..begun].iter().zip(&mut *gone).skip(from) {
            if write.ended <= finder.started {
                *gone = if is_sure && write.unknown_attempts == 0 { Gone::Surely } else { Gone::Possibly };
            }
        }
        if replaced == Value::Missing {
            break is_first;
        }
        found = replaced;
    };
    for ((gone, is_kept), write) in gone.iter_mut().zip(is_kept).zip(writes) {
        match () {
            () if is_kept => *gone = Gone::No,
            // Whatever is not among what led to what is left is gone, also what was under way together with one of these.
            () if is_whole && is_sure && write.outcome == Outcome::Ok => *gone = Gone::Surely,
            () => {}
        }
    }
}

/// Accounts for every increment. One that is not lost has a place of its own among those that are left, and its reply says which.
pub(super) fn counter_fate<'a>(writes: &'a [Operation], survivor: &Operation) -> Fate<'a> {
    let left = match survivor.value {
        Value::Number(number) => number,
        Value::Missing => 0,
        _ => return Fate::unexplained(Unexplained::Phantom),
    };
    let (mut replies, mut count, mut unknown) = (BTreeSet::new(), 0, 0);
    for write in writes {
        unknown += u64::from(write.unknown_attempts);
        if acknowledged(write) {
            let Value::Number(reply @ 1..) = write.value else { return Fate::unexplained(Unexplained::Phantom) };
            count += 1;
            replies.insert(reply);
        }
    }
    let kept = replies.range(..=left).count() as u64;
    let lost = count - kept;
    // Those of unknown outcome that no reply tells of have counted, of the others each may have taken a lost one's place.
    let open = unknown.saturating_sub(left.saturating_sub(kept));
    Fate {
        lost,
        possibly_lost: open.min(kept),
        unexplained: (left > count + unknown).then_some(Unexplained::Surplus),
        ..Fate::default()
    }
}
