//! `SET key value`, and `WAIT` behind it.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{AttemptOutcome, CommandKind, OpKind, error_kind, error_outcome};
use crate::evidence::{ErrorKind, OperationEffect, Value};
use crate::load::ValueSize;
use crate::load::resp::{Reply, push_array, push_bulk, push_bulk_head, push_command, push_decimal};
use crate::load::value::{ID_BYTES, push_value};
use crate::vocab::Duration;

/// writes a value of that size, at least 16 bytes, to a key; of a range with `value: (from: "16B", to: "1KiB")`, of several sizes with `value: [(weight: 9, size: "64B"), (size: "10KiB")]`; with `wait: (replicas: 1, timeout: "200ms")` a `WAIT` stands behind the write
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The value's size, at least 16 bytes: they hold the value's unique id.
    pub value: ValueSize,
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

/// `SET`.
pub(super) const WRITE: CommandKind = CommandKind { name: "SET", effect: OperationEffect::WritesUnique };

/// `SET`, then `WAIT`.
const WRITE_AND_WAIT: CommandKind = CommandKind { name: "SET+WAIT", effect: OperationEffect::WritesUnique };

impl Set {
    pub(super) const EXAMPLE: &str = r#"Set(value: "16B")"#;
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SET of {}", self.value)?;
        self.wait.map_or(Ok(()), |wait| write!(f, " with WAIT {} for {}", wait.replicas, wait.timeout))
    }
}

impl OpKind for Set {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        if self.wait.is_some() { &[WRITE_AND_WAIT] } else { &[WRITE] }
    }

    fn value(&self) -> Option<&ValueSize> {
        Some(&self.value)
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        encode(out, key, id, &self.value);
        if let Some(wait) = self.wait {
            encode_wait(out, wait);
        }
    }

    fn replies(&self, _: usize) -> usize {
        1 + usize::from(self.wait.is_some())
    }

    fn classify(
        &self,
        _: usize,
        nth: usize,
        reply: &Reply<'_>,
        written: Value,
        before: AttemptOutcome,
    ) -> AttemptOutcome {
        match (nth, self.wait) {
            (0, _) => classify(reply, written),
            (_, Some(wait)) => classify_wait(reply, wait, before),
            (_, None) => before,
        }
    }
}

/// Adds the write to a request.
pub(crate) fn encode(out: &mut Vec<u8>, key: &[u8], id: u64, size: &ValueSize) {
    let size = usize::try_from(size.of(id)).unwrap_or(usize::MAX);
    push_array(out, 3);
    push_bulk(out, b"SET");
    push_bulk(out, key);
    push_bulk_head(out, size.max(ID_BYTES));
    push_value(out, id, size);
    out.extend_from_slice(b"\r\n");
}

/// Adds the `WAIT` to a request.
fn encode_wait(out: &mut Vec<u8>, wait: Wait) {
    let (mut replicas, mut timeout_ms) = (Vec::new(), Vec::new());
    push_decimal(&mut replicas, u64::from(wait.replicas));
    // Zero would mean for ever.
    push_decimal(&mut timeout_ms, (wait.timeout.as_nanos() / 1_000_000).max(1));
    push_command(out, &[b"WAIT", &replicas, &timeout_ms]);
}

/// What the reply to the write says.
pub(crate) fn classify(reply: &Reply<'_>, written: Value) -> AttemptOutcome {
    match reply {
        Reply::Simple(b"OK") => AttemptOutcome::Acknowledged(written),
        Reply::Error(text) => error_outcome(text),
        _ => AttemptOutcome::Unknown(ErrorKind::Protocol),
    }
}

/// What the reply to the `WAIT` makes of the answer to the write.
///
/// A write that was executed stays executed, whatever `WAIT` says. But then nobody knows whether a failover keeps it.
fn classify_wait(reply: &Reply<'_>, wait: Wait, write: AttemptOutcome) -> AttemptOutcome {
    let AttemptOutcome::Acknowledged(_) = write else { return write };
    match reply {
        Reply::Integer(count) if *count >= i64::from(wait.replicas) => write,
        Reply::Integer(_) => AttemptOutcome::Unknown(ErrorKind::WaitShort),
        // Such as UNBLOCKED, when the master was demoted while it waited.
        Reply::Error(text) => AttemptOutcome::Unknown(error_kind(text)),
        _ => AttemptOutcome::Unknown(ErrorKind::Protocol),
    }
}
