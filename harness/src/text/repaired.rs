//! A file's tree, and what is assumed in place of what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::decode_error::{DecodeError, DecodeErrorKind, ErrorPlace};
use super::span::{Syntax, Tree, ValueId};
use super::vocabulary::Vocabulary;

/// What was assumed in place of what is wrong.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    /// Values that stand for anything.
    pub(super) placeholders: BTreeSet<ValueId>,
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

/// A tree with the repairs made so far.
#[derive(Clone, Copy)]
pub(super) struct Repaired<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) vocabulary: &'a dyn Vocabulary,
    pub(super) repairs: &'a Repairs,
}

impl Repaired<'_> {
    /// A scalar, read as RON reads it.
    pub(super) fn scalar<T: DeserializeOwned>(&self, id: ValueId, expected: &str) -> Result<T, DecodeError> {
        let value = self.tree.value(id);
        let readable = matches!(value.shape, Syntax::Number | Syntax::Word | Syntax::Text);
        let read = if readable { ron::from_str(self.tree.slice(&value.span)).ok() } else { None };
        read.ok_or_else(|| DecodeError::new(ErrorPlace::Value(id), DecodeErrorKind::Expected(expected.to_owned())))
    }

    /// A variant's or struct's name, as written or as it was meant.
    pub(super) fn name(&self, id: ValueId) -> Option<String> {
        let value = self.tree.value(id);
        let span = match value.shape {
            Syntax::Word => &value.span,
            Syntax::Paren(_) => value.name.as_ref()?,
            _ => return None,
        };
        Some(self.repairs.names.get(&id).cloned().unwrap_or_else(|| self.tree.identifier(span).to_owned()))
    }

    /// Whether a value stands for anything.
    pub(super) fn is_placeholder(&self, id: ValueId) -> bool {
        self.tree.value(id).shape == Syntax::Unreadable || self.repairs.placeholders.contains(&id)
    }
}
