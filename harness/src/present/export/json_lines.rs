//! Every operation, an object a line.

use std::io::{self, Write};

use serde::Serialize;

use super::key;
use crate::evidence::{ErrorKind, Evidence, NO_WORKER, Operation, Outcome, Value};

/// An operation for people and programs: names for indices, times in nanoseconds of the run's clock.
#[derive(Serialize)]
struct Line<'a> {
    load: &'a str,
    /// None for a final read, and for what nobody had begun.
    worker: Option<u16>,
    command: &'a str,
    writes: bool,
    key: String,
    value: Readable,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<Readable>,
    intended: u64,
    ready: u64,
    started: u64,
    ended: u64,
    outcome: Outcome,
    error: Option<ErrorKind>,
    attempts: u16,
    unknown_attempts: u16,
    node: Option<&'a str>,
    shard: Option<&'a str>,
}

/// A value: `null`, the id that its write alone has, or `{"number": 7}`, `{"elements": [..]}`, `"foreign"`, `"torn"`.
#[derive(Serialize)]
#[serde(untagged)]
enum Readable {
    Missing,
    Written(u64),
    Number { number: u64 },
    Elements { elements: Vec<Readable> },
    Odd(&'static str),
}

impl Readable {
    fn of(evidence: &Evidence, value: Value) -> Self {
        match value {
            Value::Missing => Self::Missing,
            Value::Written(id) => Self::Written(id),
            Value::Number(number) => Self::Number { number },
            Value::Elements { .. } => {
                let elements = evidence.elements.of(value).map(|element| Self::of(evidence, element)).collect();
                Self::Elements { elements }
            }
            Value::Foreign => Self::Odd("foreign"),
            Value::Torn => Self::Odd("torn"),
        }
    }
}

pub(super) fn write(evidence: &Evidence, out: &mut impl Write) -> io::Result<u64> {
    for operation in &evidence.history {
        serde_json::to_writer(&mut *out, &line(evidence, &operation))?;
        out.write_all(b"\n")?;
    }
    Ok(0)
}

fn line<'a>(evidence: &'a Evidence, operation: &Operation) -> Line<'a> {
    let plan = &evidence.plan;
    let load = plan.loads.get(usize::from(operation.load));
    let node = |index: Option<u16>| plan.nodes.get(usize::from(index?)).map(|node| node.name.as_str());
    let shard = |index: Option<u16>| plan.shards().nth(usize::from(index?)).map(|owner| owner.name.as_str());
    Line {
        load: load.map_or("?", |load| &load.name),
        worker: Some(operation.worker).filter(|worker| *worker != NO_WORKER),
        command: load.map_or("?", |load| load.command(operation.source)),
        writes: operation.writes(),
        key: key(evidence, operation),
        value: Readable::of(evidence, operation.value),
        replaced: operation.replaced.map(|replaced| Readable::of(evidence, replaced)),
        intended: operation.intended.0,
        ready: operation.ready.0,
        started: operation.started.0,
        ended: operation.ended.0,
        outcome: operation.outcome,
        error: operation.error,
        attempts: operation.attempts,
        unknown_attempts: operation.unknown_attempts,
        node: node(operation.node),
        shard: shard(operation.shard),
    }
}
