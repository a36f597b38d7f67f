//! Jepsen's history: an invocation and a completion for every operation, in the order of their times. Elle reads it as
//! transactions on registers, of which each here is on one key (`elle.rw-register`).
//!
//! A process does one thing at a time, and after one of unknown outcome it does nothing more (Jepsen, `jepsen.history`). A worker
//! does, and a pipeline does several at once, so a worker is as many processes as that takes.

use std::collections::HashMap;
use std::io::{self, Write};

use super::key;
use crate::evidence::{DataType, Evidence, LoadIndex, Operation, OperationEffect, Outcome, Value};
use crate::vocab::Instant;

/// One line to be: its time, and whether it is an invocation; at the same time completions come first.
type Line = (Instant, bool, u64, Operation);

pub(super) fn write(evidence: &Evidence, out: &mut impl Write) -> io::Result<u64> {
    let (mut lines, mut processes, mut left_out) = (Vec::<Line>::new(), Processes::default(), 0);
    let mut operations: Vec<_> = evidence.history.iter().filter(|operation| !operation.never_begun()).collect();
    operations.sort_by_key(|operation| operation.started);
    for operation in operations {
        if !is_of_register(&operation) {
            left_out += 1;
            continue;
        }
        // What takes no time at all is invoked before it is done all the same.
        let ended = operation.ended.max(operation.started.plus_nanos(1));
        let process = processes.of(&operation, ended);
        lines.push((operation.started, true, process, operation));
        lines.push((ended, false, process, operation));
    }
    lines.sort_by_key(|(at, is_invocation, ..)| (*at, *is_invocation));
    for (index, (at, is_invocation, process, operation)) in lines.into_iter().enumerate() {
        let kind = match operation.outcome {
            _ if is_invocation => "invoke",
            Outcome::Ok => "ok",
            Outcome::Fail => "fail",
            Outcome::Unknown => "info",
        };
        let (key, done) = (key(evidence, &operation), !is_invocation && operation.outcome == Outcome::Ok);
        let value = steps(&operation, &key, done);
        writeln!(
            out,
            "{{:index {index}, :type :{kind}, :process {process}, :f :txn, :value [{value}], :time {}}}",
            at.0
        )?;
    }
    Ok(left_out)
}

/// Whether it is the read or the write of a value of its own.
fn is_of_register(operation: &Operation) -> bool {
    let is_value = |value: Value| matches!(value, Value::Missing | Value::Written(_));
    operation.data == DataType::Value
        && matches!(operation.effect, OperationEffect::Reads | OperationEffect::Replaces)
        && is_value(operation.value)
}

/// The micro-operations: what was read is known only when it is done.
fn steps(operation: &Operation, key: &str, done: bool) -> String {
    let text = |value: Value| match value {
        Value::Written(id) => id.to_string(),
        _ => "nil".to_owned(),
    };
    let read = |value: Option<Value>| format!("[:r {key:?} {}]", value.filter(|_| done).map_or("nil".to_owned(), text));
    match (operation.writes(), operation.replaced_other()) {
        (false, _) => read(Some(operation.value)),
        (true, Some(replaced)) => format!("{} [:w {key:?} {}]", read(Some(replaced)), text(operation.value)),
        (true, None) => format!("[:w {key:?} {}]", text(operation.value)),
    }
}

/// The processes that each worker is, and when each is free again; never if it does nothing more.
#[derive(Default)]
struct Processes {
    of_worker: HashMap<(LoadIndex, u16), Vec<(u64, Instant)>>,
    count: u64,
}

impl Processes {
    fn of(&mut self, operation: &Operation, ended: Instant) -> u64 {
        let own = self.of_worker.entry((operation.load, operation.worker)).or_default();
        let free = own.iter().position(|(_, free)| *free <= operation.started);
        let place = free.unwrap_or_else(|| {
            own.push((self.count, Instant::default()));
            self.count += 1;
            own.len() - 1
        });
        let process = own[place].0;
        if operation.outcome == Outcome::Unknown {
            own.swap_remove(place);
        } else {
            own[place].1 = ended;
        }
        process
    }
}
