//! Text to a tree of spans. It goes on after an error, so that one misplaced comma does not hide the rest.

use super::lex::{Lexer, Quoted, is_word_start};
use super::problem::{PROBLEMS_MAX, Problem};
use super::span::{Item, Span, Syntax, Tree, ValueId, WrittenValue};

/// RON itself reads no deeper than this; a scenario needs 7.
const DEPTH_MAX: usize = 128;

/// The tree of `text` and what is wrong with its punctuation.
pub(super) fn scan(text: &str) -> (Tree<'_>, Vec<Problem>) {
    let mut scanner = Scanner {
        lexer: Lexer { text, at: 0 },
        values: Vec::new(),
        open: Vec::new(),
        problems: Vec::new(),
        over: false,
    };
    scanner.skip_attributes();
    let root = scanner.root();
    (Tree { text: text.into(), values: scanner.values, root }, scanner.problems)
}

struct Scanner<'t> {
    lexer: Lexer<'t>,
    values: Vec<WrittenValue>,
    /// What is open: the character that closes it, and where it was opened.
    open: Vec<(char, Span)>,
    problems: Vec<Problem>,
    /// Whether reading on would only produce noise.
    over: bool,
}

impl Scanner<'_> {
    fn root(&mut self) -> ValueId {
        self.skip_blank();
        if self.lexer.peek().is_none() {
            if self.problems.is_empty() {
                let problem = Problem::new(0..0, "the file holds no scenario");
                self.report(problem.help("a scenario is `(about: \"...\", topology: ..., timeline: [...])`"));
            }
            return self.unreadable();
        }
        let root = self.value();
        self.skip_blank();
        if self.lexer.peek().is_some() {
            let rest = self.lexer.bump();
            let what = match self.lexer.text.get(rest.clone()) {
                Some(closer @ (")" | "]" | "}")) => format!("one `{closer}` too many"),
                _ => "there is more text after the scenario's end".to_owned(),
            };
            self.report(Problem::new(rest, what));
        }
        root
    }

    /// `#![enable(..)]` and its like.
    fn skip_attributes(&mut self) {
        self.skip_blank();
        while self.lexer.rest().starts_with("#!") {
            while let Some(c) = self.lexer.peek() {
                match c {
                    '"' => drop(self.lexer.quoted('"')),
                    ']' => {
                        self.lexer.bump();
                        break;
                    }
                    _ => drop(self.lexer.bump()),
                }
            }
            self.skip_blank();
        }
    }

    fn report(&mut self, problem: Problem) {
        if !self.over {
            self.problems.push(problem);
            if self.problems.len() >= PROBLEMS_MAX {
                self.give_up();
            }
        }
    }

    /// Ends the scan: every open value closes, incomplete.
    fn give_up(&mut self) {
        self.over = true;
        self.lexer.at = self.lexer.text.len();
    }

    fn skip_blank(&mut self) {
        if let Err(opening) = self.lexer.skip_blank() {
            self.report(Problem::new(opening, "this comment is never closed").help("close it with `*/`"));
            self.give_up();
        }
    }

    fn add(&mut self, span: Span, name: Option<Span>, shape: Syntax, complete: bool) -> ValueId {
        let id = ValueId(self.values.len());
        let children: Vec<_> = match &shape {
            Syntax::Paren(items) => items.iter().map(|item| item.value).collect(),
            Syntax::List(values) => values.clone(),
            Syntax::Map(entries) => entries.iter().flat_map(|&(key, value)| [key, value]).collect(),
            _ => Vec::new(),
        };
        for child in children {
            self.values[child.0].parent = Some(id);
        }
        self.values.push(WrittenValue { span, name, shape, complete, parent: None });
        id
    }

    fn unreadable(&mut self) -> ValueId {
        self.add(self.lexer.at..self.lexer.at, None, Syntax::Unreadable, false)
    }

    /// One value. It consumes at least a character unless it stands at a closer, a comma or the end.
    fn value(&mut self) -> ValueId {
        let at = self.lexer.at;
        match self.lexer.peek() {
            Some('"') => {
                let (span, ending) = self.lexer.quoted('"');
                self.text(span, &ending)
            }
            Some('\'') => {
                let (span, _) = self.lexer.quoted('\'');
                self.add(span, None, Syntax::Odd, true)
            }
            Some('(' | '[') if self.holds_keys() => {
                let opener = at..at + 1;
                self.report(Problem::new(opener, "a map stands in braces").help("write `{ \"key\": value }`"));
                self.map(if self.lexer.peek() == Some('(') { ')' } else { ']' })
            }
            Some('{') if self.holds_fields() => {
                let problem = Problem::new(at..at + 1, "fields stand in parentheses, not in braces");
                self.report(problem.help("write `(name: value)`"));
                self.paren(None, '}')
            }
            Some('(') => self.paren(None, ')'),
            Some('[') => self.list(),
            Some('{') => self.map('}'),
            Some(c) if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') => {
                let span = self.lexer.number();
                self.add(span, None, Syntax::Number, true)
            }
            Some(c) if is_word_start(c) => self.word(at),
            None | Some(',' | ')' | ']' | '}') => {
                self.report(Problem::new(at..at + 1, "a value is missing here"));
                self.unreadable()
            }
            Some(c) => self.unexpected(c),
        }
    }

    fn unexpected(&mut self, c: char) -> ValueId {
        let span = self.lexer.bump();
        self.report(Problem::new(span, format!("unexpected character `{c}`")));
        self.unreadable()
    }

    /// A name with or without parentheses, or a string with a letter before its quote.
    fn word(&mut self, start: usize) -> ValueId {
        if let Some((span, ending)) = self.lexer.raw_string() {
            return self.text(span, &ending);
        }
        if self.lexer.at_lettered_string() {
            self.lexer.bump();
            let quote = if self.lexer.peek() == Some('\'') { '\'' } else { '"' };
            let (span, _) = self.lexer.raw_string().unwrap_or_else(|| self.lexer.quoted(quote));
            return self.add(start..span.end, None, Syntax::Odd, true);
        }
        let Some(name) = self.lexer.identifier() else {
            let c = self.lexer.peek().unwrap_or(' ');
            return self.unexpected(c);
        };
        let end = self.lexer.at;
        self.skip_blank();
        match self.lexer.peek() {
            Some('(') => return self.paren(Some(name), ')'),
            Some('{') => {
                let at = self.lexer.at;
                let written = self.lexer.text.get(name.clone()).unwrap_or("");
                let problem = Problem::new(
                    at..at + 1,
                    format!("what belongs to `{written}` stands in parentheses, not in braces"),
                );
                self.report(problem.help(format!("write `{written}(...)`")));
                return self.paren(Some(name), '}');
            }
            _ => {}
        }
        // What follows the word is not its own; the blank between them neither.
        if !self.over {
            self.lexer.at = end;
        }
        self.add(name, None, Syntax::Word, true)
    }

    /// A string that was read. One that runs over lines and is followed by nonsense has lost its closing quote.
    fn text(&mut self, span: Span, ending: &Quoted) -> ValueId {
        let content = self.lexer.text.get(span.clone()).unwrap_or("");
        let first_line = span.start..span.start + content.find('\n').unwrap_or(content.len());
        let lines = content.contains('\n');
        let after = self.lexer.at;
        self.skip_blank();
        let sane = matches!(self.lexer.peek(), None | Some(',' | ')' | ']' | '}' | ':'));
        if *ending == Quoted::Open || (lines && !sane) {
            let other =
                ['\u{201C}', '\u{201D}'].into_iter().find(|quote| self.lexer.text[first_line.clone()].contains(*quote));
            let help = match other {
                Some(other) => format!("close it with `\"`: `{other}` is another character"),
                None => "close it with `\"`".to_owned(),
            };
            self.report(Problem::new(first_line, "this string is never closed").help(help));
            self.give_up();
            return self.add(span, None, Syntax::Unreadable, false);
        }
        if !self.over {
            self.lexer.at = after;
        }
        self.add(span, None, Syntax::Text, true)
    }

    /// Whether the brackets that open here hold keys, as only a map does.
    fn holds_keys(&self) -> bool {
        let mut ahead = Lexer { text: self.lexer.text, at: self.lexer.at };
        ahead.bump();
        let is_text = ahead.skip_blank().is_ok() && ahead.peek() == Some('"');
        is_text && ahead.quoted('"').1 == Quoted::Whole && ahead.skip_blank().is_ok() && ahead.peek() == Some(':')
    }

    /// Whether the braces that open here hold fields.
    fn holds_fields(&self) -> bool {
        let mut ahead = Lexer { text: self.lexer.text, at: self.lexer.at };
        ahead.bump();
        let is_name = ahead.skip_blank().is_ok() && !ahead.at_lettered_string() && ahead.identifier().is_some();
        is_name && ahead.skip_blank().is_ok() && ahead.peek() == Some(':')
    }

    /// Fields, or values without names, up to `closer`.
    fn paren(&mut self, name: Option<Span>, closer: char) -> ValueId {
        let start = name.as_ref().map_or(self.lexer.at, |name| name.start);
        let mut items = Vec::new();
        let complete = self.group(closer, |scanner| {
            let item = scanner.item();
            items.push(item);
        });
        self.add(start..self.lexer.at, name, Syntax::Paren(items), complete)
    }

    fn list(&mut self) -> ValueId {
        let start = self.lexer.at;
        let mut values = Vec::new();
        let complete = self.group(']', |scanner| {
            let value = scanner.value();
            values.push(value);
        });
        self.add(start..self.lexer.at, None, Syntax::List(values), complete)
    }

    fn map(&mut self, closer: char) -> ValueId {
        let start = self.lexer.at;
        let mut entries = Vec::new();
        let complete = self.group(closer, |scanner| {
            let key = scanner.value();
            scanner.skip_blank();
            let value = scanner.after_colon("the key");
            entries.push((key, value));
        });
        self.add(start..self.lexer.at, None, Syntax::Map(entries), complete)
    }

    /// A field with its name, or a value without.
    fn item(&mut self) -> Item {
        let before = self.lexer.at;
        if !self.lexer.at_lettered_string()
            && let Some(name) = self.lexer.identifier()
        {
            self.skip_blank();
            let next = self.lexer.peek();
            // A word and then a value: the colon was forgotten. What begins with a capital letter is no field.
            let is_field = self.lexer.text[name.clone()].starts_with(|c: char| !c.is_uppercase());
            let forgotten = next.is_some_and(|c| matches!(c, '"' | '[' | '=') || c.is_alphanumeric())
                || is_field && next == Some('{');
            if next == Some(':') || forgotten {
                let what = format!("`{}`", self.lexer.text.get(name.clone()).unwrap_or(""));
                return Item { name: Some(name), value: self.after_colon(&what) };
            }
            if !self.over {
                self.lexer.at = before;
            }
        }
        Item { name: None, value: self.value() }
    }

    /// The value behind a colon, or behind what stands in a colon's place.
    fn after_colon(&mut self, what: &str) -> ValueId {
        let at = self.lexer.at;
        if self.lexer.eat('=') {
            self.lexer.eat('>');
            self.report(Problem::new(at..self.lexer.at, format!("write `:` after {what}, not `=`")));
        } else if !self.lexer.eat(':') {
            self.report(Problem::new(at..at + 1, format!("`:` is missing after {what}")));
        }
        self.skip_blank();
        self.value()
    }

    /// What stands between an opener and `closer`, separated by commas. Says whether it was closed.
    fn group(&mut self, closer: char, mut element: impl FnMut(&mut Self)) -> bool {
        let opener = self.lexer.bump();
        if self.open.len() >= DEPTH_MAX {
            self.report(Problem::new(opener, format!("nested more than {DEPTH_MAX} deep")));
            self.give_up();
            return false;
        }
        self.open.push((closer, opener));
        let complete = loop {
            self.skip_blank();
            match self.lexer.peek() {
                None => break self.never_closed(),
                Some(c) if c == closer => {
                    self.lexer.bump();
                    break true;
                }
                Some(c @ (')' | ']' | '}')) => {
                    if !self.wrong_closer(closer, c) {
                        break false;
                    }
                }
                Some(',') => {
                    let comma = self.lexer.bump();
                    self.report(Problem::new(comma, "unexpected `,`: nothing stands before it"));
                }
                Some(_) => {
                    element(self);
                    self.separator();
                }
            }
        };
        self.open.pop();
        complete
    }

    /// The comma behind an element, unless the group ends there.
    fn separator(&mut self) {
        let end = self.lexer.at;
        self.skip_blank();
        let at = self.lexer.at;
        match self.lexer.peek() {
            None | Some(')' | ']' | '}') => {}
            Some(',') => drop(self.lexer.bump()),
            Some(';') => {
                self.lexer.bump();
                self.report(Problem::new(at..at + 1, "write `,` between elements, not `;`"));
            }
            Some(_) => self.report(Problem::new(end..end + 1, "`,` is missing here")),
        }
    }

    /// A closer of another kind. Says whether it was stray, and is past. One that closes something further out is taken
    /// for that when it stands as far in as the line of its opener does; else nobody knows what was meant.
    fn wrong_closer(&mut self, closer: char, found: char) -> bool {
        let at = self.lexer.at;
        let opener = self.open.last().map_or(at..at + 1, |(_, span)| span.clone());
        let outer = self.open.iter().rfind(|(open, _)| *open == found).map(|(_, span)| span.start);
        if let Some(opened) = outer {
            let problem = Problem::new(at..at + 1, format!("expected `{closer}` before this `{found}`"));
            self.report(problem.also(opener, "opened here"));
            let (indent, before) = self.indent(at);
            if !before.is_empty() || indent != self.indent(opened).0 {
                self.give_up();
            }
        } else {
            self.lexer.bump();
            self.report(Problem::new(at..at + 1, format!("this `{found}` closes nothing")));
        }
        outer.is_none()
    }

    /// The white space that a line begins with, and what else stands in it before `at`.
    fn indent(&self, at: usize) -> (&str, &str) {
        let before = self.lexer.text.get(..at).unwrap_or("");
        let line = &before[before.rfind('\n').map_or(0, |newline| newline + 1)..];
        line.split_at(line.len() - line.trim_start().len())
    }

    fn never_closed(&mut self) -> bool {
        if let Some((closer, opener)) = self.open.last().cloned() {
            let problem = Problem::new(opener, "this is never closed").label("opened here");
            self.report(problem.help(format!("close it with `{closer}`")));
        }
        // The outer ones are open for the same reason.
        self.over = true;
        false
    }
}
