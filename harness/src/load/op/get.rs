//! `GET key`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{AttemptOutcome, CommandKind, OpKind, error_outcome};
use crate::evidence::{ErrorKind, OperationEffect, Value};
use crate::load::resp::{Reply, push_command};
use crate::load::value::read_value;

/// reads a key
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
}

/// `GET`.
pub(super) const READ: CommandKind = CommandKind { name: "GET", effect: OperationEffect::Reads };

impl Get {
    pub(super) const EXAMPLE: &str = "Get()";
}

impl fmt::Display for Get {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GET")
    }
}

impl OpKind for Get {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[READ]
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], _: u64) {
        encode(out, key);
    }

    fn classify(&self, _: usize, _: usize, reply: &Reply<'_>, _: Value, _: AttemptOutcome) -> AttemptOutcome {
        classify(reply)
    }
}

/// Adds the command to a request.
pub(crate) fn encode(out: &mut Vec<u8>, key: &[u8]) {
    push_command(out, &[b"GET", key]);
}

/// What the reply says.
pub(crate) fn classify(reply: &Reply<'_>) -> AttemptOutcome {
    match reply {
        Reply::Bulk(bytes) => AttemptOutcome::Acknowledged(read_value(bytes)),
        Reply::Nil => AttemptOutcome::Acknowledged(Value::Missing),
        Reply::Error(text) => error_outcome(text),
        _ => AttemptOutcome::Unknown(ErrorKind::Protocol),
    }
}
