//! A counter: every reply says how many increments came before.

use super::{Fate, Unexplained, acknowledged};
use crate::evidence::{Operation, Value};

/// Follows the counter from reply to reply, and to what is left of it. Where it went back, increments were lost; where it went on
/// by more than one, an attempt of unknown outcome had counted.
pub(super) fn fate<'a>(writes: &'a [Operation], survivor: &Operation) -> Fate<'a> {
    let mut count = Count::default();
    for write in writes {
        count.unknown += u64::from(write.unknown_attempts);
        if acknowledged(write) {
            let Value::Number(number @ 1..) = write.value else { return Fate::unexplained(Unexplained::Phantom) };
            count.found(number - 1);
            (count.now, count.acknowledged) = (number, count.acknowledged + 1);
        }
    }
    match survivor.value {
        Value::Number(number) => count.found(number),
        Value::Missing => count.found(0),
        Value::Written(_) | Value::Foreign | Value::Torn | Value::Elements { .. } => {
            return Fate::unexplained(Unexplained::Phantom);
        }
    }
    let left = count.acknowledged.saturating_sub(count.lost);
    Fate {
        lost: count.lost,
        possibly_lost: (count.possibly_lost + count.unknown).min(left),
        unexplained: count.surplus.then_some(Unexplained::Surplus),
        ..Fate::default()
    }
}

#[derive(Default)]
struct Count {
    now: u64,
    acknowledged: u64,
    /// Attempts that may have counted, or may yet.
    unknown: u64,
    /// Attempts of unknown outcome that did.
    unknown_counted: u64,
    lost: u64,
    /// What was lost and may have been such an attempt.
    possibly_lost: u64,
    surplus: bool,
}

impl Count {
    fn found(&mut self, number: u64) {
        if let Some(more) = number.checked_sub(self.now) {
            // What had gone may be there again, when its node is master once more.
            let back = more.saturating_sub(self.unknown).min(self.lost);
            self.lost -= back;
            let more = more - back;
            self.surplus |= more > self.unknown;
            self.unknown = self.unknown.saturating_sub(more);
            self.unknown_counted += more;
        } else {
            let gone = self.now - number;
            let maybe_unknown = gone.min(self.unknown_counted);
            self.unknown_counted -= maybe_unknown;
            self.possibly_lost += maybe_unknown;
            self.lost += gone - maybe_unknown;
        }
        self.now = number;
    }
}
