//! What can be wrong with a value, as the decoder meets it, and the same in plain words.

use std::fmt;

use serde::de;

use super::hint;
use super::nearest::suggest;
use super::problem::Problem;
use super::span::{Shape, Span, Tree, ValueId};

/// What is expected where a string belongs.
pub(super) const TEXT: &str = "text in quotes";

/// Something that did not decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where. The innermost decoder that sees the fault fills it in.
    pub(super) place: Option<Place>,
    pub(super) kind: FaultKind,
}

/// A place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A value.
    Value(ValueId),
    /// A value's name.
    Name(ValueId),
    /// One of the things between a value's parentheses.
    Item(ValueId, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    UnknownField {
        found: String,
        valid: &'static [&'static str],
    },
    UnknownVariant {
        kind: &'static str,
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

impl Fault {
    pub(super) fn new(place: Place, kind: FaultKind) -> Self {
        Self { place: Some(place), kind }
    }

    /// Fills in the place unless a decoder further in knew it.
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = self.place.or(Some(place));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { place: None, kind: FaultKind::Says(message.to_string()) }
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self { place: None, kind: FaultKind::Expected(expected.to_string()) }
    }

    fn unknown_field(found: &str, valid: &'static [&'static str]) -> Self {
        Self { place: None, kind: FaultKind::UnknownField { found: found.to_owned(), valid } }
    }

    fn unknown_variant(found: &str, valid: &'static [&'static str]) -> Self {
        Self { place: None, kind: FaultKind::UnknownVariant { kind: "name", found: found.to_owned(), valid } }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { place: None, kind: FaultKind::Missing(field) }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self { place: None, kind: FaultKind::Duplicate(field) }
    }
}

impl Fault {
    /// The fault in plain words. `None` when it only follows from punctuation that was reported already.
    pub(super) fn describe(&self, tree: &Tree<'_>) -> Option<Problem> {
        let place = self.place.unwrap_or(Place::Value(tree.root));
        let (Place::Value(id) | Place::Name(id) | Place::Item(id, _)) = place;
        let span = span_of(tree, place);
        let owner = owner(tree, id);
        let problem = match &self.kind {
            FaultKind::UnknownField { found, valid } => {
                let help = match hint::home(found, valid) {
                    Some(home) => vec![home],
                    None => suggest(found, "fields", valid.iter().copied()),
                };
                help.into_iter().fold(Problem::new(span, format!("unknown field `{found}` in {owner}")), Problem::help)
            }
            FaultKind::UnknownVariant { kind, found, valid } => {
                let help = hint::misplaced(kind, found).into_iter();
                help.chain(suggest(found, "expected one of", valid.iter().copied()))
                    .fold(Problem::new(span, format!("unknown {kind} `{found}`")), Problem::help)
            }
            FaultKind::Missing(_) | FaultKind::Unnamed(_) | FaultKind::TooMany if !tree.value(id).complete => {
                return None;
            }
            FaultKind::Missing(field) => missing(tree, id, field, &owner),
            FaultKind::Duplicate(field) => {
                Problem::new(span, format!("`{field}` stands twice in {owner}")).help("keep one of them")
            }
            FaultKind::Unnamed(fields) => unnamed(tree, place, fields, &owner),
            FaultKind::Named => Problem::new(span, format!("{owner} takes one value, without a name"))
                .help(format!("write `{}(...)` with the value alone", name_of(tree, id))),
            FaultKind::TooMany => Problem::new(span, format!("{owner} takes one value only")),
            FaultKind::OddName => Problem::new(span, "unexpected name before the parentheses")
                .help("write the fields in parentheses without a name before them"),
            FaultKind::Bare(fields) => bare(tree, id, fields, span),
            FaultKind::NotBare => Problem::new(span, format!("`{}` takes nothing in parentheses", name_of(tree, id)))
                .help(format!("write `{}`", name_of(tree, id))),
            FaultKind::Expected(what) if what == TEXT && tree.value(id).shape == Shape::Text => {
                Problem::new(span, "this string has an escape that means nothing")
                    .help("write `\\\\` for a backslash, or a raw string: `r\"...\"`")
            }
            FaultKind::Expected(what) => {
                let what = hint::range(tree, id).filter(|_| what.contains("whole number")).unwrap_or(what.clone());
                let problem = Problem::new(span, format!("expected {what}"));
                let problem = problem.label(format!("this is {}", found(tree, id)));
                hint::instead(tree, id, &what).into_iter().fold(problem, Problem::help)
            }
            FaultKind::Says(message) => Problem::new(span, message.clone()),
        };
        Some(problem)
    }
}

