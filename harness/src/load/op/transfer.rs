//! `MULTI`, `DECRBY` of one account, `INCRBY` of another, `EXEC`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::multi::Multi;
use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait, group};
use crate::evidence::{DataType, OperationEffect};
use crate::load::resp::{Reply, push_array, push_bulk, push_command};
use crate::load::value::push_number;
use crate::text::{Cursor, Problem};

/// moves 1 to 10 from one of so many accounts to another, in a transaction (`MULTI`, `DECRBY`, `INCRBY`, `EXEC`); each of the load's keys is such a bank, whose accounts share a hash tag and hold 100 each before the timeline begins
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// How many accounts each bank has.
    pub accounts: u16,
    /// Ask for replicas before the transfer counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

/// No transfer moves more.
const AMOUNT_MAX: u64 = 10;

impl Transfer {
    pub(super) const EXAMPLE: &str = "Transfer(accounts: 8)";

    const MULTI: Multi = Multi { before: 1, commands: 2, watches: false };

    /// The accounts, from 1, that the transfer of that id moves from and to, and how much.
    fn order(self, id: u64) -> (u16, u16, u64) {
        // As SplitMix64 mixes its counter (Steele, Lea and Flood, 2014): ids that lie next to each other name different accounts.
        let mixed = (id ^ id >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        let mixed = mixed ^ mixed >> 31;
        let (accounts, others) = (u64::from(self.accounts.max(1)), u64::from(self.accounts.saturating_sub(1).max(1)));
        let from = (mixed & 0xFFFF) % accounts;
        let to = (from + 1 + (mixed >> 16 & 0xFFFF) % others) % accounts;
        let account = |at: u64| u16::try_from(at + 1).unwrap_or(u16::MAX);
        (account(from), account(to), 1 + (mixed >> 32) % AMOUNT_MAX)
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MULTI, DECRBY and INCRBY of two of {} accounts, EXEC", self.accounts)
    }
}

impl OpKind for Transfer {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "TRANSFER", effect: OperationEffect::Transfers }]
    }

    fn data(&self) -> DataType {
        DataType::Accounts
    }

    fn keys(&self) -> Option<u16> {
        Some(self.accounts)
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        group::account_problems(self.accounts, at)
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        let (from, to, amount) = self.order(id);
        push_command(out, &[b"MULTI"]);
        for (command, account) in [(b"DECRBY", from), (b"INCRBY", to)] {
            push_array(out, 3);
            push_bulk(out, command);
            group::push_key(out, key, account);
            push_number(out, amount);
        }
        push_command(out, &[b"EXEC"]);
    }

    fn replies(&self, _: usize) -> usize {
        Self::MULTI.replies()
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        Self::MULTI.classify(answer, |reply| matches!(reply, Reply::Integer(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers_go_between_all_accounts() {
        let transfer = Transfer { weight: 1, accounts: 3, wait: None };
        let orders: Vec<_> = (0..1_000).map(|id| transfer.order(id)).collect();
        assert!(orders.iter().all(|(from, to, amount)| from != to && (1..=AMOUNT_MAX).contains(amount)));
        for account in 1..=3 {
            let times =
                |count: fn(&(u16, u16, u64)) -> u16| orders.iter().filter(|order| count(order) == account).count();
            assert!((250..420).contains(&times(|order| order.0)) && (250..420).contains(&times(|order| order.1)));
        }
    }
}
