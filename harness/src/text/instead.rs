//! What could be written instead of something wrong.

use super::span::{Syntax, Tree, ValueId};
use super::vocabulary::Vocabulary;

/// What is expected where a string belongs.
pub(super) const TEXT: &str = "text in quotes";

/// The whole numbers that a field takes.
pub(super) fn range(tree: &Tree<'_>, vocabulary: &dyn Vocabulary, id: ValueId) -> Option<String> {
    let (owner, field) = field_of(tree, id).or_else(|| Some((tree.name_of(tree.value(id).parent?), "")))?;
    vocabulary.range(owner, field)
}

/// What could stand in a value's place: mostly the same with, or without, its quotes or brackets.
pub(super) fn instead(tree: &Tree<'_>, vocabulary: &dyn Vocabulary, id: ValueId, expected: &str) -> Option<String> {
    let value = tree.value(id);
    let written = tree.slice(&value.span);
    let text = tree.string(id);
    let is_number = |text: &&str| text.parse::<f64>().is_ok_and(f64::is_finite);
    match (&value.shape, text.as_deref()) {
        (Syntax::Odd, _) if written.starts_with('\'') => Some("use double quotes: `\"...\"`".to_owned()),
        (Syntax::Word | Syntax::Number, _) if expected == TEXT => Some(format!("write `\"{written}\"`")),
        (Syntax::Number, _) if expected.contains("in quotes") => Some(format!("write `\"{written}\"`")),
        (Syntax::Text, Some(_)) if expected.starts_with("a list") => Some(format!("write `[{written}]`")),
        (Syntax::Paren(items), _) if expected.starts_with("a list") => {
            let fields = items.iter().any(|item| item.name.is_some());
            Some(if fields { "write `[(...)]`: a list of one" } else { "write `[...]`" }.to_owned())
        }
        (Syntax::Paren(items), _) if expected.starts_with("a map") && value.name.is_none() => {
            let first = items.first()?;
            let key = tree.identifier(first.name.as_ref()?);
            Some(format!("write `{{ \"{key}\": {} }}`", tree.slice(&tree.value(first.value).span)))
        }
        (Syntax::Text, Some(text)) if expected.contains(" number") => {
            let number = Some(text.trim().trim_end_matches('%').trim_end()).filter(is_number);
            number.map(|number| format!("write `{number}`"))
        }
        (Syntax::Text, Some(text)) if expected.split([' ', ',']).any(|word| word == text) => {
            Some(format!("write `{text}`, without quotes"))
        }
        _ if expected.starts_with("a map") || expected.starts_with("a key space") => {
            let (owner, field) = field_of(tree, id)?;
            vocabulary.example(owner, field).map(|shown| format!("write `{field}: {shown}`"))
        }
        _ => None,
    }
}

/// Whose field a value is, and which.
fn field_of<'t>(tree: &'t Tree<'_>, id: ValueId) -> Option<(&'t str, &'t str)> {
    let parent = tree.value(id).parent?;
    let Syntax::Paren(items) = &tree.value(parent).shape else { return None };
    let name = items.iter().find(|item| item.value == id)?.name.as_ref()?;
    Some((tree.name_of(parent), tree.identifier(name)))
}
