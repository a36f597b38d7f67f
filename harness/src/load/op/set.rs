//! `SET key value`, with an expiry if wanted.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait};
use crate::evidence::OperationEffect;
use crate::load::ValueSize;
use crate::load::resp::{push_array, push_bulk};
use crate::load::value::{push_number, push_value, read_value};
use crate::text::{Cursor, Problem};
use crate::vocab::Duration;

/// writes a value of that size, at least 16 bytes, to a key; of a range with `value: (from: "16B", to: "1KiB")`, of several sizes with `value: [(weight: 9, size: "64B"), (size: "10KiB")]`; with `expires: "5s"` for that long; with `get: true` the reply says what it replaced, so that `LostWrites` also counts what was lost and then written again; with `wait: (replicas: 1, timeout: "200ms")` a `WAIT` stands behind the write
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// The value's size, at least 16 bytes: they hold the value's unique id.
    pub value: ValueSize,
    /// When the server forgets the value; never if not said.
    #[serde(default)]
    pub expires: Option<Duration>,
    /// Ask what it replaced: `SET key value GET`.
    #[serde(default)]
    pub get: bool,
    /// Ask for replicas before the write counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

/// `SET`.
pub(super) const WRITE: CommandKind = CommandKind { name: "SET", effect: OperationEffect::Replaces };

impl Set {
    pub(super) const EXAMPLE: &str = r#"Set(value: "16B")"#;
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SET of {}", self.value)?;
        f.write_str(if self.get { " with GET" } else { "" })?;
        self.expires.map_or(Ok(()), |expires| write!(f, " for {expires}"))
    }
}

impl OpKind for Set {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[WRITE]
    }

    fn value(&self) -> Option<&ValueSize> {
        Some(&self.value)
    }

    fn expires(&self) -> Option<Duration> {
        self.expires
    }

    fn tells_what_it_replaced(&self) -> bool {
        self.get
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        let at_once = self.expires.filter(|expires| expires.as_nanos() < 1_000_000).map(|_| {
            let problem =
                Problem::new(at.field("expires").head(), "a value that expires at once is not there to be read");
            problem.help("write at least \"1ms\", or leave `expires` out for a value that stays")
        });
        at_once.into_iter().collect()
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        push_array(out, 3 + usize::from(self.get) + if self.expires.is_some() { 2 } else { 0 });
        push_set(out, key, id, &self.value);
        if self.get {
            push_bulk(out, b"GET");
        }
        if let Some(expires) = self.expires {
            push_bulk(out, b"PX");
            push_number(out, expires.as_nanos() / 1_000_000);
        }
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        if self.get { answer.replaces(read_value) } else { answer.is_ok() }
    }
}

/// Adds the first three arguments of the write to a request.
pub(super) fn push_set(out: &mut Vec<u8>, key: &[u8], id: u64, size: &ValueSize) {
    push_bulk(out, b"SET");
    push_bulk(out, key);
    push_value(out, id, size.of(id));
}
