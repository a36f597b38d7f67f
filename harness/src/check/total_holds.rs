//! Whether amounts that are moved between accounts stay the same together.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding};
use super::slo_kind::{NeededLoad, SloKind, of_load};
use crate::evidence::{DataType, OPENING_BALANCE, Operation, OperationEffect, Outcome, RecordedLoad, Value};

/// reads of all accounts of a bank (`Balances`, and the read at the end) that did not find what these held together at first: half a transfer was done, or seen, or an account was lost. One of unknown outcome may be done at any later time, or never, but as a whole
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct TotalHolds {
    /// How many reads may find another total.
    #[serde(default)]
    pub max: u64,
    /// The load that it is about; every load together if not said.
    #[serde(default)]
    pub load: Option<String>,
}

impl TotalHolds {
    pub(super) const EXAMPLE: &str = "TotalHolds()";
}

impl fmt::Display for TotalHolds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reads of another total{} <= {}", of_load(self.load()), self.max)
    }
}

impl SloKind for TotalHolds {
    fn judge(&self, case: &Case<'_>) -> Finding {
        let loads = case.loads(self.load());
        let meant = |operation: &Operation| {
            loads.contains(&usize::from(operation.load)) && operation.data == DataType::Accounts
        };
        let (mut transfers, mut reads, mut wrong, mut first) = (0, 0, 0, None);
        for operation in
            case.evidence.history.iter().filter(|operation| operation.outcome == Outcome::Ok && meant(operation))
        {
            if operation.effect == OperationEffect::Transfers {
                transfers += 1;
                continue;
            }
            reads += 1;
            let opened = case.plan.loads.get(usize::from(operation.load)).map_or(0, opened);
            if operation.value != Value::Number(opened) {
                wrong += 1;
                first.get_or_insert_with(|| in_words(case, &operation, opened));
            }
        }
        if reads == 0 || transfers == 0 {
            let nothing = "no accounts were read, or no transfer was acknowledged";
            return Finding::nothing(self, self.max.to_string(), nothing);
        }
        Finding {
            status: finding::met(wrong <= self.max),
            measured: wrong.to_string(),
            samples: reads,
            note: finding::note([finding::count(transfers, "acknowledged transfer"), first.unwrap_or_default()]),
            ..Finding::nothing(self, self.max.to_string(), "")
        }
    }

    /// No machine is so busy that it halves a transaction.
    fn explained_by_machine(&self, _: &Case<'_>) -> Option<String> {
        None
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Transferring
    }

    fn load(&self) -> Option<&str> {
        self.load.as_deref()
    }
}

/// What the accounts of each of its banks held together at first.
fn opened(load: &RecordedLoad) -> u64 {
    u64::from(load.accounts) * OPENING_BALANCE
}

fn in_words(case: &Case<'_>, read: &Operation, opened: u64) -> String {
    let node = case.node_name(read.node).map_or_else(|| "an unknown node".to_owned(), ToString::to_string);
    let found = match read.value {
        Value::Number(total) => format!("{total} instead of {opened}"),
        Value::Missing => "no account at all".to_owned(),
        Value::Torn => "only some of the accounts".to_owned(),
        _ => "balances that are no numbers, or less than nothing together".to_owned(),
    };
    format!("first {} at {} from {node}: {found}", case.key_text(read), read.started)
}
