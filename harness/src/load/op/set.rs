//! `SET key value`, and `WAIT` behind it.

use serde::Deserialize;

use super::{Answer, Command, error_answer, error_kind};
use crate::evidence::{ErrorKind, OperationEffect, OperationSource, Value};
use crate::load::resp::{Reply, push_array, push_bulk, push_bulk_head, push_command, push_decimal};
use crate::load::value::{ID_BYTES, push_value};
use crate::vocab::{Duration, Size};

/// Writes a unique value to a random key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The value's size, at least 16 bytes: they hold the value's unique id.
    pub value: Size,
    /// Ask for replicas before the write counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

/// `WAIT replicas timeout` behind a write, on the same connection. A short count leaves the write's outcome unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// How many replicas must have acknowledged.
    pub replicas: u16,
    /// How long to wait for them.
    pub timeout: Duration,
}

impl Set {
    /// The write of the value with that id to a key.
    pub(super) fn command(&self, key: u32, id: u64) -> Command {
        write(key, id, self.value, self.wait)
    }
}

/// A write of the value with that id to a key.
pub(super) fn write(key: u32, id: u64, size: Size, wait: Option<Wait>) -> Command {
    Command {
        source: OperationSource::Mix { entry: 0, command: 0 },
        effect: OperationEffect::WritesUnique,
        key,
        value: Value::Written(id),
        size: usize::try_from(size.bytes).unwrap_or(usize::MAX),
        wait,
    }
}

/// Adds the write.
pub(super) fn encode(out: &mut Vec<u8>, key: &[u8], id: u64, size: usize) {
    push_array(out, 3);
    push_bulk(out, b"SET");
    push_bulk(out, key);
    push_bulk_head(out, size.max(ID_BYTES));
    push_value(out, id, size);
    out.extend_from_slice(b"\r\n");
}

/// Adds the `WAIT`.
pub(super) fn encode_wait(out: &mut Vec<u8>, wait: Wait) {
    let (mut replicas, mut timeout_ms) = (Vec::new(), Vec::new());
    push_decimal(&mut replicas, u64::from(wait.replicas));
    // Zero would mean for ever.
    push_decimal(&mut timeout_ms, (wait.timeout.as_nanos() / 1_000_000).max(1));
    push_command(out, &[b"WAIT", &replicas, &timeout_ms]);
}

/// What the reply to the write says.
pub(super) fn classify(reply: &Reply<'_>, written: Value) -> Answer {
    match reply {
        Reply::Simple(b"OK") => Answer::Acknowledged(written),
        Reply::Error(text) => error_answer(text),
        _ => Answer::Unknown(ErrorKind::Protocol),
    }
}

/// What the reply to the `WAIT` makes of the answer to the write.
///
/// A write that was executed stays so whatever `WAIT` says: then nobody knows whether a failover keeps it.
pub(super) fn classify_wait(reply: &Reply<'_>, wait: Wait, write: Answer) -> Answer {
    let Answer::Acknowledged(_) = write else { return write };
    match reply {
        Reply::Integer(count) if *count >= i64::from(wait.replicas) => write,
        Reply::Integer(_) => Answer::Unknown(ErrorKind::WaitShort),
        // Such as UNBLOCKED, when the master was demoted while it waited.
        Reply::Error(text) => Answer::Unknown(error_kind(text)),
        _ => Answer::Unknown(ErrorKind::Protocol),
    }
}
