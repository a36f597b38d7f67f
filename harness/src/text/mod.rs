//! A file in RON as people write it: where everything stands, what is wrong with it, and what was meant.

mod decode;
mod decode_error;
mod foreign;
mod instead;
mod kinds;
mod lex;
mod look_alike;
mod nearest;
mod placeholder;
mod problem;
mod read;
mod repaired;
mod scan;
mod source;
mod span;
mod vocabulary;

pub use kinds::Named;
pub(crate) use kinds::kinds;
pub use look_alike::plain_letters;
pub use nearest::{nearest, suggest};
pub use problem::{Problem, Problems, Severity, Style};
pub use read::{Read, options, read};
pub use span::{Cursor, Item, Lines, Span, Syntax, Tree, ValueId, WrittenValue, line_and_column};
pub use vocabulary::{Vocabulary, Word, WordKind, example_of_field};

#[cfg(test)]
mod tests;