/// What a fault's caret stands under.
fn span_of(tree: &Tree<'_>, place: Place) -> Span {
    match place {
        Place::Value(id) => tree.head(id),
        Place::Name(id) => tree.value(id).name.clone().unwrap_or_else(|| tree.head(id)),
        Place::Item(id, index) => match &tree.value(id).shape {
            Shape::Paren(items) => match items.get(index) {
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
        return format!("`{}`", name_of(tree, id));
    }
    match tree.path(&value.span) {
        path if path.is_empty() => "the scenario".to_owned(),
        path => format!("`{path}`"),
    }
}

pub(super) fn name_of<'t>(tree: &'t Tree<'_>, id: ValueId) -> &'t str {
    let value = tree.value(id);
    tree.identifier(value.name.as_ref().unwrap_or(&value.span))
}

fn missing(tree: &Tree<'_>, id: ValueId, field: &str, owner: &str) -> Problem {
    let message = match field {
        "within" => format!("{owner} needs a bound"),
        _ => format!("{owner} lacks the field `{field}`"),
    };
    let name = tree.value(id).name.as_ref().map_or("", |name| tree.identifier(name));
    Problem::new(tree.head(id), message).help(format!("add `{field}: {}`", hint::example(name, field)))
}

fn unnamed(tree: &Tree<'_>, place: Place, fields: &[&'static str], owner: &str) -> Problem {
    let (index, value) = match place {
        Place::Item(id, index) => match &tree.value(id).shape {
            Shape::Paren(items) => {
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

fn bare(tree: &Tree<'_>, id: ValueId, fields: &[&'static str], span: Span) -> Problem {
    let name = name_of(tree, id);
    Problem::new(span, format!("`{name}` needs parentheses")).help(format!("write `{}`", hint::call(name, fields)))
}

/// What a value is, in plain words.
fn found(tree: &Tree<'_>, id: ValueId) -> &'static str {
    let value = tree.value(id);
    match &value.shape {
        Shape::Text => "text",
        Shape::Number => "a number",
        Shape::Word => "a word",
        Shape::Paren(_) if value.name.is_some() => "a name with parentheses",
        Shape::Paren(_) if tree.slice(&value.span).starts_with('{') => "fields in braces",
        Shape::Paren(_) => "something in parentheses",
        Shape::List(_) => "a list",
        Shape::Map(_) => "a map",
        Shape::Odd => "a character or bytes",
        Shape::Unreadable => "unreadable",
    }
}

/// The word for an enum of the scenario's types, and the same with its article.
pub(super) fn kind_of(type_name: &str) -> (&'static str, &'static str) {
    match type_name {
        "Step" => ("step", "a step"),
        "Condition" => ("condition", "a condition"),
        "Selector" => ("selector", "a selector"),
        "Slo" => ("SLO", "an SLO"),
        "Op" => ("operation", "an operation"),
        "Deployment" => ("topology", "a topology"),
        "Pace" => ("pace", "a pace"),
        "Keys" => ("key space", "a key space"),
        "During" => ("part of the run", "a part of the run"),
        "Links" => ("kind of links", "a kind of links"),
        "CutBy" => ("way to cut", "a way to cut"),
        _ => ("name", "a name"),
    }
}
