//! An error or a warning about a scenario file, and how they are shown.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::span::{Span, Tree, line_and_column};

/// More problems than this help nobody.
pub(super) const PROBLEMS_MAX: usize = 50;

/// Something wrong in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
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

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The scenario cannot be run.
    Error,
    /// It can be run, and may not do what it was meant to.
    Warning,
}

impl Problem {
    /// An error at `span`.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            span,
            message: message.into(),
            label: String::new(),
            also: Vec::new(),
            help: Vec::new(),
            path: String::new(),
        }
    }

    /// A warning at `span`.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(span, message) }
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

/// How rendered text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether it carries ANSI colours.
    pub colour: bool,
    /// How many characters an excerpt of the file may be wide, with the line's number before it.
    pub columns: usize,
}

impl Style {
    /// Without colour, as wide as where nothing says it.
    pub const PLAIN: Self = Self { colour: false, columns: 146 };
}

/// What stands left of an excerpt: the line's number and a bar.
const GUTTER: usize = 6;

/// An excerpt is no narrower than this, or it would show nothing.
const EXCERPT_MIN: usize = 34;

/// Everything wrong in one scenario file, in the file's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    path: String,
    text: String,
    list: Vec<Problem>,
    /// What is wrong in files that this one names.
    files: Vec<Problems>,
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
        Self { path: path.into(), text: text.to_owned(), list, files: Vec::new() }
    }

    /// The same, and what is wrong in other files that this one names.
    #[must_use]
    pub fn with_files(mut self, files: Vec<Problems>) -> Self {
        self.files.extend(files);
        self
    }

    /// The same, each with the path of its value.
    #[must_use]
    pub fn with_paths(mut self, tree: &Tree<'_>) -> Self {
        for problem in self.list.iter_mut().take(PROBLEMS_MAX) {
            problem.path = tree.path(&problem.span);
        }
        self
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0 || self.files.iter().any(Self::has_errors)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.files.iter().all(Self::is_empty)
    }

    /// The problems.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// The line and the column, in characters, of a problem; both from 1.
    pub fn line_and_column(&self, problem: &Problem) -> (usize, usize) {
        line_and_column(&self.text, problem.span.start)
    }

    /// The problems as a compiler shows them, and a last line that counts them, for each file.
    pub fn render(&self, style: Style) -> String {
        let own = if self.list.is_empty() { String::new() } else { self.render_own(style) };
        own + &self.files.iter().map(|file| file.render(style)).collect::<Vec<_>>().join("\n")
    }

    fn render_own(&self, style: Style) -> String {
        let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.term_width(style.columns.saturating_sub(GUTTER).max(EXCERPT_MIN));
        let mut text = String::new();
        for problem in self.list.iter().take(PROBLEMS_MAX) {
            text.push_str(&renderer.render(&[self.report(problem)]));
            text.push_str("\n\n");
        }
        let counted = [(Severity::Error, "error"), (Severity::Warning, "warning")].map(|(severity, noun)| {
            let count = self.count(severity);
            (count > 0).then(|| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }))
        });
        let counted: Vec<_> = counted.into_iter().flatten().collect();
        let shown = if self.list.len() > PROBLEMS_MAX {
            format!(", the first {PROBLEMS_MAX} are shown")
        } else {
            String::new()
        };
        text + &format!("{} in {}{shown}\n", counted.join(" and "), self.path)
    }

    fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|problem| problem.severity == severity).count()
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
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        level.primary_title(&problem.message).element(snippet).elements(path).elements(help)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::PLAIN))
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
