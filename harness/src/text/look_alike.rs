//! Characters that look like RON's and are others: typographic quotes, no-break spaces, comments of another language.
//!
//! Each kind is reported once, and read as what it was intended to be, so that the rest of the file is judged as intended.

use super::lex::Lexer;
use super::problem::Problem;
use super::span::Span;

/// A text with RON's characters in the place of those that look like them; everything stands where it stood.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) text: String,
    pub(super) problems: Vec<Problem>,
    /// Whether what stands around an odd character can be read.
    pub(super) readable: bool,
}

/// What was met instead of a character of RON's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Quote,
    SingleQuote,
    Blank,
    Invisible,
    Punctuation,
    Comment,
}

const KINDS: [Kind; 6] =
    [Kind::Quote, Kind::SingleQuote, Kind::Blank, Kind::Invisible, Kind::Punctuation, Kind::Comment];

/// The text without look-alikes; none if it has none.
pub(super) fn plain(text: &str) -> Option<Plain> {
    let mut reader =
        Reader { lexer: Lexer { text, at: 0 }, bytes: text.as_bytes().to_vec(), met: Vec::new(), readable: true };
    while reader.lexer.peek().is_some() {
        reader.step();
    }
    let problems: Vec<_> = KINDS.into_iter().filter_map(|kind| reader.problem(kind)).collect();
    let text = String::from_utf8(reader.bytes).ok()?;
    (!problems.is_empty()).then_some(Plain { text, problems, readable: reader.readable })
}

struct Reader<'t> {
    lexer: Lexer<'t>,
    bytes: Vec<u8>,
    met: Vec<(Kind, Span)>,
    readable: bool,
}

impl Reader<'_> {
    /// Goes past one character, or one string or comment.
    fn step(&mut self) {
        let at = self.lexer.at;
        let Some(c) = self.lexer.peek() else { return };
        let rest = self.lexer.rest();
        match c {
            '/' if rest.starts_with("//") || rest.starts_with("/*") => {
                if self.lexer.skip_blank().is_err() {
                    self.lexer.at = self.lexer.text.len();
                }
            }
            '#' if rest.starts_with("#![") => {
                self.lexer.at += rest.find(']').unwrap_or(rest.len());
            }
            '#' => self.comment(),
            '-' if rest.starts_with("-- ") => self.comment(),
            '"' => drop(self.lexer.quoted('"')),
            '\'' => self.quoted(Kind::SingleQuote, |c| c == '\''),
            _ if is_quote(c) => self.quoted(Kind::Quote, |c| c == '"' || is_quote(c)),
            _ if c == '_' || c.is_alphanumeric() => self.word(),
            _ => {
                let span = self.lexer.bump();
                if is_invisible(c) {
                    self.readable &= !self.is_inside_a_word(&span);
                    self.replace(Kind::Invisible, &span, "");
                } else if is_blank(c) {
                    self.replace(Kind::Blank, &span, "");
                } else if let Some(intended) = intended(c) {
                    // Two words that a dash joins are none that a scenario knows.
                    self.readable &= intended != "-" || !self.is_inside_a_word(&span);
                    self.replace(Kind::Punctuation, &span, intended);
                }
            }
        }
        if self.lexer.at == at {
            self.lexer.bump();
        }
    }

    /// A word, or a string with letters before its quote, in which a `#` begins no comment.
    fn word(&mut self) {
        if self.lexer.raw_string().is_some() {
            return;
        }
        if self.lexer.at_lettered_string() {
            self.lexer.bump();
        } else if self.lexer.identifier().is_none() {
            self.lexer.number();
        }
    }

    /// What a comment of another language's covers, up to the line's end.
    fn comment(&mut self) {
        let at = self.lexer.at;
        let length = self.lexer.rest().find('\n').unwrap_or(self.lexer.rest().len());
        self.lexer.at += length;
        self.replace(Kind::Comment, &(at..at + length), "");
    }

    /// A string in other quotes, if it ends on the same line.
    fn quoted(&mut self, kind: Kind, is_closing: impl Fn(char) -> bool) {
        let open = self.lexer.bump();
        let line = self.lexer.rest().split('\n').next().unwrap_or("");
        let Some((length, close)) = line.char_indices().find(|&(_, c)| is_closing(c)) else { return };
        let inside = &line[..length];
        if inside.contains(['"', '\\']) {
            return;
        }
        let close = open.end + length..open.end + length + close.len_utf8();
        self.lexer.at = close.end;
        self.bytes[open.clone()].fill(b' ');
        self.bytes[open.end - 1] = b'"';
        self.bytes[close.clone()].fill(b' ');
        self.bytes[close.start] = b'"';
        self.met.push((kind, open.start..close.end));
    }

    /// Puts `intended` and blanks in a span's place: what stands after it keeps its place.
    fn replace(&mut self, kind: Kind, span: &Span, intended: &str) {
        self.bytes[span.clone()].fill(b' ');
        self.bytes[span.end - intended.len()..span.end].copy_from_slice(intended.as_bytes());
        self.met.push((kind, span.clone()));
    }

    fn is_inside_a_word(&self, span: &Span) -> bool {
        let is_word = |c: char| c == '_' || c.is_alphanumeric();
        let text = self.lexer.text;
        text[..span.start].chars().next_back().is_some_and(is_word)
            && text[span.end..].chars().next().is_some_and(is_word)
    }

    /// All of one kind in one message.
    fn problem(&self, kind: Kind) -> Option<Problem> {
        let mut places = self.met.iter().filter(|(met, _)| *met == kind).map(|(_, span)| span);
        let first = places.next()?.clone();
        let count = places.count() + 1;
        let text = &self.lexer.text[first.clone()];
        let c = text.chars().next().unwrap_or(' ');
        let written = text.trim_matches(|c| matches!(c, '\'' | '"') || is_quote(c));
        let (message, help) = match kind {
            Kind::Quote => (format!("`{c}` ({}) is not a quote of RON", code(c)), format!("write `\"{written}\"`")),
            Kind::SingleQuote => {
                ("text stands in double quotes".to_owned(), format!("use double quotes: `\"{written}\"`"))
            }
            Kind::Blank => {
                (format!("a blank of another kind ({}) stands here", code(c)), "write a plain space".to_owned())
            }
            Kind::Invisible => (format!("an invisible character ({}) stands here", code(c)), "delete it".to_owned()),
            Kind::Punctuation => {
                let intended = intended(c).unwrap_or(" ");
                (
                    format!("`{c}` ({}) is not the `{intended}` that it looks like", code(c)),
                    format!("write `{intended}`"),
                )
            }
            Kind::Comment => {
                let mark = if c == '#' { "#" } else { "--" };
                (format!("`{mark}` begins no comment in RON"), "write `//`".to_owned())
            }
        };
        let problem = Problem::new(first, message).help(help);
        Some(if count > 1 { problem.label(format!("the first of {count}")) } else { problem })
    }
}

