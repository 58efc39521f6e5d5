//! Texts with placeholders, filled in for one notification.

use std::fmt;

use crate::template::{Piece, pieces};

/// A text with placeholders, as `<{recipient}>: {diagnostic}`. `{{` and `}}` stand for the braces themselves.
///
/// Paragraphs that name the recipient, or what is known for each, are written once for each of them. A line all of whose
/// placeholders have nothing to say is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Vec<Part>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Value(Placeholder),
}

/// A value of a notification. Its name in a template is the variant's in kebab-case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// What a server said.
    Diagnostic,
    /// The host that reports.
    Host,
    /// The message's id.
    QueueId,
    /// Why, in the text's language.
    Reason,
    /// The recipient.
    Recipient,
    /// What to do, in the text's language.
    Remedy,
    /// When it would be given up.
    RetryUntil,
    /// The sender of the envelope.
    Sender,
    /// The status code.
    Status,
    /// The message's subject.
    Subject,
    /// What the recipient says who is away.
    Text,
    /// When the message came.
    Time,
}

impl Placeholder {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Diagnostic,
        Self::Host,
        Self::QueueId,
        Self::Reason,
        Self::Recipient,
        Self::Remedy,
        Self::RetryUntil,
        Self::Sender,
        Self::Status,
        Self::Subject,
        Self::Text,
        Self::Time,
    ];

    /// The name between the braces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Diagnostic => "diagnostic",
            Self::Host => "host",
            Self::QueueId => "queue-id",
            Self::Reason => "reason",
            Self::Recipient => "recipient",
            Self::Remedy => "remedy",
            Self::RetryUntil => "retry-until",
            Self::Sender => "sender",
            Self::Status => "status",
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Time => "time",
        }
    }
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// If a brace is left open or alone, or if a placeholder's name is unknown.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        text.trim_end().lines().map(line).collect::<Result<_, _>>().map(Self)
    }

    /// A template of nothing.
    pub(super) const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Its lines.
    pub(super) fn lines(&self) -> usize {
        self.0.len()
    }

    /// The placeholders used.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> + '_ {
        self.0.iter().flatten().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(placeholder) => Some(*placeholder),
        })
    }

    /// Fills it in for these recipients; `value` has the values for one of them.
    pub(in crate::notification) fn render(
        &self,
        recipients: &[usize],
        value: impl Fn(Placeholder, usize) -> String,
    ) -> String {
        let mut out = String::new();
        for paragraph in self.0.split_inclusive(Vec::is_empty) {
            let names = |part: &Part| *part == Part::Value(Placeholder::Recipient);
            let each = paragraph.iter().flatten().any(names);
            for &recipient in recipients.iter().take(if each { usize::MAX } else { 1 }) {
                for line in paragraph {
                    fill(line, &mut out, |placeholder| value(placeholder, recipient));
                }
            }
        }
        out
    }
}

impl Template {
    /// Fills in the one line of a subject or an address, whatever has a value.
    pub(in crate::notification) fn line(&self, value: impl Fn(Placeholder) -> String) -> String {
        let parts = self.0.iter().flatten();
        parts.fold(String::new(), |line, part| match part {
            Part::Text(text) => line + text,
            Part::Value(placeholder) => line + &value(*placeholder),
        })
    }
}

/// Appends a line, unless it has placeholders and none of them a value.
fn fill(line: &[Part], out: &mut String, value: impl Fn(Placeholder) -> String) {
    let start = out.len();
    let (mut asked, mut said) = (false, false);
    for part in line {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Value(placeholder) => {
                let value = value(*placeholder);
                asked = true;
                said |= !value.is_empty();
                out.push_str(&value);
            }
        }
    }
    if asked && !said {
        out.truncate(start);
    } else {
        out.push('\n');
    }
}

fn line(text: &str) -> Result<Vec<Part>, TemplateError> {
    let known = |name: &str| {
        let found = Placeholder::ALL.into_iter().find(|placeholder| placeholder.name() == name);
        found.ok_or_else(|| TemplateError::Unknown(name.to_owned()))
    };
    let part = |piece| match piece {
        Piece::Text(text) => Ok(Part::Text(text.into())),
        Piece::Name(name) => known(name).map(Part::Value),
    };
    pieces(text.trim_end()).map_err(|_| TemplateError::Brace)?.into_iter().map(part).collect()
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace alone.
    #[error("a brace is left open; write {{{{ or }}}} for the character itself")]
    Brace,
    /// There is no such placeholder.
    #[error("there is no placeholder {{{0}}}; there are {known}", known = known())]
    Unknown(String),
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.name())
    }
}

fn known() -> String {
    Placeholder::ALL.map(|placeholder| placeholder.to_string()).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        let value = |placeholder: Placeholder, recipient: usize| match placeholder {
            Placeholder::Recipient => format!("r{recipient}"),
            Placeholder::Reason => String::new(),
            other => other.name().to_owned(),
        };
        Template::parse(text).unwrap().render(&[0, 2], value)
    }

    #[test]
    fn a_paragraph_with_the_recipient_is_written_for_each() {
        assert_eq!(
            rendered("At {host} {{x}}\n\n<{recipient}>:\n{diagnostic}\n\nbye\n"),
            "At host {x}\n\n<r0>:\ndiagnostic\n\n<r2>:\ndiagnostic\n\nbye\n"
        );
    }

    #[test]
    fn a_line_that_has_nothing_to_say_is_left_out() {
        assert_eq!(rendered("a\nwhy: {reason}\n{reason}{host}\n\nb"), "a\nhost\n\nb\n");
    }

    #[test]
    fn a_wrong_template_is_explained() {
        assert_eq!(Template::parse("a {host"), Err(TemplateError::Brace));
        let error = Template::parse("{helo}").unwrap_err().to_string();
        assert!(error.starts_with("there is no placeholder {helo}; there are {diagnostic} {host}"), "{error}");
    }
}
