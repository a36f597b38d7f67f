//! The operations that a mix is made of, one a file. The list below is the only one that names them.

mod answer;
mod command;
mod group;
mod multi;
mod script;
mod wait;

use std::fmt;

use crate::evidence::{DataType, OperationEffect};
use crate::load::ValueSize;
use crate::load::resp::Reply;
use crate::text::{Cursor, Problem, kinds};
use crate::vocab::{Duration, SystemAbility};

pub use answer::{Answer, AttemptOutcome};
pub(crate) use answer::{error_kind, error_outcome};
pub(crate) use command::{MixCommand, MixEntry};
#[cfg(test)]
pub(crate) use get::Text;
pub use wait::Wait;

kinds! {
    /// One entry of a mix.
    #[derive(Eq)]
    pub enum Op: OpKind {
        get::Get,
        set::Set,
        set_then_get::SetThenGet,
        del::Del,
        incr::Incr,
        append::Append,
        rpush::Rpush,
        lrange::Lrange,
        blpop::Blpop,
        sadd::Sadd,
        smembers::Smembers,
        hset::Hset,
        hgetall::Hgetall,
        zadd::Zadd,
        zrange::Zrange,
        mset::Mset,
        mget::Mget,
        transaction::Transaction,
        transfer::Transfer,
        balances::Balances,
        eval::Eval,
        fcall::Fcall,
        scan::Scan,
        publish::Publish,
        spublish::Spublish,
        redlock::Redlock,
    }
}

pub(crate) use answer::text;
pub(crate) use balances::{push_opening, read as read_balances};
pub(crate) use group::read as read_group;
pub(crate) use mget::encode as encode_mget;

/// What an entry of a mix says and does. It is displayed as the plan explains it, such as `SET of 16 B`.
pub trait OpKind: fmt::Display {
    /// How often it is chosen, relative to the mix's other entries.
    fn weight(&self) -> u32;

    /// The commands that it is made of, in order: each is one operation of the history. At least one, at most 256.
    fn commands(&self) -> &'static [CommandKind];

    /// What its key holds.
    fn data(&self) -> DataType {
        DataType::Value
    }

    /// Of how many keys a group of them has, if it works on a group.
    fn keys(&self) -> Option<u16> {
        None
    }

    /// The size of the values that it writes; none if it writes none, or none of a size that a scenario chooses.
    fn value(&self) -> Option<&ValueSize> {
        None
    }

    /// How long the server remembers what it writes; none if for ever.
    fn expires(&self) -> Option<Duration> {
        None
    }

    /// Whether the reply to a write says what it replaced.
    fn tells_what_it_replaced(&self) -> bool {
        false
    }

    /// How many of the last elements it reads; none if all, or if it reads no elements.
    fn reads_last(&self) -> Option<u32> {
        None
    }

    /// What a write waits for before it counts as acknowledged.
    fn wait(&self) -> Option<Wait> {
        None
    }

    /// How long the server may keep the reply back, waiting for something.
    fn blocks_for(&self) -> Duration {
        Duration::default()
    }

    /// Whether it goes through all keys of every shard, a step at a time. It has one command, which only reads; each step is sent with
    /// the cursor in the place of the value's id, and acknowledged with the number of keys that it brought.
    fn iterates(&self) -> bool {
        false
    }

    /// What a step of an iteration brought: where it goes on, 0 if nowhere, and the keys.
    fn step<'a>(&self, _reply: &Reply<'a>) -> Option<(u64, Vec<&'a [u8]>)> {
        None
    }

    /// The lock, if it takes one on every master and then gives it back: its two commands, which are sent to all of them.
    fn lock(&self) -> Option<&Redlock> {
        None
    }

    /// What nodes must be able to do for it to mean anything.
    fn needed_ability(&self) -> Option<SystemAbility> {
        None
    }

    /// What is wrong with its own arguments, beside the value and the wait.
    fn problems(&self, _at: Cursor<'_>) -> Vec<Problem> {
        Vec::new()
    }

    /// Adds the command at that position in [`Self::commands`] to a request, with the key and the value's id.
    fn encode(&self, command: usize, out: &mut Vec<u8>, key: &[u8], id: u64);

    /// How many replies the command at that position gets.
    fn replies(&self, _command: usize) -> usize {
        1
    }

    /// What is known after a reply.
    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome;
}

