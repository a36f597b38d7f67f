//! Where everything stands in a scenario file: a tree of its values with byte spans.
//!
//! serde forgets positions, so errors found after reading, and the steps and SLOs of a plan, look up their place here.

use std::borrow::Cow;
use std::ops::Range;

/// A range of bytes in the file.
pub type Span = Range<usize>;

/// A value's index in its [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(super) usize);

/// A value as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenValue {
    /// All of it, its name included.
    pub span: Span,
    /// The name before its parentheses: `Kill` in `Kill(node: "A")`.
    pub name: Option<Span>,
    /// What it is made of.
    pub shape: Syntax,
    /// Whether it is closed; an unclosed one may lack things that were meant to be in it.
    pub complete: bool,
    /// The value it stands in.
    pub parent: Option<ValueId>,
}

/// What a value is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// A string.
    Text,
    /// A number.
    Number,
    /// A bare word: `true`, `None`, `Healthy`.
    Word,
    /// Parentheses: fields, or values without names, or (wrongly) a mixture.
    Paren(Vec<Item>),
    /// A list.
    List(Vec<ValueId>),
    /// A map.
    Map(Vec<(ValueId, ValueId)>),
    /// Something that RON knows and scenarios have no use for: characters and byte strings.
    Odd,
    /// Missing or unreadable, which has been reported.
    Unreadable,
}

/// One thing between parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The field's name, if one is written.
    pub name: Option<Span>,
    /// The value.
    pub value: ValueId,
}

/// All values of a file.
#[derive(Clone, Debug)]
pub struct Tree<'t> {
    /// The file's text; where other characters stand for RON's, RON's.
    pub(super) text: Cow<'t, str>,
    pub(super) values: Vec<WrittenValue>,
    pub(super) root: ValueId,
}

impl Tree<'_> {
    /// The value of that index.
    pub fn value(&self, id: ValueId) -> &WrittenValue {
        &self.values[id.0]
    }

    /// The text of a span.
    pub fn slice(&self, span: &Span) -> &str {
        self.text.get(span.clone()).unwrap_or("")
    }

    /// The text of an identifier, without the `r#` of a raw one.
    pub fn identifier(&self, span: &Span) -> &str {
        let text = self.slice(span);
        text.strip_prefix("r#").unwrap_or(text)
    }

    /// The outermost value.
    pub fn root(&self) -> Cursor<'_> {
        Cursor { tree: self, id: self.root, exact: true }
    }

    /// What an error about the whole value points at: its name, or else its first character if it goes over lines.
    pub fn head(&self, id: ValueId) -> Span {
        let value = self.value(id);
        if let Some(name) = &value.name {
            return name.clone();
        }
        let one_line = !self.slice(&value.span).contains('\n');
        match &value.shape {
            Syntax::Paren(_) | Syntax::List(_) | Syntax::Map(_) if !one_line => value.span.start..value.span.start + 1,
            _ => value.span.clone(),
        }
    }

    /// The path of the innermost value that holds `span`, such as `timeline[2].Kill.node`; empty at the top.
    pub fn path(&self, span: &Span) -> String {
        let mut path = String::new();
        let mut id = self.root;
        loop {
            let Some((step, child)) = self.step_towards(id, span) else { return path };
            if !(path.is_empty() || step.is_empty() || step.starts_with('[')) {
                path.push('.');
            }
            path.push_str(&step);
            id = child;
            let value = self.value(id);
            let inside = value.name.as_ref().is_some_and(|name| span.start >= name.end && span.end <= value.span.end);
            if let (true, Some(name)) = (inside, &value.name) {
                path.push('.');
                path.push_str(self.identifier(name));
            }
        }
    }

    /// The child of `id` that holds `span`, and how a path names it.
    fn step_towards(&self, id: ValueId, span: &Span) -> Option<(String, ValueId)> {
        let holds = |from: usize, child: ValueId| from <= span.start && span.end <= self.value(child).span.end;
        match &self.value(id).shape {
            Syntax::Paren(items) => items.iter().enumerate().find_map(|(index, item)| {
                let from = item.name.as_ref().map_or(self.value(item.value).span.start, |name| name.start);
                let step = || match &item.name {
                    Some(name) => self.identifier(name).to_owned(),
                    // The one value of `Promoted("A1")` needs no number.
                    None if items.len() == 1 => String::new(),
                    None => format!("[{index}]"),
                };
                holds(from, item.value).then(|| (step(), item.value))
            }),
            Syntax::List(values) => values.iter().enumerate().find_map(|(index, &value)| {
                holds(self.value(value).span.start, value).then(|| (format!("[{index}]"), value))
            }),
            Syntax::Map(entries) => entries.iter().find_map(|&(key, value)| {
                let key_span = &self.value(key).span;
                holds(key_span.start, value).then(|| (format!("[{}]", self.slice(key_span)), value))
            }),
            _ => None,
        }
    }
}

