//! SMTP replies (RFC 5321 §4.2), kept to the byte.

use std::fmt;

/// A reply: a code and one or more lines of text.
///
/// The text is everything after the code and one separator, so `598  mail` (two spaces, as 263 sends it) keeps its
/// second space. Any code of three digits from 200 to 599 is taken: real servers send 560 and 598.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// A reply of one line.
    #[must_use]
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, lines: vec![text.into()] }
    }

    /// A reply of several lines; none makes one empty line.
    #[must_use]
    pub fn with_lines(code: u16, mut lines: Vec<String>) -> Self {
        if lines.is_empty() {
            lines.push(String::new());
        }
        Self { code, lines }
    }

    /// Parses `554 text`; a line break in the text makes the next line of a multi-line reply.
    ///
    /// # Errors
    /// If the code is not three digits from 200 to 599, if it is not followed by a space or the end, or if the text
    /// has a control character.
    pub fn parse(text: &str) -> Result<Self, ReplyError> {
        let (code, rest) = text.split_at_checked(3).ok_or(ReplyError::Code)?;
        let code = match code.as_bytes() {
            [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] => code.parse().map_err(|_| ReplyError::Code)?,
            _ => return Err(ReplyError::Code),
        };
        let text = match rest.strip_prefix(' ') {
            Some(text) => text,
            None if rest.is_empty() => "",
            None => return Err(ReplyError::Separator),
        };
        let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        match lines.iter().flat_map(|line| line.chars()).find(|c| c.is_control()) {
            Some(control) => Err(ReplyError::Control(control)),
            None => Ok(Self { code, lines }),
        }
    }

    /// The three digits.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The lines of text, without code and separator.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Whether the code is of class 2 or 3.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        self.code < 400
    }

    /// The reply as it goes over the wire; see [`write_to`](Self::write_to).
    #[must_use]
    pub(crate) fn to_wire(&self) -> String {
        let mut out = Vec::new();
        self.write_to(&mut out);
        // It is made of text.
        String::from_utf8(out).unwrap_or_default()
    }

    /// Appends the reply as it goes over the wire. A control character in a line, which only a hostile value filled
    /// into a template could bring, goes out as `?`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let last = self.lines.len() - 1;
        let code = [self.code / 100 % 10, self.code / 10 % 10, self.code % 10].map(|digit| b'0' + digit as u8);
        for (index, line) in self.lines.iter().enumerate() {
            out.extend_from_slice(&code);
            out.push(if index == last { b' ' } else { b'-' });
            if line.contains(char::is_control) {
                out.extend_from_slice(line.replace(char::is_control, "?").as_bytes());
            } else {
                out.extend_from_slice(line.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// The reply on one line, its lines joined by ` / `.
impl Reply {
    /// As [`parse`](Self::parse) reads it: lines are separated by LF.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.join("\n"))
    }

    /// As packs and stubs write a reply without placeholders.
    #[must_use]
    pub fn template(&self) -> String {
        self.text().replace('{', "{{").replace('}', "}}")
    }
}

/// In one line, for people.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.lines.join(" / "))
    }
}

/// Why a text is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// It does not begin with a code.
    #[error("a reply begins with a code of three digits from 200 to 599")]
    Code,
    /// The code is not followed by a space.
    #[error("the code of a reply is followed by a space")]
    Separator,
    /// A control character.
    #[error("a reply cannot hold the control character {0:?}")]
    Control(char),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write_to(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_reply_is_kept_to_the_byte() {
        for text in ["598  mail rejected by keyword", "550 Error:Message content reject", "560 x", "250 ", "554 中文"]
        {
            assert_eq!(wire(&Reply::parse(text).unwrap()), format!("{text}\r\n"));
        }
        assert_eq!(wire(&Reply::parse("421 one\ntwo").unwrap()), "421-one\r\n421 two\r\n");
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for (text, error) in [
            ("", ReplyError::Code),
            ("99 x", ReplyError::Code),
            ("600 x", ReplyError::Code),
            ("5５0 x", ReplyError::Code),
            ("550-x", ReplyError::Separator),
            ("550 a\rb", ReplyError::Control('\r')),
        ] {
            assert_eq!(Reply::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_hostile_value_cannot_end_the_line() {
        assert_eq!(wire(&Reply::new(550, "a\r\n250 b")), "550 a??250 b\r\n");
    }
}
