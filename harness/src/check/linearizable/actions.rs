//! What the operations of one key did to it, as far as anybody knows.

use std::collections::HashMap;

use super::STEPS_MAX;
use crate::evidence::{DataType, Operation, OperationEffect, Outcome, Value};
use crate::vocab::Instant;

/// What an operation does to its key, and what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// It found this.
    Read(Value),
    /// It left `value`, missing if it removed the key, and was told what that replaced if it asked.
    Write { value: Value, replaced: Option<Value> },
    /// It made a counter this number; 0 if nobody knows which.
    Add(u64),
}

impl Act {
    /// The same of which nobody learned what it found.
    pub(super) fn untold(self) -> Self {
        match self {
            Self::Write { value, .. } => Self::Write { value, replaced: None },
            Self::Add(_) => Self::Add(0),
            Self::Read(_) => self,
        }
    }

    /// What it must have found.
    pub(super) fn told(self) -> Option<Value> {
        match self {
            Self::Read(value) => Some(value),
            Self::Write { replaced, .. } => replaced,
            Self::Add(_) => None,
        }
    }
}

/// An act, and when it can have taken effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyAction {
    pub(super) act: Act,
    pub(super) began: Instant,
    /// [`NEVER`] if it may take effect at any later time, or never.
    pub(super) ended: Instant,
    /// The place of its operation.
    pub(super) of: usize,
}

impl KeyAction {
    /// The same, as if nobody had learned whether it took effect.
    pub(super) fn without_outcome(&self) -> Self {
        Self { act: self.act.untold(), ended: NEVER, ..*self }
    }
}

/// So many increments of unknown outcome are kept of a key: no search takes more steps.
const INCREMENTS_MAX: u64 = STEPS_MAX;

/// The end of what may take effect at any later time.
const NEVER: Instant = Instant(u64::MAX);

/// The actions of a key, each list in the order of their beginnings.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyActions {
    /// Those that took effect between their beginning and their end.
    pub(super) required: Vec<KeyAction>,
    /// Attempts whose outcome nobody learned.
    pub(super) optional: Vec<KeyAction>,
}

impl KeyActions {
    /// Of the operations of a key, in the order in which they began. What surely was not executed did nothing. An attempt to write leads on
    /// only where somebody was told of its value, so there are no more of one than that were.
    pub(super) fn of(operations: &[Operation]) -> Self {
        let mut key = Self::default();
        let mut told = HashMap::<_, u64>::new();
        let acknowledged = operations.iter().filter(|operation| operation.outcome == Outcome::Ok);
        for value in acknowledged.filter_map(|operation| act(operation)?.told()) {
            *told.entry(value).or_default() += 1;
        }
        for (of, operation) in operations.iter().enumerate() {
            let Some(act) = act(operation) else { continue };
            let (began, ended) = (operation.started, operation.ended);
            if operation.outcome == Outcome::Ok {
                key.required.push(KeyAction { act, began, ended, of });
            }
            if operation.writes() {
                let unlearned = operation.unknown_attempts.max(u16::from(operation.outcome == Outcome::Unknown));
                let attempt = KeyAction { act, began, ended, of }.without_outcome();
                let most = match act {
                    Act::Write { value, .. } => told.get(&value).copied().unwrap_or(0),
                    _ => INCREMENTS_MAX.saturating_sub(key.optional.len() as u64),
                };
                let copies = usize::try_from(u64::from(unlearned).min(most)).unwrap_or(usize::MAX);
                key.optional.extend(std::iter::repeat_n(attempt, copies));
            }
        }
        key
    }

    /// The places of their operations, in order.
    pub(super) fn operations(&self) -> Vec<usize> {
        let mut of: Vec<_> = self.required.iter().chain(&self.optional).map(|action| action.of).collect();
        of.sort_unstable();
        of.dedup();
        of
    }

    /// Those of which `keep` says so of the act and its time.
    pub(super) fn only(&self, keep: impl Fn(&KeyAction) -> bool) -> Self {
        let only = |actions: &[KeyAction]| actions.iter().filter(|action| keep(action)).copied().collect();
        Self { required: only(&self.required), optional: only(&self.optional) }
    }
}

fn act(operation: &Operation) -> Option<Act> {
    let value = match operation.value {
        Value::Missing if operation.data == DataType::Counter => Value::Number(0),
        value => value,
    };
    match operation.effect {
        OperationEffect::Reads => Some(Act::Read(value)),
        OperationEffect::Replaces => Some(Act::Write { value, replaced: operation.replaced_other() }),
        OperationEffect::Removes => Some(Act::Write { value: Value::Missing, replaced: None }),
        OperationEffect::Increments => {
            Some(Act::Add(if let Value::Number(number) = operation.value { number } else { 0 }))
        }
        OperationEffect::Inserts
        | OperationEffect::Takes
        | OperationEffect::Publishes
        | OperationEffect::Transfers
        | OperationEffect::Locks
        | OperationEffect::Unlocks => None,
    }
}
