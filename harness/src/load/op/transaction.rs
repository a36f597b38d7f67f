//! `MULTI`, a `SET` of several keys, `EXEC`.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::multi::Multi;
use super::{Answer, AttemptOutcome, CommandKind, OpKind, Wait, group};
use crate::evidence::{DataType, OperationEffect};
use crate::load::ValueSize;
use crate::load::resp::{Reply, push_array, push_bulk, push_command};
use crate::load::value::push_value;
use crate::text::{Cursor, Problem};

/// writes one value to so many keys, which share a hash tag, in a transaction (`MULTI`, `SET` of each, `EXEC`); with `watch: true` a `WATCH` of them stands before it
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// How many keys are written together.
    pub keys: u16,
    /// The value's size, at least 16 bytes: they hold the value's unique id.
    pub value: ValueSize,
    /// Whether the transaction is to fail if a key changes before it is executed.
    #[serde(default)]
    pub watch: bool,
    /// Ask for replicas before the write counts as acknowledged.
    #[serde(default)]
    pub wait: Option<Wait>,
}

impl Transaction {
    pub(super) const EXAMPLE: &str = r#"Transaction(keys: 3, value: "16B")"#;

    const fn multi(&self) -> Multi {
        Multi { before: 1 + self.watch as usize, commands: self.keys as usize, watches: self.watch }
    }
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watch = if self.watch { "WATCH, " } else { "" };
        write!(f, "{watch}MULTI, SET of {} to {} keys, EXEC", self.value, self.keys)
    }
}

impl OpKind for Transaction {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[CommandKind { name: "MULTI", effect: OperationEffect::Replaces }]
    }

    fn data(&self) -> DataType {
        DataType::Group
    }

    fn keys(&self) -> Option<u16> {
        Some(self.keys)
    }

    fn value(&self) -> Option<&ValueSize> {
        Some(&self.value)
    }

    fn wait(&self) -> Option<Wait> {
        self.wait
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        group::problems(self.keys, at)
    }

    fn encode(&self, _: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        if self.watch {
            push_array(out, 1 + usize::from(self.keys));
            push_bulk(out, b"WATCH");
            (1..=self.keys).for_each(|member| group::push_key(out, key, member));
        }
        push_command(out, &[b"MULTI"]);
        for member in 1..=self.keys {
            push_array(out, 3);
            push_bulk(out, b"SET");
            group::push_key(out, key, member);
            push_value(out, id, self.value.of(id));
        }
        push_command(out, &[b"EXEC"]);
    }

    fn replies(&self, _: usize) -> usize {
        self.multi().replies()
    }

    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        self.multi().classify(answer, |reply| *reply == Reply::Simple(b"OK"))
    }
}
