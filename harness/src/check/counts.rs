//! What counters were told to hold: never more than was counted by then.

use super::case::Case;
use super::keys;
use super::reads::Impossible;
use crate::evidence::{DataType, Operation, OperationEffect, Outcome, Value};
use crate::vocab::Instant;

/// Calls `visit` with every read and every increment of a counter that was answered, and why it cannot have been that, if it cannot.
pub(crate) fn for_each_count(case: &Case<'_>, mut visit: impl FnMut(&Operation, Option<Impossible>)) {
    let wanted = |operation: &Operation| operation.data == DataType::Counter && !operation.is_final_read();
    keys::for_each_key(case.evidence, wanted, |_, operations| {
        let attempts = Attempts::of(operations);
        for told in operations.iter().filter(|operation| operation.outcome == Outcome::Ok) {
            let increments = told.effect == OperationEffect::Increments;
            visit(
                told,
                match told.value {
                    Value::Missing if !increments => None,
                    Value::Number(0) if increments => Some(Impossible::NotCounted),
                    Value::Number(number) if number > attempts.until(told.ended) => Some(Impossible::MoreThanCounted),
                    Value::Number(_) => None,
                    _ => Some(Impossible::NeverWritten),
                },
            );
        }
    });
}

/// How often a counter had been tried to increment: when, and how often by then.
struct Attempts(Vec<(Instant, u64)>);

impl Attempts {
    fn of(operations: &[Operation]) -> Self {
        let increments = operations.iter().filter(|operation| operation.effect == OperationEffect::Increments);
        let attempts = increments.scan(0, |sum, increment| {
            *sum += u64::from(increment.outcome == Outcome::Ok) + u64::from(increment.unknown_attempts);
            Some((increment.started, *sum))
        });
        Self(attempts.collect())
    }

    fn until(&self, at: Instant) -> u64 {
        let begun = self.0.partition_point(|(started, _)| *started <= at);
        begun.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}
