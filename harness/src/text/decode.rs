//! The tree of spans to the scenario's types, so that every error has its exact place; and on past it: what was wrong is
//! repaired, and decoding begins again, until nothing is wrong any more.
//!
//! RON itself decides whether a file is valid. This decoder is asked only when it is not.

use serde::de::DeserializeOwned;

use super::decode_error::{DecodeError, DecodeErrorKind, ErrorPlace};
use super::nearest::nearest;
use super::problem::{PROBLEMS_MAX, Problem};
use super::repaired::{Repaired, Repairs};
use super::source::Source;
use super::span::{Span, Syntax, Tree, ValueId};
use super::vocabulary::Vocabulary;

/// How many values are decoded at most, pass by pass: some seconds' work.
const VALUES_MAX: usize = 2_000_000;

/// What a file says, as far as it can be made out, and what was wrong with it.
#[derive(Debug)]
pub(super) struct Decoded<T> {
    pub(super) content: Option<T>,
    pub(super) problems: Vec<Problem>,
    /// Where values are not as written.
    pub(super) damaged: Vec<Span>,
}

pub(super) fn decode<T: DeserializeOwned>(tree: &Tree<'_>, vocabulary: &dyn Vocabulary) -> Decoded<T> {
    let mut repairs = Repairs::default();
    let mut problems = Vec::new();
    let mut damaged: Vec<_> = unreadable(tree).collect();
    // A error that is silent adds no problem, so the passes have a bound of their own; they are fewer in a file so large
    // that each of them takes a while.
    let passes = (VALUES_MAX / tree.values.len().max(1)).clamp(1, 4 * PROBLEMS_MAX);
    for _ in 0..passes {
        let error = match T::deserialize(Source::Value(Repaired { tree, vocabulary, repairs: &repairs }, tree.root)) {
            Ok(content) => return Decoded { content: Some(content), problems, damaged },
            Err(error) => error,
        };
        if !repairs.guessed(&error) {
            problems.extend(error.describe(tree, vocabulary));
        }
        let repaired = repairs.repair(tree, vocabulary, &error);
        damaged.extend(repaired.clone());
        if repaired.is_none() || problems.len() >= PROBLEMS_MAX {
            break;
        }
    }
    Decoded { content: None, problems, damaged }
}

fn unreadable<'a>(tree: &'a Tree<'_>) -> impl Iterator<Item = Span> + 'a {
    tree.values.iter().filter(|value| value.shape == Syntax::Unreadable).map(|value| value.span.clone())
}

impl Repairs {
    /// Assumes something else in the error's place. Gives the span that is now not as written; none when the same thing
    /// was repaired before and still is wrong.
    fn repair(&mut self, tree: &Tree<'_>, vocabulary: &dyn Vocabulary, error: &DecodeError) -> Option<Span> {
        let place = error.place?;
        let fresh = match (&error.kind, place) {
            (DecodeErrorKind::UnknownField { found, valid }, ErrorPlace::Item(id, index)) => {
                self.rename_or_skip(tree, vocabulary, (id, index), found, valid)
            }
            (DecodeErrorKind::Unnamed(fields), ErrorPlace::Item(id, index)) => match fields.get(index) {
                // In what was never closed the names are missing because the rest was meant to stand outside.
                Some(field) if tree.value(id).complete && !written(tree, id).any(|name| name == *field) => {
                    self.fields.insert((id, index), (*field).to_owned()).is_none()
                }
                _ => self.skipped.insert((id, index)),
            },
            (DecodeErrorKind::Named, ErrorPlace::Item(id, index)) => self.unnamed.insert((id, index)),
            (DecodeErrorKind::Missing(field), ErrorPlace::Value(id)) => {
                let given = self.given.entry(id).or_default();
                let fresh = !given.contains(field);
                given.push(field);
                fresh
            }
            (DecodeErrorKind::UnknownVariant { found, valid, .. }, ErrorPlace::Name(id)) => {
                match nearest(found, valid.iter().copied()) {
                    Some(near) if !self.names.contains_key(&id) => self.names.insert(id, near.to_owned()).is_none(),
                    _ => self.placeholders.insert(id),
                }
            }
            (DecodeErrorKind::OddName, ErrorPlace::Name(id))
            | (DecodeErrorKind::NotBare, ErrorPlace::Value(id) | ErrorPlace::Name(id)) => self.bare.insert(id),
            (_, ErrorPlace::Value(id) | ErrorPlace::Name(id)) => self.placeholders.insert(id),
            (_, ErrorPlace::Item(id, index)) => self.skipped.insert((id, index)),
        };
        fresh.then(|| damage(tree, &error.kind, place))
    }

    /// Whether the error only shows that a guess at a misspelt name was wrong.
    fn guessed(&self, error: &DecodeError) -> bool {
        let shape = matches!(error.kind, DecodeErrorKind::Bare(_) | DecodeErrorKind::NotBare);
        shape && matches!(error.place, Some(ErrorPlace::Value(id)) if self.names.contains_key(&id))
    }

    fn rename_or_skip(
        &mut self,
        tree: &Tree<'_>,
        vocabulary: &dyn Vocabulary,
        item: (ValueId, usize),
        found: &str,
        valid: &[&str],
    ) -> bool {
        match nearest(found, valid.iter().copied()).filter(|_| vocabulary.home_of_field(found, valid).is_none()) {
            Some(near) if !written(tree, item.0).any(|name| name == near) && !self.fields.contains_key(&item) => {
                self.fields.insert(item, near.to_owned()).is_none()
            }
            _ => self.skipped.insert(item),
        }
    }
}

/// The span about which nothing more can be said for sure.
fn damage(tree: &Tree<'_>, kind: &DecodeErrorKind, place: ErrorPlace) -> Span {
    match (kind, place) {
        (DecodeErrorKind::Missing(_), ErrorPlace::Value(id)) => tree.head(id),
        (_, ErrorPlace::Value(id) | ErrorPlace::Name(id)) => tree.value(id).span.clone(),
        (_, ErrorPlace::Item(id, index)) => match &tree.value(id).shape {
            Syntax::Paren(items) => items.get(index).map_or_else(
                || tree.head(id),
                |item| {
                    let value = &tree.value(item.value).span;
                    item.name.as_ref().map_or(value.start, |name| name.start)..value.end
                },
            ),
            _ => tree.head(id),
        },
    }
}

/// The names of fields that stand between a value's parentheses.
fn written<'a>(tree: &'a Tree<'_>, id: ValueId) -> impl Iterator<Item = &'a str> {
    let items = match &tree.value(id).shape {
        Syntax::Paren(items) => items.as_slice(),
        _ => &[],
    };
    items.iter().filter_map(|item| item.name.as_ref()).map(|name| tree.identifier(name))
}
