//! Whole files that are no RON at all. What a reader of RON would say about their pieces helps nobody.

use super::problem::Problem;
use super::span::Span;

/// What the file is instead of a scenario, if that is plain to see.
pub(super) fn recognised(text: &str) -> Option<Problem> {
    merge(text).or_else(|| json(text)).or_else(|| fields_alone(text))
}

/// The lines of a text that hold something, with their places.
fn lines(text: &str) -> impl Iterator<Item = (Span, &str)> {
    let spans = text.split_inclusive('\n').scan(0, |end, line| {
        let start = *end;
        *end += line.len();
        Some((start, line))
    });
    spans
        .map(|(start, line)| (start..start + line.trim_end().len(), line.trim_end()))
        .filter(|(_, line)| !line.is_empty())
}

/// A merge of git's that was not finished.
fn merge(text: &str) -> Option<Problem> {
    let marker = |mark: &str| lines(text).find(|(_, line)| line.split(' ').next() == Some(mark)).map(|(span, _)| span);
    let (ours, middle, theirs) = (marker("<<<<<<<")?, marker("=======")?, marker(">>>>>>>")?);
    let problem = Problem::new(ours, "a merge was not finished: two versions of the scenario stand here");
    let problem = problem.label("the first version").also(middle, "the second version").also(theirs, "its end");
    Some(problem.help("keep one of them, and remove these three lines"))
}

/// The example that shows what a scenario looks like.
const LIKE_THIS: &str =
    "write `(about: \"...\", topology: Cluster(masters: 3, replicas: 1), timeline: [Run(for: \"2s\")])`";

fn json(text: &str) -> Option<Problem> {
    let start = text.len() - text.trim_start().len();
    let key = text[start..].strip_prefix('{')?.trim_start();
    let end = key.strip_prefix('"')?.find('"')?;
    let is_key = key[end + 2..].trim_start().starts_with(':');
    let problem = || Problem::new(start..start + 1, "this looks like JSON, and a scenario is RON");
    let differs = "in RON fields stand in parentheses, their names have no quotes, and what is chosen has a name";
    is_key.then(|| problem().help(differs).help(LIKE_THIS))
}

/// Fields that stand at the top: YAML, TOML, or a scenario without its parentheses.
fn fields_alone(text: &str) -> Option<Problem> {
    let (span, first) = lines(text).find(|(_, line)| !line.trim_start().starts_with(['#', '/']))?;
    let is_document = first == "---";
    let key = first.split_once([':', '=']).map(|(key, _)| key.trim_end());
    let is_key = key.is_some_and(|key| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_'));
    if !is_document && !is_key {
        return None;
    }
    // Neither YAML nor TOML has a use for parentheses.
    if is_key && text.contains('(') {
        let problem = Problem::new(span, "the fields of a scenario stand in parentheses");
        return Some(problem.help("write `(` before the first of them and `)` after the last"));
    }
    let format = if key.is_some_and(|key| first[key.len()..].trim_start().starts_with('=')) { "TOML" } else { "YAML" };
    let problem = Problem::new(span, format!("this looks like {format}, and a scenario is RON"));
    let differs = "in RON fields stand in parentheses and lists in square brackets, with commas between them";
    Some(problem.help(differs).help(LIKE_THIS))
}
