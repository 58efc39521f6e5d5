//! What is wrong with a settings file or a pack, said with file, line and a caret.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A text that was loaded, kept to point into it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The file, as it was named.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Built in.
    Default,
    /// Bytes of a file.
    File(Arc<Source>, Range<usize>),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(String),
}

impl Place {
    /// The line in the file, from 1; 0 where there is no file.
    #[must_use]
    pub fn line(&self) -> usize {
        match self {
            Self::File(source, span) => 1 + source.text[..span.start.min(source.text.len())].matches('\n').count(),
            _ => 0,
        }
    }

    /// The byte of the file where it begins; nothing where there is no file.
    #[must_use]
    pub fn start(&self) -> Option<usize> {
        match self {
            Self::File(_, span) => Some(span.start),
            _ => None,
        }
    }

    /// What problems are sorted by: files first, and within a file from top to bottom.
    #[must_use]
    pub fn order(&self) -> impl Ord + use<'_> {
        match self {
            Self::File(source, span) => (0, source.name.as_str(), span.start),
            Self::Variable(name) => (1, name.as_str(), 0),
            Self::Flag(name) => (2, name.as_str(), 0),
            Self::Default => (3, "", 0),
        }
    }

    /// The file's name, or the variable's, or the flag's.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Default => "built in",
            Self::File(source, _) => &source.name,
            Self::Variable(name) | Self::Flag(name) => name,
        }
    }
}

/// `mockmx.toml:12`, `MOCKMX_SMTP`, `--smtp`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(..) => write!(f, "{}:{}", self.name(), self.line()),
            _ => f.write_str(self.name()),
        }
    }
}

/// Something that stops a settings file or a pack from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong: lower case, no full stop.
    pub text: String,
    /// Where.
    pub place: Place,
    /// What to do about it, if that is not plain.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place.
    #[must_use]
    pub fn new(place: &Place, text: impl Into<String>) -> Self {
        Self { text: text.into(), place: place.clone(), help: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Draws it as rustc draws its errors, with the line and a caret where it has a file.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        let title = match &self.place {
            Place::File(..) | Place::Default => self.text.clone(),
            Place::Variable(name) | Place::Flag(name) => format!("{name}: {}", self.text),
        };
        let mut group = match &self.place {
            Place::File(source, span) => {
                let end = span.end.min(source.text.len());
                let start = span.start.min(end);
                // The caret of something long marks its first line, not everything below.
                let end = source.text[start..end].find('\n').map_or(end, |line| start + line);
                let caret = AnnotationKind::Primary.span(start..end);
                let snippet = Snippet::source(source.text.as_str()).path(source.name.as_str()).annotation(caret);
                Level::ERROR.primary_title(title).element(snippet)
            }
            _ => Group::with_title(Level::ERROR.primary_title(title)),
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

/// `mockmx.toml:12: text`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// All the problems found while loading, never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// `value` if nothing was found, else what was found, in order.
    ///
    /// # Errors
    /// If there is a problem.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self.sorted()) }
    }

    /// In the order in which people look: file by file, from top to bottom.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.0.sort_by(|a, b| a.place.order().cmp(&b.place.order()));
        self
    }
}

impl std::error::Error for Problems {}

/// A line each.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
