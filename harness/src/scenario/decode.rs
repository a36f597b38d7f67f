//! The tree of spans to the scenario's types, so that every fault has its exact place; and on past it: what was wrong is
//! repaired, and decoding begins again, until nothing is wrong any more.
//!
//! RON itself decides whether a file is valid. This decoder is asked only when it is not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Scenario;
use super::fault::{Fault, FaultKind, Place};
use super::hint;
use super::nearest::nearest;
use super::problem::{PROBLEMS_MAX, Problem};
use super::source::Source;
use super::span::{Shape, Span, Tree, ValueId};

/// How many values are decoded at most, pass by pass: some seconds' work.
const VALUES_MAX: usize = 2_000_000;

/// What was assumed in place of what is wrong.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    /// Values that stand for anything.
    pub(super) jokers: BTreeSet<ValueId>,
    /// The names that fields and variants were meant to have.
    pub(super) names: BTreeMap<ValueId, String>,
    pub(super) fields: BTreeMap<(ValueId, usize), String>,
    /// Items that are passed over.
    pub(super) skipped: BTreeSet<(ValueId, usize)>,
    /// Fields that are taken for given.
    pub(super) given: BTreeMap<ValueId, Vec<&'static str>>,
    /// Values whose parentheses count for nothing.
    pub(super) bare: BTreeSet<ValueId>,
    /// Names of fields that count for nothing.
    pub(super) unnamed: BTreeSet<(ValueId, usize)>,
}

/// The scenario, as far as it can be made out, and what was wrong with it.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) scenario: Option<Scenario>,
    pub(super) problems: Vec<Problem>,
    /// Where values are not as written.
    pub(super) damaged: Vec<Span>,
}

/// A tree with the repairs made so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repaired<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) repairs: &'a Repairs,
}

pub(super) fn decode(tree: &Tree<'_>) -> Decoded {
    let mut repairs = Repairs::default();
    let mut problems = Vec::new();
    let mut damaged: Vec<_> = unreadable(tree).collect();
    // A fault that is silent adds no problem, so the passes have a bound of their own; they are fewer in a file so large
    // that each of them takes a while.
    let passes = (VALUES_MAX / tree.values.len().max(1)).clamp(1, 4 * PROBLEMS_MAX);
    for _ in 0..passes {
        let fault = match Scenario::deserialize(Source::Value(Repaired { tree, repairs: &repairs }, tree.root)) {
            Ok(scenario) => return Decoded { scenario: Some(scenario), problems, damaged },
            Err(fault) => fault,
        };
        if !repairs.guessed(&fault) {
            problems.extend(fault.describe(tree));
        }
        let repaired = repairs.repair(tree, &fault);
        damaged.extend(repaired.clone());
        if repaired.is_none() || problems.len() >= PROBLEMS_MAX {
            break;
        }
    }
    Decoded { scenario: None, problems, damaged }
}

fn unreadable<'a>(tree: &'a Tree<'_>) -> impl Iterator<Item = Span> + 'a {
    tree.values.iter().filter(|value| value.shape == Shape::Unreadable).map(|value| value.span.clone())
}

impl Repairs {
    /// Assumes something else in the fault's place. Gives the span that is now not as written; none when the same thing
    /// was repaired before and still is wrong.
    fn repair(&mut self, tree: &Tree<'_>, fault: &Fault) -> Option<Span> {
        let place = fault.place?;
        let fresh = match (&fault.kind, place) {
            (FaultKind::UnknownField { found, valid }, Place::Item(id, index)) => {
                self.rename_or_skip(tree, (id, index), found, valid)
            }
            (FaultKind::Unnamed(fields), Place::Item(id, index)) => match fields.get(index) {
                // In what was never closed the names are missing because the rest was meant to stand outside.
                Some(field) if tree.value(id).complete && !written(tree, id).any(|name| name == *field) => {
                    self.fields.insert((id, index), (*field).to_owned()).is_none()
                }
                _ => self.skipped.insert((id, index)),
            },
            (FaultKind::Named, Place::Item(id, index)) => self.unnamed.insert((id, index)),
            (FaultKind::Missing(field), Place::Value(id)) => {
                let given = self.given.entry(id).or_default();
                let fresh = !given.contains(field);
                given.push(field);
                fresh
            }
            (FaultKind::UnknownVariant { found, valid, .. }, Place::Name(id)) => {
                match nearest(found, valid.iter().copied()) {
                    Some(near) if !self.names.contains_key(&id) => self.names.insert(id, near.to_owned()).is_none(),
                    _ => self.jokers.insert(id),
                }
            }
            (FaultKind::OddName, Place::Name(id)) | (FaultKind::NotBare, Place::Value(id) | Place::Name(id)) => {
                self.bare.insert(id)
            }
            (_, Place::Value(id) | Place::Name(id)) => self.jokers.insert(id),
            (_, Place::Item(id, index)) => self.skipped.insert((id, index)),
        };
        fresh.then(|| damage(tree, &fault.kind, place))
    }

    /// Whether the fault only shows that a guess at a misspelt name was wrong.
    fn guessed(&self, fault: &Fault) -> bool {
        let shape = matches!(fault.kind, FaultKind::Bare(_) | FaultKind::NotBare);
        shape && matches!(fault.place, Some(Place::Value(id)) if self.names.contains_key(&id))
    }

    fn rename_or_skip(&mut self, tree: &Tree<'_>, item: (ValueId, usize), found: &str, valid: &[&str]) -> bool {
        match nearest(found, valid.iter().copied()).filter(|_| hint::home(found, valid).is_none()) {
            Some(near) if !written(tree, item.0).any(|name| name == near) && !self.fields.contains_key(&item) => {
                self.fields.insert(item, near.to_owned()).is_none()
            }
            _ => self.skipped.insert(item),
        }
    }
}

/// The span about which nothing more can be said for sure.
fn damage(tree: &Tree<'_>, kind: &FaultKind, place: Place) -> Span {
    match (kind, place) {
        (FaultKind::Missing(_), Place::Value(id)) => tree.head(id),
        (_, Place::Value(id) | Place::Name(id)) => tree.value(id).span.clone(),
        (_, Place::Item(id, index)) => match &tree.value(id).shape {
            Shape::Paren(items) => items.get(index).map_or_else(
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
        Shape::Paren(items) => items.as_slice(),
        _ => &[],
    };
    items.iter().filter_map(|item| item.name.as_ref()).map(|name| tree.identifier(name))
}

impl Repaired<'_> {
    /// A scalar, read as RON reads it.
    pub(super) fn scalar<T: DeserializeOwned>(&self, id: ValueId, expected: &str) -> Result<T, Fault> {
        let value = self.tree.value(id);
        let readable = matches!(value.shape, Shape::Number | Shape::Word | Shape::Text);
        let read = if readable { ron::from_str(self.tree.slice(&value.span)).ok() } else { None };
        read.ok_or_else(|| Fault::new(Place::Value(id), FaultKind::Expected(expected.to_owned())))
    }

    /// A variant's or struct's name, as written or as it was meant.
    pub(super) fn name(&self, id: ValueId) -> Option<String> {
        let value = self.tree.value(id);
        let span = match value.shape {
            Shape::Word => &value.span,
            Shape::Paren(_) => value.name.as_ref()?,
            _ => return None,
        };
        Some(self.repairs.names.get(&id).cloned().unwrap_or_else(|| self.tree.identifier(span).to_owned()))
    }

    /// Whether a value stands for anything.
    pub(super) fn is_joker(&self, id: ValueId) -> bool {
        self.tree.value(id).shape == Shape::Unreadable || self.repairs.jokers.contains(&id)
    }
}
