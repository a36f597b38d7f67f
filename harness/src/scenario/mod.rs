//! The scenario file as written: its types, its text, and errors that point into it.

mod access;
mod bounds;
mod decode;
mod fault;
mod foreign;
mod hint;
mod joker;
mod lex;
mod look_alike;
mod nearest;
mod problem;
mod read;
mod scan;
mod source;
mod span;
mod step;
mod written;

pub use bounds::{KEYS_MAX, MASTERS_MAX, NODES_MAX, PER_SECOND_MAX, WORKERS_MAX, WORKERS_OF_ALL_SHARDS_MAX};
pub use look_alike::plain_letters;
pub use nearest::{nearest, suggest};
pub use problem::{Problem, Problems, Severity, Style};
pub use read::{Read, options, read};
pub use span::{Cursor, Item, Lines, Shape, Span, Tree, Value, ValueId, line_and_column};
pub use step::{Condition, Partition, Shaping, Step};
pub use written::{NodeServer, Scenario, Server};

#[cfg(test)]
mod tests;
