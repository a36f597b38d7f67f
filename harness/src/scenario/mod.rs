//! The scenario file as written: its types, its text, and errors that point into it.

mod access;
mod decode;
mod fault;
mod hint;
mod joker;
mod lex;
mod nearest;
mod problem;
mod read;
mod scan;
mod source;
mod span;
mod step;
mod written;

pub use nearest::{nearest, suggest};
pub use problem::{Problem, Problems, Style};
pub use read::{Read, options, read};
pub use span::{Cursor, Item, Shape, Span, Tree, Value, ValueId, line_and_column};
pub use step::{Condition, Partition, Shaping, Step};
pub use written::{NodeServer, Scenario, Server, Topology};

#[cfg(test)]
mod tests;
