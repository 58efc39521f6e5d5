//! What is wrong with a settings file or a pack, said with file, line and a caret.

use std::borrow::Cow;
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
    /// A value in JSON, by its JSON Pointer (RFC 6901).
    Pointer(String),
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
            Self::Pointer(pointer) => (3, pointer.as_str(), 0),
            Self::Default => (4, "", 0),
        }
    }

    /// The file's name, or the variable's, or the flag's, or the pointer.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Default => "built in",
            Self::File(source, _) => &source.name,
            Self::Pointer(pointer) if pointer.is_empty() => "/",
            Self::Variable(name) | Self::Flag(name) | Self::Pointer(name) => name,
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
        let title = without_passwords(&self.text);
        let title = match &self.place {
            Place::File(..) | Place::Default => title.into_owned(),
            Place::Variable(name) | Place::Flag(name) | Place::Pointer(name) => format!("{name}: {title}"),
        };
        let mut group = match &self.place {
            Place::File(source, span) => {
                let end = span.end.min(source.text.len());
                let start = span.start.min(end);
                // The caret of something long marks its first line, not everything below.
                let end = source.text[start..end].find('\n').map_or(end, |line| start + line);
                let caret = AnnotationKind::Primary.span(start..end);
                let snippet =
                    Snippet::source(without_passwords(&source.text)).path(source.name.as_str()).annotation(caret);
                Level::ERROR.primary_title(title).element(snippet)
            }
            _ => Group::with_title(Level::ERROR.primary_title(title)),
        };
        if let Some(help) = &self.help {
            // Unlike a title and a line of a file, it is drawn as it is, for it may be coloured.
            let help = help.replace(|c: char| c.is_control() && c != '\n', "\u{FFFD}");
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }
}

/// `mockmx.toml:12: text`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, without_passwords(&self.text))
    }
}

/// The text with stars in place of the passwords in URLs, each byte for byte so that spans stay right. A problem draws
/// whole lines, whatever else stands in them.
fn without_passwords(text: &str) -> Cow<'_, str> {
    let mut hidden = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        // What is no URL is hidden rather too often than not at all: up to the line's last `@`.
        if let Some((scheme, rest)) = line.split_once("://")
            && let Some((user, rest)) = rest.split_once(':')
            && let Some(password) = rest.rfind('@')
        {
            let begin = start + scheme.len() + user.len() + "://:".len();
            hidden.push(begin..begin + password);
        }
        if line.contains("://")
            && let Some((before, rest)) = line.split_once("password=")
        {
            let begin = start + before.len() + "password=".len();
            let end = rest.find(['&', '"', '\'', '\n']).unwrap_or(rest.len());
            hidden.push(begin..begin + end);
        }
        start += line.len();
    }
    if hidden.is_empty() {
        return Cow::Borrowed(text);
    }
    let bytes = text.bytes().enumerate();
    let bytes = bytes.map(|(at, byte)| if hidden.iter().any(|span| span.contains(&at)) { b'*' } else { byte });
    // Whole characters are replaced, for each span begins and ends beside one of ASCII.
    Cow::Owned(String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, marked: &str) -> Place {
        let start = text.find(marked).unwrap();
        let source = Source { name: "mockmx.toml".to_owned(), text: text.to_owned() };
        Place::File(Arc::new(source), start..start + marked.len())
    }

    #[test]
    fn a_password_in_a_url_is_not_drawn() {
        for line in [
            "journal = \"postgres://u:sécret@db/mail\"",
            "journal = \"postgres://u:s/cr:e@cret@db/mail",
            "jurnal = 'postgresql://db/mail?user=u&password=secret&port=5'",
        ] {
            let text = format!("a = 1\n{line}\nhttp = \"a@b\"\n");
            let problem = Problem::new(&place(&text, line), format!("`{line}` is wrong"));
            for shown in [problem.render(false), problem.to_string()] {
                assert!(!shown.contains("cret") && shown.contains("***") && shown.contains("u"), "{shown}");
            }
            assert_eq!(without_passwords(&text).len(), text.len());
        }
        assert_eq!(without_passwords("http://a/b, c@d: e"), "http://a/b, c@d: e");
    }

    #[test]
    fn a_place_is_named_by_its_line_its_variable_or_its_flag() {
        assert_eq!(place("a = 1\nb = 2\n", "2").to_string(), "mockmx.toml:2");
        assert_eq!(place("a = 1", "a").line(), 1);
        assert_eq!(Place::Variable("MOCKMX_SMTP".to_owned()).to_string(), "MOCKMX_SMTP");
        assert_eq!(Place::Flag("--smtp".to_owned()).to_string(), "--smtp");
        assert_eq!((Place::Default.to_string(), Place::Default.line()), ("built in".to_owned(), 0));
    }

    #[test]
    fn a_caret_stands_under_the_mistake_also_behind_chinese() {
        let problem = Problem::new(&place("name = \"企业\"; x = 5\n", "x"), "there is no key `x` here");
        let wanted = "\
error: there is no key `x` here
 --> mockmx.toml:1:14
  |
1 | name = \"企业\"; x = 5
  |                ^
  |
  = help: take it out";
        assert_eq!(problem.help("take it out").render(false), wanted);
    }

    #[test]
    fn only_the_first_line_of_a_long_mistake_is_marked() {
        let text = "list = [\n  1,\n  2,\n]\n";
        let drawn = Problem::new(&place(text, "[\n  1,\n  2,\n]"), "too short").render(false);
        assert!(drawn.ends_with("1 | list = [\n  |        ^"), "{drawn}");
    }

    #[test]
    fn a_span_beyond_the_text_is_drawn_at_its_end() {
        let source = Arc::new(Source { name: "a.toml".to_owned(), text: "x".to_owned() });
        for span in [5..9, 1..1, 0..100] {
            let problem = Problem::new(&Place::File(source.clone(), span), "cut off");
            assert!(problem.render(false).contains("--> a.toml:1:"));
            assert_eq!(problem.place.line(), 1);
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_drawn_as_something_else() {
        let hostile = "x = \"\u{1b}[31m\"";
        let problem = Problem::new(&place(hostile, "x"), "bad \u{1b}[31m value").help("not \u{1b}[2J that");
        assert!(!problem.render(false).contains('\u{1b}'));
    }

    #[test]
    fn problems_come_in_the_order_of_files_lines_variables_and_flags() {
        let text = "a\nb\nc";
        let mut places =
            [Place::Flag("--b".to_owned()), place(text, "c"), Place::Variable("A".to_owned()), place(text, "a")];
        places.sort_by(|one, other| one.order().cmp(&other.order()));
        assert_eq!(places.map(|place| place.to_string()), ["mockmx.toml:1", "mockmx.toml:3", "A", "--b"]);
    }
}