/// A place in the tree, to go down from. A step to something that is not there stays where it is, so that an error about
/// a value that was left out points at what should have held it.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'t> {
    tree: &'t Tree<'t>,
    id: ValueId,
    exact: bool,
}

impl<'t> Cursor<'t> {
    /// The value of a field.
    #[must_use]
    pub fn field(self, name: &str) -> Self {
        self.go(self.find(name).map(|item| item.value))
    }

    /// The item of a list, or of parentheses without names.
    #[must_use]
    pub fn index(self, index: usize) -> Self {
        self.go(match &self.value().shape {
            Syntax::List(values) => values.get(index).copied(),
            Syntax::Paren(items) => items.get(index).map(|item| item.value),
            _ => None,
        })
    }

    /// The value of a map's key.
    #[must_use]
    pub fn entry(self, key: &str) -> Self {
        self.go(self.find_entry(key).map(|(_, value)| value))
    }

    /// The key of a map, as it stands in the file.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.go(self.find_entry(key).map(|(key, _)| key))
    }

    /// The keys of a map with their places, as often as they stand there.
    pub fn keys(self) -> Vec<(String, Span)> {
        let Syntax::Map(entries) = &self.value().shape else { return Vec::new() };
        let key = |&(id, _): &(ValueId, ValueId)| Some((self.tree.string(id)?, self.tree.value(id).span.clone()));
        entries.iter().filter_map(key).collect()
    }

    /// The whole value.
    pub fn span(self) -> Span {
        self.value().span.clone()
    }

    /// What an error about the value points at.
    pub fn head(self) -> Span {
        self.tree.head(self.id)
    }

    /// The name before the value's parentheses, if one is written.
    pub fn name(self) -> Option<&'t str> {
        self.value().name.as_ref().map(|name| self.tree.identifier(name))
    }

    /// The name of a field, if it is written.
    pub fn field_name(self, name: &str) -> Option<Span> {
        self.find(name).and_then(|item| item.name.clone())
    }

    /// From a field's name to the end of its value, if it is written.
    pub fn field_span(self, name: &str) -> Option<Span> {
        let item = self.find(name)?;
        Some(item.name.as_ref()?.start..self.tree.value(item.value).span.end)
    }

    /// Whether every step to here led somewhere.
    pub const fn is_exact(self) -> bool {
        self.exact
    }

    /// The line where the value begins, from 1.
    pub fn line(self) -> usize {
        let before = self.tree.text.get(..self.value().span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    }

    fn value(self) -> &'t WrittenValue {
        self.tree.value(self.id)
    }

    fn find(self, name: &str) -> Option<&'t Item> {
        let Syntax::Paren(items) = &self.value().shape else { return None };
        items.iter().find(|item| item.name.as_ref().is_some_and(|span| self.tree.identifier(span) == name))
    }

    fn find_entry(self, key: &str) -> Option<(ValueId, ValueId)> {
        let Syntax::Map(entries) = &self.value().shape else { return None };
        // Of entries with the same key the last one counts.
        entries.iter().rev().copied().find(|&(id, _)| self.tree.string(id).is_some_and(|text| text == key))
    }

    /// To `id`, and through the `Some(..)` around it that RON allows.
    fn go(self, id: Option<ValueId>) -> Self {
        let Some(id) = id else { return Self { exact: false, ..self } };
        let value = self.tree.value(id);
        let wrapped = match (&value.shape, &value.name) {
            (Syntax::Paren(items), Some(name)) if self.tree.slice(name) == "Some" => match &items[..] {
                [Item { name: None, value }] => Some(*value),
                _ => None,
            },
            _ => None,
        };
        Self { id: wrapped.unwrap_or(id), ..self }
    }
}

impl Tree<'_> {
    /// The name before a value's parentheses; of a value without one, all of it.
    pub(super) fn name_of(&self, id: ValueId) -> &str {
        let value = self.value(id);
        self.identifier(value.name.as_ref().unwrap_or(&value.span))
    }

    /// The string that a value is, with its escapes resolved as RON resolves them.
    pub(super) fn string(&self, id: ValueId) -> Option<String> {
        let value = self.value(id);
        if value.shape == Syntax::Text { ron::from_str(self.slice(&value.span)).ok() } else { None }
    }
}

/// The line and the column, in characters, of a byte offset; both from 1.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    Lines::new(text).line_and_column(offset)
}

/// Finds lines and columns. Each place is counted from the last one, so that many which follow each other are found quickly.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'t> Lines<'t> {
    /// Of a text.
    pub const fn new(text: &'t str) -> Self {
        Self { text, offset: 0, line: 1, column: 1 }
    }

    /// The line and the column, in characters, of a byte offset; both from 1.
    pub fn line_and_column(&mut self, offset: usize) -> (usize, usize) {
        if offset < self.offset {
            *self = Self::new(self.text);
        }
        for c in self.text.get(self.offset..offset).unwrap_or("").chars() {
            (self.line, self.column) = if c == '\n' { (self.line + 1, 1) } else { (self.line, self.column + 1) };
        }
        self.offset = offset;
        (self.line, self.column)
    }
}
