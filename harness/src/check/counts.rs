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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::evidence::testing::operation;

    /// A counter was incremented from 10 to 11 ms; from 20 to 21 ms, after an attempt of unknown outcome; and from 30 to 31 ms in vain.
    /// What another was told from 1 ms before that moment on.
    #[rstest]
    #[case::before_anybody_counted(9, false, Value::Number(1), Some(Impossible::MoreThanCounted))]
    #[case::while_it_is_counted(10, false, Value::Number(1), None)]
    #[case::more_than_was_counted(15, false, Value::Number(2), Some(Impossible::MoreThanCounted))]
    #[case::with_all_attempts(25, false, Value::Number(3), None)]
    #[case::with_one_that_never_was(35, false, Value::Number(4), Some(Impossible::MoreThanCounted))]
    #[case::not_there(15, false, Value::Missing, None)]
    #[case::nothing_but_zero(15, false, Value::Number(0), None)]
    #[case::something_else(15, false, Value::Foreign, Some(Impossible::NeverWritten))]
    #[case::counted_itself(9, true, Value::Number(1), None)]
    #[case::did_not_count_itself(15, true, Value::Number(0), Some(Impossible::NotCounted))]
    #[case::counted_nothing(15, true, Value::Missing, Some(Impossible::NeverWritten))]
    fn no_counter_is_ahead(
        #[case] ended: u64,
        #[case] increments: bool,
        #[case] value: Value,
        #[case] why: Option<Impossible>,
    ) {
        let of = |started, effect, value, outcome, unknown_attempts| Operation {
            data: DataType::Counter,
            started: Instant::from_millis(started),
            ended: Instant::from_millis(started + 1),
            effect,
            value,
            outcome,
            unknown_attempts,
            ..operation()
        };
        let counts = OperationEffect::Increments;
        let effect = if increments { counts } else { OperationEffect::Reads };
        let told = of(ended - 1, effect, value, Outcome::Ok, 0);
        let mut operations = vec![
            told,
            of(10, counts, Value::Number(1), Outcome::Ok, 0),
            of(20, counts, Value::Number(2), Outcome::Ok, 1),
            of(30, counts, Value::Missing, Outcome::Fail, 0),
        ];
        operations.sort_by_key(|operation| operation.started);
        let all = super::told(&operations);
        assert_eq!(all.len(), 3);
        let (_, found) = all.iter().find(|(other, _)| other.started == told.started).unwrap();
        assert_eq!(*found, why);
    }
}
