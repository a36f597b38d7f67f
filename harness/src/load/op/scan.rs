//! `SCAN cursor COUNT count`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind};
use crate::evidence::{OperationEffect, Value};
use crate::load::resp::{Reply, push_command};
use crate::text::{Cursor, Problem};

/// one step of a scan, from the beginning: asks the node of a key for some `count` of its keys
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// How many keys the server looks at.
    pub count: u32,
}

impl Scan {
    pub(super) const EXAMPLE: &str = "Scan(count: 100)";
}

impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SCAN of {}", self.count)
    }
}

impl OpKind for Scan {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "SCAN", effect: OperationEffect::Reads }]
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        super::many_problems(self.count, "keys are looked at", at.field("count"))
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, _: &[u8], _: u64) {
        push_command(out, &[b"SCAN", b"0", b"COUNT", self.count.to_string().as_bytes()]);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.acknowledges(|reply| match reply {
            Reply::Array(cursor_and_keys) => match &cursor_and_keys[..] {
                [Reply::Bulk(_), Reply::Array(keys)] => Some(Value::Number(keys.len() as u64)),
                _ => None,
            },
            _ => None,
        })
    }
}
