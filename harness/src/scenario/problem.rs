//! An error in a scenario file, and how errors are shown.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::span::{Span, line_and_column};

/// Something wrong in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub span: Span,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What stands beside the caret.
    pub label: String,
    /// Other places that explain it.
    pub also: Vec<(Span, String)>,
    /// What could be written instead.
    pub help: Vec<String>,
    /// The path of the value, such as `timeline[2].Kill.node`; empty at the top.
    pub path: String,
}

impl Problem {
    /// A problem at `span`.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            label: String::new(),
            also: Vec::new(),
            help: Vec::new(),
            path: String::new(),
        }
    }

    /// With a text beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With a line of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// With another place that explains it.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }
}

/// Whether rendered text carries colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Plain text.
    Plain,
    /// ANSI colours.
    Coloured,
}

/// Everything wrong in one scenario file, in the file's order. There is at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    path: String,
    text: String,
    list: Vec<Problem>,
}

impl Problems {
    /// The problems of the file at `path`, which holds `text`.
    pub fn new(path: impl Into<String>, text: &str, mut list: Vec<Problem>) -> Self {
        for problem in &mut list {
            problem.span = within(text, &problem.span);
            for (span, _) in &mut problem.also {
                *span = within(text, span);
            }
        }
        list.sort_by_key(|problem| (problem.span.start, problem.span.end));
        list.dedup();
        Self { path: path.into(), text: text.to_owned(), list }
    }

    /// The problems.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// The line and the column, in characters, of a problem; both from 1.
    pub fn line_and_column(&self, problem: &Problem) -> (usize, usize) {
        line_and_column(&self.text, problem.span.start)
    }

    /// All problems as a compiler shows them, and a last line that counts them.
    pub fn render(&self, style: Style) -> String {
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        let mut text = String::new();
        for problem in &self.list {
            text.push_str(&renderer.render(&[self.report(problem)]));
            text.push_str("\n\n");
        }
        let count = self.list.len();
        let plural = if count == 1 { "" } else { "s" };
        text + &format!("{count} error{plural} in {}\n", self.path)
    }

    fn report<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let label = Some(problem.label.as_str()).filter(|label| !label.is_empty());
        let others = problem.also.iter().map(|(span, label)| AnnotationKind::Context.span(span.clone()).label(label));
        let snippet = Snippet::source(&self.text)
            .path(&self.path)
            .annotation(AnnotationKind::Primary.span(problem.span.clone()).label(label))
            .annotations(others);
        let path = (!problem.path.is_empty()).then(|| Level::NOTE.message(format!("at {}", problem.path)));
        let help = problem.help.iter().map(|help| Level::HELP.message(help));
        Level::ERROR.primary_title(&problem.message).element(snippet).elements(path).elements(help)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::Plain))
    }
}

impl std::error::Error for Problems {}

/// `span` cut to the text and widened to whole characters: the renderer relies on both.
fn within(text: &str, span: &Span) -> Span {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
