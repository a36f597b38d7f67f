//! `GET key`.

use serde::Deserialize;

use super::{Answer, Command, error_answer};
use crate::evidence::{ErrorKind, OperationEffect, OperationSource, Value};
use crate::load::resp::{Reply, push_command};
use crate::load::value::read_value;

/// Reads a random key of the key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
}

/// A read of that key.
pub(super) fn read(key: u32) -> Command {
    Command {
        source: OperationSource::Mix { entry: 0, command: 0 },
        effect: OperationEffect::Reads,
        key,
        value: Value::Missing,
        size: 0,
        wait: None,
    }
}

/// Adds the command.
pub(crate) fn encode(out: &mut Vec<u8>, key: &[u8]) {
    push_command(out, &[b"GET", key]);
}

/// What the reply says.
pub(crate) fn classify(reply: &Reply<'_>) -> Answer {
    match reply {
        Reply::Bulk(bytes) => Answer::Acknowledged(read_value(bytes)),
        Reply::Nil => Answer::Acknowledged(Value::Missing),
        Reply::Error(text) => error_answer(text),
        _ => Answer::Unknown(ErrorKind::Protocol),
    }
}
