//! Colour, and text that is fitted to a width. Widths never count colour.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

use crate::verdict::Outcome;

/// The widest a line of a report may be.
pub(super) const WIDTH: usize = 110;

pub(super) const PLAIN: Style = Style::new();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const NEWS: Style = AnsiColor::Cyan.on_default();

/// Applies styles, or leaves text as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    pub(super) colour: bool,
}

impl Paint {
    /// `text` in `style`.
    pub(super) fn style(self, style: Style, text: impl Display) -> String {
        if self.colour && style != PLAIN { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

/// The style in which an outcome is shown.
pub(super) fn outcome_style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Pass => GOOD,
        Outcome::Fail => BAD,
        Outcome::Inconclusive => DOUBT,
    }
}

/// Breaks `text` at spaces into lines of at most `width` characters; a longer word is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace().flat_map(|word| pieces(word, width)) {
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

fn pieces(word: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = word.chars().collect();
    characters.chunks(width.max(1)).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::fits("one two", 7, &["one two"])]
    #[case::breaks("one two three", 7, &["one two", "three"])]
    #[case::long_word("abcdefgh i", 3, &["abc", "def", "gh", "i"])]
    #[case::empty("", 5, &[""])]
    fn text_is_wrapped(#[case] text: &str, #[case] width: usize, #[case] lines: &[&str]) {
        assert_eq!(wrap(text, width), lines);
    }

    #[test]
    fn without_colour_nothing_is_added() {
        assert_eq!(Paint { colour: false }.style(BAD, "x"), "x");
        assert_ne!(Paint { colour: true }.style(BAD, "x"), "x");
    }
}
