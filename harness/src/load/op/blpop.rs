//! `BLPOP key timeout`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind};
use crate::evidence::{DataType, OperationEffect, Value};
use crate::load::resp::{Reply, push_command};
use crate::load::value::read_value;
use crate::text::{Cursor, Problem};
use crate::vocab::Duration;

/// takes the first element of a list, for which it waits so long on the server; a list that stays empty is no failure
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Blpop {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// How long the server waits for an element.
    pub timeout: Duration,
}

impl Blpop {
    pub(super) const EXAMPLE: &str = r#"Blpop(timeout: "1s")"#;
}

impl fmt::Display for Blpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BLPOP for {}", self.timeout)
    }
}

impl OpKind for Blpop {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "BLPOP", effect: OperationEffect::Takes }]
    }

    fn data(&self) -> DataType {
        DataType::List
    }

    fn blocks_for(&self) -> Duration {
        self.timeout
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        let for_ever = (self.timeout.as_nanos() < 1_000_000).then(|| {
            let problem = Problem::new(at.field("timeout").head(), "a `BLPOP` with the timeout 0 waits for ever");
            problem.help("write at least \"1ms\"")
        });
        for_ever.into_iter().collect()
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], _: u64) {
        let millis = self.timeout.as_nanos() / 1_000_000;
        push_command(out, &[b"BLPOP", key, format!("{}.{:03}", millis / 1_000, millis % 1_000).as_bytes()]);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.acknowledges(|reply| match reply {
            Reply::Nil => Some(Value::Missing),
            Reply::Array(key_and_element) => match &key_and_element[..] {
                [_, Reply::Bulk(element)] => Some(read_value(element)),
                _ => None,
            },
            _ => None,
        })
    }
}
