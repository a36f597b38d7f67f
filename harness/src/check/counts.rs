//! What counters were told to hold: never more than was counted by then.

use super::reads::Impossible;
use crate::evidence::{DataType, Operation, OperationEffect, Outcome, Value};
use crate::vocab::Instant;

/// Every read and every increment of a counter with these operations that was answered, and why it cannot have been that, if it cannot.
pub(super) fn told(operations: &[Operation]) -> Vec<(&Operation, Option<Impossible>)> {
    let is_counter = operations.first().is_some_and(|first| first.data == DataType::Counter);
    let by_clients = operations.iter().filter(|operation| is_counter && !operation.is_final_read());
    let attempts = Attempts::of(by_clients.clone());
    let impossible = |told: &Operation| {
        let increments = told.effect == OperationEffect::Increments;
        match told.value {
            Value::Missing if !increments => None,
            Value::Number(0) if increments => Some(Impossible::NotCounted),
            Value::Number(number) if number > attempts.until(told.ended) => Some(Impossible::MoreThanCounted),
            Value::Number(_) => None,
            _ => Some(Impossible::NeverWritten),
        }
    };
    let answered = by_clients.filter(|operation| operation.outcome == Outcome::Ok);
    answered.map(|told| (told, impossible(told))).collect()
}

/// How often a counter had been tried to increment: when, and how often by then.
struct Attempts(Vec<(Instant, u64)>);

impl Attempts {
    fn of<'a>(operations: impl Iterator<Item = &'a Operation>) -> Self {
        let increments = operations.filter(|operation| operation.effect == OperationEffect::Increments);
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
