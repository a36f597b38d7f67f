//! `SCAN cursor COUNT count`, from the first cursor to the last, on one master after the other.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind};
use crate::evidence::{OperationEffect, Value};
use crate::load::resp::{Reply, push_command};
use crate::text::{Cursor, Problem};

/// goes through all keys of one master after the other, some `count` of them with each `SCAN`, and counts what comes, also what others wrote and what comes twice; where a node fails or changes, its shard begins anew
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
        write!(f, "SCAN of all keys by {}", self.count)
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

    fn iterates(&self) -> bool {
        true
    }

    fn step<'a>(&self, reply: &Reply<'a>) -> Option<(u64, Vec<&'a [u8]>)> {
        let Reply::Array(cursor_and_keys) = reply else { return None };
        let [Reply::Bulk(cursor), Reply::Array(keys)] = &cursor_and_keys[..] else { return None };
        let key = |key: &Reply<'a>| if let Reply::Bulk(key) = key { Some(*key) } else { None };
        Some((std::str::from_utf8(cursor).ok()?.parse().ok()?, keys.iter().map(key).collect::<Option<_>>()?))
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, _: &[u8], cursor: u64) {
        let [cursor, count] = [cursor, self.count.into()].map(|number| number.to_string());
        push_command(out, &[b"SCAN", cursor.as_bytes(), b"COUNT", count.as_bytes()]);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.acknowledges(|reply| self.step(reply).map(|(_, keys)| Value::Number(keys.len() as u64)))
    }
}
