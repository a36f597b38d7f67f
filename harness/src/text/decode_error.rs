//! What can be wrong with a value, as the decoder meets it, and the same in plain words.

use std::fmt;

use serde::de;

use super::instead::{TEXT, instead, range};
use super::nearest::suggest;
use super::problem::Problem;
use super::span::{Span, Syntax, Tree, ValueId};
use super::vocabulary::Vocabulary;

/// Something that did not decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DecodeError {
    /// Where. The innermost decoder that sees the error fills it in.
    pub(super) place: Option<ErrorPlace>,
    pub(super) kind: DecodeErrorKind,
}

/// A place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorPlace {
    /// A value.
    Value(ValueId),
    /// A value's name.
    Name(ValueId),
    /// One of the things between a value's parentheses.
    Item(ValueId, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DecodeErrorKind {
    UnknownField {
        found: String,
        valid: &'static [&'static str],
    },
    UnknownVariant {
        noun: String,
        found: String,
        valid: &'static [&'static str],
    },
    Missing(&'static str),
    Duplicate(&'static str),
    /// A value without a name where fields have names.
    Unnamed(&'static [&'static str]),
    /// A name where only one value can stand.
    Named,
    /// More than one value where one is enough.
    TooMany,
    /// A struct under a name that is not its own.
    OddName,
    /// A name that needs parentheses; its fields, if it has them.
    Bare(&'static [&'static str]),
    /// A name that takes no parentheses.
    NotBare,
    /// Another kind of value was expected.
    Expected(String),
    /// A value's own words about itself.
    Says(String),
}

impl DecodeError {
    pub(super) fn new(place: ErrorPlace, kind: DecodeErrorKind) -> Self {
        Self { place: Some(place), kind }
    }

    /// Fills in the place unless a decoder further in knew it.
    pub(super) fn at(mut self, place: ErrorPlace) -> Self {
        self.place = self.place.or(Some(place));
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { place: None, kind: DecodeErrorKind::Says(message.to_string()) }
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self { place: None, kind: DecodeErrorKind::Expected(expected.to_string()) }
    }

    fn unknown_field(found: &str, valid: &'static [&'static str]) -> Self {
        Self { place: None, kind: DecodeErrorKind::UnknownField { found: found.to_owned(), valid } }
    }

    fn unknown_variant(found: &str, valid: &'static [&'static str]) -> Self {
        Self {
            place: None,
            kind: DecodeErrorKind::UnknownVariant { noun: "name".to_owned(), found: found.to_owned(), valid },
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { place: None, kind: DecodeErrorKind::Missing(field) }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self { place: None, kind: DecodeErrorKind::Duplicate(field) }
    }
}

impl DecodeError {
    /// The error in plain words. `None` when it only follows from punctuation that was reported already.
    pub(super) fn describe(&self, tree: &Tree<'_>, vocabulary: &dyn Vocabulary) -> Option<Problem> {
        let place = self.place.unwrap_or(ErrorPlace::Value(tree.root));
        let (ErrorPlace::Value(id) | ErrorPlace::Name(id) | ErrorPlace::Item(id, _)) = place;
        let span = span_of(tree, place);
        let owner = owner(tree, id);
        let problem = match &self.kind {
            DecodeErrorKind::UnknownField { found, valid } => {
                let help = match vocabulary.home_of_field(found, valid) {
                    Some(home) => vec![home],
                    None => suggest(found, "fields", valid.iter().copied()),
                };
                help.into_iter().fold(Problem::new(span, format!("unknown field `{found}` in {owner}")), Problem::help)
            }
            DecodeErrorKind::UnknownVariant { noun, found, valid } => {
                let help = vocabulary.misplaced(noun, found).into_iter();
                help.chain(suggest(found, "expected one of", valid.iter().copied()))
                    .fold(Problem::new(span, format!("unknown {noun} `{found}`")), Problem::help)
            }
            DecodeErrorKind::Missing(_) | DecodeErrorKind::Unnamed(_) | DecodeErrorKind::TooMany
                if !tree.value(id).complete =>
            {
                return None;
            }
            DecodeErrorKind::Missing(field) => missing(tree, vocabulary, id, field, &owner),
            DecodeErrorKind::Duplicate(field) => {
                Problem::new(span, format!("`{field}` stands twice in {owner}")).help("keep one of them")
            }
            DecodeErrorKind::Unnamed(fields) => unnamed(tree, place, fields, &owner),
            DecodeErrorKind::Named => Problem::new(span, format!("{owner} takes one value, without a name"))
                .help(format!("write `{}(...)` with the value alone", tree.name_of(id))),
            DecodeErrorKind::TooMany => Problem::new(span, format!("{owner} takes one value only")),
            DecodeErrorKind::OddName => Problem::new(span, "unexpected name before the parentheses")
                .help("write the fields in parentheses without a name before them"),
            DecodeErrorKind::Bare(fields) => bare(tree, vocabulary, id, fields, span),
            DecodeErrorKind::NotBare => {
                Problem::new(span, format!("`{}` takes nothing in parentheses", tree.name_of(id)))
                    .help(format!("write `{}`", tree.name_of(id)))
            }
            DecodeErrorKind::Expected(what) if what == TEXT && tree.value(id).shape == Syntax::Text => {
                Problem::new(span, "this string has an escape that means nothing")
                    .help("write `\\\\` for a backslash, or a raw string: `r\"...\"`")
            }
            DecodeErrorKind::Expected(what) => {
                let what =
                    range(tree, vocabulary, id).filter(|_| what.contains("whole number")).unwrap_or(what.clone());
                let problem = Problem::new(span, format!("expected {what}"));
                let problem = problem.label(format!("this is {}", found(tree, id)));
                instead(tree, vocabulary, id, &what).into_iter().fold(problem, Problem::help)
            }
            DecodeErrorKind::Says(message) => Problem::new(span, message.clone()),
        };
        Some(problem)
    }
}