/// What is known of a command before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandKind {
    /// What people call it.
    pub name: &'static str,
    /// What it does to its key.
    pub effect: OperationEffect,
}

impl Op {
    /// How often the entry is chosen, relative to the others.
    pub fn weight(&self) -> u32 {
        self.kind().weight()
    }

    /// How many operations of the history the entry is.
    pub fn operations(&self) -> u32 {
        u32::try_from(self.kind().commands().len()).unwrap_or(u32::MAX)
    }

    /// Whether the entry writes.
    pub fn writes(&self) -> bool {
        self.has(OperationEffect::writes)
    }

    /// Whether the entry reads values that say which write left them.
    pub fn reads_values(&self) -> bool {
        let is_value = matches!(self.kind().data(), DataType::Value | DataType::Group) && !self.kind().iterates();
        is_value && self.has(|effect| effect == OperationEffect::Reads)
    }

    /// Whether the entry is told what a value or a counter holds.
    pub fn reads_registers(&self) -> bool {
        let counts = self.kind().data() == DataType::Counter;
        self.reads_values() || counts || self.kind().tells_what_it_replaced()
    }

    /// Whether no two of the entry may be under way on one key.
    pub fn takes_turns(&self) -> bool {
        self.has(OperationEffect::takes_turns)
    }

    /// Whether it writes, or sends, a value of its own.
    pub fn is_unique(&self) -> bool {
        self.has(OperationEffect::is_unique)
    }

    /// Whether a key may be gone because of it: it is removed, or expires.
    pub fn may_remove(&self) -> bool {
        self.has(|effect| effect == OperationEffect::Removes) || self.kind().expires().is_some()
    }

    /// The entry in words, such as `SET of 16 B with WAIT 1 for 200ms`.
    pub fn text(&self) -> String {
        let kind = self.kind();
        kind.wait().map_or_else(|| kind.to_string(), |wait| format!("{kind} with {wait}"))
    }

    /// What people call the command at that position, such as `SET+WAIT`.
    pub fn command_name(&self, command: usize) -> String {
        let kind = self.kind();
        let Some(CommandKind { name, effect }) = kind.commands().get(command) else { return "?".to_owned() };
        match kind.wait().filter(|_| effect.writes()) {
            Some(wait) => format!("{name}+{}", wait.name()),
            None => (*name).to_owned(),
        }
    }

    /// The size of the largest value that the entry writes, in bytes, if it writes any.
    pub(crate) fn value_bytes_max(&self) -> Option<u64> {
        self.kind().value().map(ValueSize::bytes_max)
    }

    fn has(&self, what: impl Fn(OperationEffect) -> bool) -> bool {
        self.kind().commands().iter().any(|command| what(command.effect))
    }
}

/// How many elements may be read at once.
const MANY_MAX: u32 = 10_000;

/// What is wrong with so many elements, or what else it is that `what` says.
fn many_problems(many: u32, what: &str, at: Cursor<'_>) -> Vec<Problem> {
    if (1..=MANY_MAX).contains(&many) {
        return Vec::new();
    }
    vec![Problem::new(at.head(), format!("1 to {MANY_MAX} {what} at once, not {many}"))]
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::testing::load;

    #[test]
    fn every_kind_is_written_as_its_example() {
        for example in Op::WORDS.iter().map(|word| word.example) {
            let mix = load("app", &format!("mix: [{example}], keys: Uniform(1)")).mix;
            let commands = mix[0].kind().commands();
            assert_eq!((mix.len(), mix[0].weight()), (1, 1), "{example}");
            assert!((1..=256).contains(&commands.len()), "{example}");
            let unique = commands.iter().any(|command| command.effect.is_unique());
            assert!(unique || mix[0].value_bytes_max().is_none(), "{example} writes no value of a size");
        }
    }
}
