//! Keys that are only written together: what they are called, and what they say when they are read.

use crate::evidence::Value;
use crate::load::resp::{Reply, push_bulk_head, push_decimal};
use crate::load::value::read_value;
use crate::text::{Cursor, Problem};

/// How many keys a group may have.
const KEYS_MAX: u16 = 1_000;

/// What is wrong with a group of so many keys.
pub(super) fn problems(keys: u16, at: Cursor<'_>) -> Vec<Problem> {
    if (2..=KEYS_MAX).contains(&keys) {
        return Vec::new();
    }
    let message = format!("2 to {KEYS_MAX} keys are written or read together, not {keys}");
    vec![Problem::new(at.field("keys").head(), message)]
}

/// What is wrong with a bank of so many accounts.
pub(super) fn account_problems(accounts: u16, at: Cursor<'_>) -> Vec<Problem> {
    if (2..=KEYS_MAX).contains(&accounts) {
        return Vec::new();
    }
    let message = format!("amounts are transferred between 2 to {KEYS_MAX} accounts, not {accounts}");
    vec![Problem::new(at.field("accounts").head(), message)]
}

/// Keys share a hash tag if nobody says otherwise.
pub(super) fn hash_tag() -> bool {
    true
}

/// Adds the key of a member, from 1, of the group as an argument.
pub(super) fn push_key(out: &mut Vec<u8>, group: &[u8], member: u16) {
    push_bulk_head(out, group.len() + 1 + member.to_string().len());
    out.extend_from_slice(group);
    out.push(b':');
    push_decimal(out, member.into());
    out.extend_from_slice(b"\r\n");
}

/// What all members hold, torn if it is not the same; nothing if the reply is no list of strings.
pub(crate) fn read(reply: &Reply<'_>) -> Option<Value> {
    let Reply::Array(members) = reply else { return None };
    let mut values = members.iter().map(|member| super::text(member, read_value));
    let first = values.next()??;
    values.try_fold(first, |all, value| Some(if value? == all { all } else { Value::Torn }))
}