/// What a error's caret stands under.
fn span_of(tree: &Tree<'_>, place: ErrorPlace) -> Span {
    match place {
        ErrorPlace::Value(id) => tree.head(id),
        ErrorPlace::Name(id) => tree.value(id).name.clone().unwrap_or_else(|| tree.head(id)),
        ErrorPlace::Item(id, index) => match &tree.value(id).shape {
            Syntax::Paren(items) => match items.get(index) {
                Some(item) => item.name.clone().unwrap_or_else(|| tree.head(item.value)),
                None => tree.head(id),
            },
            _ => tree.head(id),
        },
    }
}

/// The thing whose fields are talked about.
fn owner(tree: &Tree<'_>, id: ValueId) -> String {
    let value = tree.value(id);
    if value.name.is_some() {
        return format!("`{}`", tree.name_of(id));
    }
    match tree.path(&value.span) {
        path if path.is_empty() => "the scenario".to_owned(),
        path => format!("`{path}`"),
    }
}

fn missing(tree: &Tree<'_>, vocabulary: &dyn Vocabulary, id: ValueId, field: &str, owner: &str) -> Problem {
    let message = match field {
        "within" => format!("{owner} needs a bound"),
        _ => format!("{owner} lacks the field `{field}`"),
    };
    let name = tree.value(id).name.as_ref().map_or("", |name| tree.identifier(name));
    Problem::new(tree.head(id), message).help(format!("add `{field}: {}`", vocabulary.example_or_dots(name, field)))
}

fn unnamed(tree: &Tree<'_>, place: ErrorPlace, fields: &[&'static str], owner: &str) -> Problem {
    let (index, value) = match place {
        ErrorPlace::Item(id, index) => match &tree.value(id).shape {
            Syntax::Paren(items) => {
                (index, items.get(index).map_or("", |item| tree.slice(&tree.value(item.value).span)))
            }
            _ => (index, ""),
        },
        _ => (0, ""),
    };
    let problem = Problem::new(span_of(tree, place), format!("a field of {owner} stands here without its name"));
    match fields.get(index) {
        // A value over several lines would make the help unreadable.
        Some(field) if !value.contains('\n') => problem.help(format!("write `{field}: {value}`")),
        _ => problem.help(format!("fields: {}", fields.join(", "))),
    }
}

fn bare(tree: &Tree<'_>, vocabulary: &dyn Vocabulary, id: ValueId, fields: &[&'static str], span: Span) -> Problem {
    let name = tree.name_of(id);
    Problem::new(span, format!("`{name}` needs parentheses")).help(format!("write `{}`", vocabulary.call(name, fields)))
}

/// What a value is, in plain words.
fn found(tree: &Tree<'_>, id: ValueId) -> &'static str {
    let value = tree.value(id);
    match &value.shape {
        Syntax::Text => "text",
        Syntax::Number => "a number",
        Syntax::Word => "a word",
        Syntax::Paren(_) if value.name.is_some() => "a name with parentheses",
        Syntax::Paren(_) if tree.slice(&value.span).starts_with('{') => "fields in braces",
        Syntax::Paren(_) => "something in parentheses",
        Syntax::List(_) => "a list",
        Syntax::Map(_) => "a map",
        Syntax::Odd => "a character or bytes",
        Syntax::Unreadable => "unreadable",
    }
}
