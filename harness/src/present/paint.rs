//! How text looks: its colour, and the width that it is fitted to. Widths never count colour.

use std::fmt::{Display, Write};

use anstyle::{AnsiColor, Style};

use crate::verdict::RunOutcome;

/// How wide lines are where nothing says it.
pub(super) const WIDTH: usize = 110;

/// Below this, lines are broken by what shows them.
const NARROWEST: usize = 40;

pub(super) const PLAIN: Style = Style::new();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const NEWS: Style = AnsiColor::Cyan.on_default();

/// Whether there is colour, and how wide a line may be.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub(super) colour: bool,
    pub(super) width: usize,
}

impl Look {
    /// With these properties.
    pub fn new(colour: bool, width: usize) -> Self {
        Self { colour, width: width.max(NARROWEST) }
    }

    /// Without colour, as wide as where nothing says it: for text that goes elsewhere first.
    pub fn plain() -> Self {
        Self::new(false, WIDTH)
    }

    /// `text` in `style`.
    pub(super) fn style(self, style: Style, text: impl Display) -> String {
        if self.colour && style != PLAIN { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

/// The style in which an outcome is shown.
pub(super) fn outcome_style(outcome: RunOutcome) -> Style {
    match outcome {
        RunOutcome::Pass => GOOD,
        RunOutcome::Fail => BAD,
        RunOutcome::Inconclusive => DOUBT,
    }
}

/// Breaks the lines that are too wide. What does not fit continues below the line's own indentation.
pub fn fit(text: &str, look: Look) -> String {
    let mut fitted = String::new();
    for line in text.lines() {
        if line.chars().count() <= look.width {
            fitted += line;
            fitted.push('\n');
            continue;
        }
        let indent = line.chars().take_while(|letter| *letter == ' ').count();
        for (index, part) in wrap(line, look.width.saturating_sub(indent + HANGING).max(1)).iter().enumerate() {
            let indent = if index == 0 { indent } else { indent + HANGING };
            // Writing into a string cannot fail.
            let _ = writeln!(fitted, "{:indent$}{part}", "");
        }
    }
    fitted
}

/// How far a line's continuation is moved in.
const HANGING: usize = 4;

/// Names, and beside each a text; below each other, and the texts wrapped if there is a width.
pub fn list(rows: &[(&str, &str)], width: Option<usize>) -> String {
    let column = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default() + 2;
    let text_width = width.map(|width| width.max(NARROWEST).saturating_sub(column));
    let mut lines = String::new();
    for (name, text) in rows {
        let text = match text_width {
            None => vec![(*text).to_owned()],
            Some(text_width) => wrap(text, text_width.max(LEAST_TEXT)),
        };
        for (index, part) in text.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            lines += format!("{name:column$}{part}").trim_end();
            lines.push('\n');
        }
    }
    lines
}

/// Text beside names is no narrower than this, or it would be a word a line.
const LEAST_TEXT: usize = 20;

/// Breaks `text` at spaces into lines of at most `width` characters; a longer word is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    fill(text.split_whitespace(), width)
}

/// Puts phrases into lines of at most `width` characters; a phrase stays whole if it can.
pub(super) fn fill<'a>(phrases: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let fits = |phrase: &str| phrase.chars().count() <= width;
    let words =
        phrases.flat_map(|phrase| if fits(phrase) { vec![phrase] } else { phrase.split_whitespace().collect() });
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in words.flat_map(|word| pieces(word, width)) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        let Some(line) = lines.last_mut() else { continue };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(&word);
        used += length;
    }
    lines
}

/// A word in pieces of at most `width` characters, a path between its directories if it can.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut rest: Vec<char> = word.chars().collect();
    let mut pieces = Vec::new();
    while rest.len() > width.max(1) {
        let slash = rest[..width.max(1)].iter().rposition(|letter| *letter == '/').filter(|at| *at > 0);
        let tail = rest.split_off(slash.map_or(width.max(1), |at| at + 1));
        pieces.push(rest.into_iter().collect());
        rest = tail;
    }
    pieces.push(rest.into_iter().collect());
    pieces
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::fits("one two", 7, &["one two"])]
    #[case::breaks("one two three", 7, &["one two", "three"])]
    #[case::long_word("abcdefgh i", 3, &["abc", "def", "gh", "i"])]
    #[case::path("/a/bc/defg h", 7, &["/a/bc/", "defg h"])]
    #[case::empty("", 5, &[""])]
    fn text_is_wrapped(#[case] text: &str, #[case] width: usize, #[case] lines: &[&str]) {
        assert_eq!(wrap(text, width), lines);
    }

    #[test]
    fn without_colour_nothing_is_added() {
        assert_eq!(Look::new(false, WIDTH).style(BAD, "x"), "x");
        assert_ne!(Look::new(true, WIDTH).style(BAD, "x"), "x");
    }

    #[test]
    fn texts_are_wrapped_beside_their_names() {
        let rows = [("a/long-name", "one two three four five six seven"), ("b", "one  two")];
        let whole = "a/long-name  one two three four five six seven\nb            one  two\n";
        assert_eq!(list(&rows, None), whole);
        let wrapped = "a/long-name  one two three four five six\n             seven\nb            one two\n";
        assert_eq!(list(&rows, Some(40)), wrapped);
    }

    #[test]
    fn wide_lines_continue_below_themselves() {
        let text = "Title\n  a   b\n  one two three four five six seven eight nine ten\n";
        let fitted = "Title\n  a   b\n  one two three four five six seven\n      eight nine ten\n";
        assert_eq!(fit(text, Look::new(false, 40)), fitted);
        assert_eq!(fit(text, Look::plain()), text);
    }
}
