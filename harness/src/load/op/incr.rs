//! `INCR key`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait};
use crate::evidence::{DataType, OperationEffect, Value};
use crate::load::resp::{Reply, push_command};

/// adds 1 to a counter; an attempt that is repeated may count twice, and the check allows for that
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Incr {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// Ask for replicas before the increment counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

impl Incr {
    pub(super) const EXAMPLE: &str = "Incr()";
}

impl fmt::Display for Incr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("INCR")
    }
}

impl OpKind for Incr {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "INCR", effect: OperationEffect::Increments }]
    }

    fn data(&self) -> DataType {
        DataType::Counter
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], _: u64) {
        push_command(out, &[b"INCR", key]);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.acknowledges(|reply| match reply {
            Reply::Integer(count) => Some(u64::try_from(*count).map_or(Value::Foreign, Value::Number)),
            _ => None,
        })
    }
}
