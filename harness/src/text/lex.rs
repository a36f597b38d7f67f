//! The smallest pieces of RON: white space, comments, identifiers, strings, numbers.

use super::span::Span;

/// Reads pieces from a text. It never fails: it says where a piece ends, and whether it ended as it should.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

/// A piece that was opened and perhaps not closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Quoted {
    /// Closed.
    Whole,
    /// The file ended in it.
    Open,
}

impl Lexer<'_> {
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Goes past the next character and gives its span.
    pub(super) fn bump(&mut self) -> Span {
        let start = self.at;
        self.at += self.peek().map_or(0, char::len_utf8);
        start..self.at
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.bump();
        }
        found
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> Span {
        let start = self.at;
        let rest = self.rest();
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        start..self.at
    }

    /// Skips white space and comments. Gives the opening of a block comment that the file ends in.
    pub(super) fn skip_blank(&mut self) -> Result<(), Span> {
        loop {
            self.take_while(is_white);
            if self.rest().starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                self.skip_block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), Span> {
        let opening = self.at..self.at + 2;
        let mut depth = 0_usize;
        loop {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else if self.bump().is_empty() {
                return Err(opening);
            }
        }
    }

    /// An identifier, raw ones too.
    pub(super) fn identifier(&mut self) -> Option<Span> {
        let start = self.at;
        let raw = self.rest().starts_with("r#");
        let mut chars = self.rest()[if raw { 2 } else { 0 }..].chars();
        if !chars.next().is_some_and(is_word_start) {
            return None;
        }
        if raw {
            self.at += 2;
            self.take_while(|c| is_word(c) || matches!(c, '.' | '+' | '-'));
        } else {
            self.take_while(is_word);
        }
        Some(start..self.at)
    }

    /// A number, or what looks like one.
    pub(super) fn number(&mut self) -> Span {
        let start = self.at;
        let mut previous = ' ';
        while let Some(c) = self.peek() {
            let sign = matches!(c, '+' | '-') && (self.at == start || matches!(previous, 'e' | 'E'));
            if !(sign || c == '.' || is_word(c)) {
                break;
            }
            previous = c;
            self.bump();
        }
        start..self.at
    }

    /// A string with escapes, or a character; the text stands at the opening `quote`.
    pub(super) fn quoted(&mut self, quote: char) -> (Span, Quoted) {
        let start = self.at;
        self.bump();
        loop {
            match self.peek() {
                None => return (start..self.at, Quoted::Open),
                Some('\\') => {
                    self.bump();
                    self.bump();
                }
                Some(c) => {
                    self.bump();
                    if c == quote {
                        return (start..self.at, Quoted::Whole);
                    }
                }
            }
        }
    }

    /// Whether a string with a letter before its quote begins here.
    pub(super) fn at_lettered_string(&self) -> bool {
        ["r\"", "r#\"", "r##", "b\"", "b'", "br\"", "br#"].iter().any(|opening| self.rest().starts_with(opening))
    }

    /// A raw string, if one begins here: `r"..."`, `r#"..."#`.
    pub(super) fn raw_string(&mut self) -> Option<(Span, Quoted)> {
        let hashes = self.rest().strip_prefix('r')?;
        let count = hashes.len() - hashes.trim_start_matches('#').len();
        hashes[count..].strip_prefix('"')?;
        let start = self.at;
        self.at += count + 2;
        let end = format!("\"{}", "#".repeat(count));
        if let Some(position) = self.rest().find(&end) {
            self.at += position + end.len();
            Some((start..self.at, Quoted::Whole))
        } else {
            self.at = self.text.len();
            Some((start..self.at, Quoted::Open))
        }
    }
}

/// What RON takes for white space.
fn is_white(c: char) -> bool {
    let marks = ['\u{B}', '\u{C}', '\u{85}', '\u{200E}', '\u{200F}', '\u{2028}', '\u{2029}'];
    matches!(c, ' ' | '\t' | '\n' | '\r') || marks.contains(&c)
}

pub(super) fn is_word_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
