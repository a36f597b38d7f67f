//! Whether what is written together is ever seen apart.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding};
use super::slo_kind::{NeededLoad, SloKind};
use crate::evidence::{Operation, OperationEffect, Outcome, Value};

/// reads of a group of keys (`Mget`, and the read at the end) that found what was never written together: a transaction of which a part was done, or seen
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct TornReads {
    /// How many there may be.
    pub max: u64,
}

impl TornReads {
    pub(super) const EXAMPLE: &str = "TornReads(max: 0)";
}

impl fmt::Display for TornReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "torn reads <= {}", self.max)
    }
}

impl SloKind for TornReads {
    fn judge(&self, case: &Case<'_>) -> Finding {
        let reads = || case.evidence.history.iter().filter(is_read_of_group);
        let torn = || reads().filter(|read| read.value == Value::Torn);
        let (samples, count) = (reads().count() as u64, torn().count() as u64);
        if samples == 0 {
            return Finding::nothing(self, self.max.to_string(), "no group of keys was read that had been written");
        }
        let first = torn().next().map(|read| {
            let node = case.node_name(read.node).map_or_else(|| "an unknown node".to_owned(), ToString::to_string);
            format!("first of {} at {} from {node}", case.key_text(&read), read.ended)
        });
        Finding {
            status: finding::met(count <= self.max),
            measured: count.to_string(),
            samples,
            note: first.unwrap_or_default(),
            ..Finding::nothing(self, self.max.to_string(), "")
        }
    }

    /// No machine is so busy that it tears a transaction.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::WritingGroups
    }
}

/// Whether an operation read a group that somebody had written.
fn is_read_of_group(operation: &Operation) -> bool {
    operation.effect == OperationEffect::Reads
        && operation.data.is_group()
        && operation.outcome == Outcome::Ok
        && operation.value != Value::Missing
}
