//! Text to what it says.

use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use super::decode::decode;
use super::foreign;
use super::look_alike::{self, Plain};
use super::problem::Problem;
use super::scan::scan;
use super::span::{Span, Tree};
use super::vocabulary::Vocabulary;

/// What could be made of a file.
#[derive(Debug)]
pub struct Read<'t, T> {
    /// What it says: as written when there is no problem, else with its errors repaired as far as they can be.
    pub content: Option<T>,
    /// Where everything stands.
    pub tree: Tree<'t>,
    /// What is wrong with the file's structure.
    pub problems: Vec<Problem>,
    /// Characters that only look like RON's. They were read as what they look like, so all else is as it was meant.
    pub look_alikes: Vec<Problem>,
    /// Where the scenario is not as written: nothing more can be said for sure about these places.
    pub damaged: Vec<Span>,
}

/// RON as scenarios are written in it: `slow: "5s"` for an option (`Some("5s")` is accepted too), and
/// `Kill(node: "A")` for a variant that holds a struct.
pub fn options() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME | Extensions::UNWRAP_VARIANT_NEWTYPES)
}

/// Reads a file, and when it cannot be read, finds out all that is wrong with it. Never panics.
pub fn read<'t, T: DeserializeOwned>(text: &'t str, vocabulary: &dyn Vocabulary) -> Read<'t, T> {
    let error = match options().from_str::<T>(text) {
        // RON has the last word: what it accepts is valid whatever the scanner thinks.
        Ok(content) => {
            let (tree, _) = scan(text);
            return Read::new(tree, Some(content));
        }
        Err(error) => error,
    };
    if let Some(problem) = foreign::recognised(text) {
        return Read { problems: vec![problem], ..unread(text) };
    }
    match look_alike::plain(text) {
        Some(Plain { problems, readable: false, .. }) => Read { look_alikes: problems, ..unread(text) },
        Some(Plain { text, problems, .. }) => {
            let Read { tree, content, problems: others, damaged, .. } = repaired(&text, vocabulary);
            let Tree { values, root, .. } = tree;
            let tree = Tree { values, root, text: text.into() };
            Read { content, tree, problems: others, look_alikes: problems, damaged }
        }
        None => {
            let mut read = repaired(text, vocabulary);
            if read.problems.is_empty() {
                read.problems.push(in_rons_words(text, &error));
            }
            read
        }
    }
}

impl<'t, T> Read<'t, T> {
    fn new(tree: Tree<'t>, content: Option<T>) -> Self {
        Self { content, tree, problems: Vec::new(), look_alikes: Vec::new(), damaged: Vec::new() }
    }
}

/// What can be made of a text that RON refuses.
fn repaired<'t, T: DeserializeOwned>(text: &'t str, vocabulary: &dyn Vocabulary) -> Read<'t, T> {
    let (tree, mut punctuation) = scan(text);
    let decoded = decode(&tree, vocabulary);
    // Of brackets of the wrong kind the scanner only guesses what is meant: the decoder knows.
    punctuation.retain(|guess| !decoded.problems.iter().any(|known| known.span.start == guess.span.start));
    let problems = [punctuation, decoded.problems].concat();
    Read { problems, damaged: decoded.damaged, ..Read::new(tree, decoded.content) }
}

/// A file of which nothing can be made.
fn unread<T>(text: &str) -> Read<'_, T> {
    let (tree, _) = scan("");
    Read::new(Tree { text: text.into(), ..tree }, None)
}

/// An error that only RON sees, such as two spellings of the same thing that scenarios have no use for.
fn in_rons_words(text: &str, error: &ron::error::SpannedError) -> Problem {
    let offset = |position: ron::error::Position| {
        let line_start: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
        let line = text.get(line_start..).unwrap_or("");
        line_start + line.chars().take(position.col.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
    };
    let (start, end) = (offset(error.span.start), offset(error.span.end));
    Problem::new(start.min(end)..end.max(start), format!("this is not valid here: {}", plain(&error.code)))
}

/// The error's own text, with a small letter and without Rust's names.
fn plain(code: &ron::Error) -> String {
    let text = match code {
        ron::Error::ExpectedNamedStructLike(_) | ron::Error::ExpectedStructLike => "expected `(`".to_owned(),
        ron::Error::ExpectedDifferentStructName { found, .. } => format!("unexpected name `{found}`"),
        ron::Error::InvalidValueForType { expected, .. } => format!("expected {expected}"),
        other => other.to_string(),
    };
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