fn code(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

fn is_quote(c: char) -> bool {
    matches!(c, '\u{2018}'..='\u{201F}' | '\u{2032}' | '\u{2033}' | '«' | '»' | '‹' | '›' | '＂' | '＇' | '`' | '´')
}

fn is_blank(c: char) -> bool {
    matches!(c, '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}')
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')
}

/// The character of RON's that another one looks like.
fn intended(c: char) -> Option<&'static str> {
    Some(match c {
        '（' | '﹙' => "(",
        '）' | '﹚' => ")",
        '［' | '【' | '「' => "[",
        '］' | '】' | '」' => "]",
        '｛' => "{",
        '｝' => "}",
        '：' | '﹕' | '꞉' | '∶' => ":",
        '，' | '、' | '﹐' | '；' => ",",
        '．' => ".",
        '＝' => "=",
        '\u{2010}'..='\u{2015}' | '−' | '－' | '﹣' => "-",
        _ => return None,
    })
}

/// A name as it was intended, if it has characters that only look like those of names; and the first of them.
pub fn plain_letters(name: &str) -> Option<(String, char)> {
    let odd = name.chars().find(|c| is_invisible(*c) || is_blank(*c) || intended(*c).is_some())?;
    let plain = name.chars().filter(|c| !is_invisible(*c)).map(|c| match intended(c) {
        Some(intended) => intended.to_owned(),
        None if is_blank(c) => String::new(),
        None => c.to_string(),
    });
    Some((plain.collect(), odd))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::both("(name: “app”)", "write `\"app\"`")]
    #[case::the_first("(name: “app\")", "write `\"app\"`")]
    #[case::single("(name: 'app')", "use double quotes: `\"app\"`")]
    fn the_help_has_a_quote_on_each_side(#[case] text: &str, #[case] help: &str) {
        let plain = plain(text).unwrap();
        assert_eq!(plain.problems[0].help, [help]);
        assert!(plain.text.contains("\"app\""), "{}", plain.text);
    }
}
