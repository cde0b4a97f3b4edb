//! A mistake in a scenario file, with its place and what would be right.
//!
//! All mistakes of a file are collected and shown together. Rendering is miette's; which part of which
//! file belongs to which mistake is decided here. Failed expectations are shown by [`super::in_place`].

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};

use super::source::Location;

/// How text for people is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With colours, for a terminal.
    Colored,
    /// Without colours, for files, logs and tests.
    Plain,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    code: &'static str,
    message: String,
    labels: Vec<(Location, String)>,
    help: Option<String>,
}

impl Diagnostic {
    /// A mistake at a place. `code` is a short kebab-case word for its kind, `message` a sentence that
    /// names what is wrong, `label` stands under the place itself.
    #[must_use]
    pub fn new(code: &'static str, at: &Location, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { code, message: message.into(), labels: vec![(at.clone(), label.into())], help: None }
    }

    /// Marks a second place that matters.
    #[must_use]
    pub fn and(mut self, at: &Location, label: impl Into<String>) -> Self {
        self.labels.push((at.clone(), label.into()));
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        let help = help.into();
        self.help = Some(match self.help {
            Some(before) => format!("{before}\n{help}"),
            None => help,
        });
        self
    }

    /// The kind of mistake, such as `unknown-key`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong, in one sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The place of the mistake.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.labels[0].0
    }

    /// The mistake inside its file, ready to print.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        let title = format!("scenario::{}", self.code);
        View::new(title, &self.message, &self.labels, self.help.as_deref().map(wrapped)).render(style)
    }
}

/// Everything that is wrong with one scenario: at least one mistake, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Sorts what was found; none if nothing was.
    #[must_use]
    pub fn of(mut found: Vec<Diagnostic>) -> Option<Self> {
        if found.is_empty() {
            return None;
        }
        found.sort_by_key(|one| {
            let at = one.location();
            (at.file.name.clone(), at.start, at.end)
        });
        Some(Self(found))
    }

    /// The mistakes.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// All mistakes inside their files and how many there are, ready to print.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        let mut text = String::new();
        for diagnostic in &self.0 {
            text.push_str(&diagnostic.render(style));
            text.push('\n');
        }
        let mut files: Vec<&str> = self.0.iter().map(|one| one.location().file.name.as_str()).collect();
        files.dedup();
        let count = self.0.len();
        text.push_str(&format!("{count} mistake{} in {}\n", if count == 1 { "" } else { "s" }, files.join(", ")));
        text
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::Plain))
    }
}

impl std::error::Error for Diagnostics {}

/// Breaks lines between words; miette would also break words at their hyphens, and ids are full of them.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 100;
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut current = String::new();
        for word in line.split(' ') {
            if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines.join("\n")
}

/// miette's view of labelled places: those of the first label's file, and one more view per other file.
#[derive(Debug)]
pub(super) struct View {
    title: String,
    message: String,
    help: Option<String>,
    severity: Severity,
    source: NamedSource<String>,
    labels: Vec<LabeledSpan>,
    elsewhere: Vec<View>,
}

impl View {
    pub(super) fn new(title: String, message: &str, labels: &[(Location, String)], help: Option<String>) -> Self {
        let file = &labels[0].0.file;
        let mut here = Vec::new();
        let mut elsewhere = Vec::new();
        for (at, label) in labels {
            if at.file == *file {
                let at = at.on_one_line();
                here.push(LabeledSpan::new(Some(label.clone()), at.start, at.end - at.start));
            } else {
                let mut view = Self::new(String::new(), "in the other file:", &[(at.clone(), label.clone())], None);
                view.severity = Severity::Advice;
                elsewhere.push(view);
            }
        }
        if let Some(first) = here.first_mut() {
            *first = LabeledSpan::new_primary_with_span(first.label().map(ToOwned::to_owned), *first.inner());
        }
        let source = NamedSource::new(&file.name, file.text.clone());
        Self { title, message: message.to_owned(), help, severity: Severity::Error, source, labels: here, elsewhere }
    }

    pub(super) fn render(&self, style: Style) -> String {
        let theme = match style {
            Style::Colored => GraphicalTheme::unicode(),
            Style::Plain => GraphicalTheme::unicode_nocolor(),
        };
        let mut text = String::new();
        GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_wrap_lines(false)
            .without_syntax_highlighting()
            .render_report(&mut text, self)
            .expect("a String takes all that is written to it");
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for View {}

impl miette::Diagnostic for View {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.title.is_empty()).then(|| Box::new(&self.title) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.elsewhere.iter().map(|view| view as &dyn miette::Diagnostic)))
    }
}
