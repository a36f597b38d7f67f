//! `MGET account ..` of all accounts of a bank.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, group, mget};
use crate::evidence::{DataType, OPENING_BALANCE, OperationEffect, Value};
use crate::load::resp::{Reply, push_array, push_bulk};
use crate::load::value::push_number;
use crate::text::{Cursor, Problem};

/// reads all accounts of a bank that `Transfer` moves amounts between, at once (`MGET`)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Balances {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// How many accounts each bank has.
    pub accounts: u16,
}

impl Balances {
    pub(super) const EXAMPLE: &str = "Balances(accounts: 8)";
}

impl fmt::Display for Balances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MGET of {} accounts", self.accounts)
    }
}

impl OpKind for Balances {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "BALANCES", effect: OperationEffect::Reads }]
    }

    fn data(&self) -> DataType {
        DataType::Accounts
    }

    fn keys(&self) -> Option<u16> {
        Some(self.accounts)
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        group::account_problems(self.accounts, at)
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], _: u64) {
        mget::encode(out, key, self.accounts);
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        answer.acknowledges(read)
    }
}

/// What all accounts hold together: missing if none is there, torn if only some are, foreign if they are no numbers or less than
/// nothing together. Nothing if the reply is no list of strings.
pub(crate) fn read(reply: &Reply<'_>) -> Option<Value> {
    let Reply::Array(accounts) = reply else { return None };
    let (mut total, mut missing, mut is_number) = (0_i64, 0, true);
    for account in accounts {
        match account {
            Reply::Bulk(digits) => {
                let balance = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<i64>().ok());
                let sum = balance.and_then(|balance| total.checked_add(balance));
                is_number &= sum.is_some();
                total = sum.unwrap_or(total);
            }
            Reply::Nil => missing += 1,
            _ => return None,
        }
    }
    Some(match u64::try_from(total) {
        _ if missing == accounts.len() => Value::Missing,
        _ if missing > 0 => Value::Torn,
        Ok(total) if is_number => Value::Number(total),
        _ => Value::Foreign,
    })
}

/// Adds the command that opens so many accounts of a bank.
pub(crate) fn push_opening(out: &mut Vec<u8>, bank: &[u8], accounts: u16) {
    push_array(out, 1 + 2 * usize::from(accounts));
    push_bulk(out, b"MSET");
    for account in 1..=accounts {
        group::push_key(out, bank, account);
        push_number(out, OPENING_BALANCE);
    }
}
