//! The mail that failed as the bounce returns it, byte for byte.

use std::fmt;
use std::sync::{Arc, LazyLock};

use mail_parser::{Encoding, Message, MessagePart, MimeHeaders, PartType};
use regex::bytes::Regex;

use crate::brought::raw_body;

/// How far the lines behind a mark go on about the copy, as Exim's do.
const MOST_ABOUT: usize = 5;

/// A mail that came back.
#[derive(Clone, PartialEq, Eq)]
pub struct Returned {
    /// It, as far as it came back.
    pub bytes: Arc<[u8]>,
    /// How far that is.
    pub extent: Extent,
    /// It has addresses or fields that need SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
}

/// How much of a mail came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Its beginning.
    Cut,
    /// Its header.
    Header,
}

/// The bytes are many.
impl fmt::Debug for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Returned({:?}, {} bytes)", self.extent, self.bytes.len())
    }
}

/// What precedes a copy in a text that has the bytes of the mail behind it.
static MARK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let marks = [
        "--- Below this line is a copy of the message",
        "------ This is a copy of",
        r"-+ ?Original message ?-+",
        "Original message headers:",
        r"-+ ?Message header follows",
    ];
    Regex::new(&format!(r"(?im)^(?:{})[^\r\n]*\r?\n", marks.join("|"))).ok()
});

/// What stands where a copy was cut off.
const TRUNCATED: &[u8] = b"----- Message truncated -----";

/// The mail that a bounce returns as a part of its own.
pub(super) fn of_part(mail: &Message<'_>, part: &MessagePart<'_>) -> Option<Returned> {
    let subtype = part.content_type().and_then(|of| of.subtype()).unwrap_or_default().to_ascii_lowercase();
    let extent = if subtype.ends_with("headers") { Extent::Header } else { Extent::Whole };
    // Of a text that is not encoded the parser would hand out what it takes its characters for.
    let bytes = if part.encoding == Encoding::None { raw_body(mail, part)? } else { part.contents() };
    Some(Returned { bytes: bytes.into(), extent, smtputf8: subtype.starts_with("global") })
}

/// The mail that stands behind the text of a bounce, whose bytes are known if they are not encoded.
pub(super) fn behind_text(mail: &Message<'_>) -> Option<Returned> {
    let is_text = |part: &MessagePart<'_>| matches!(part.body, PartType::Text(_));
    let text = mail.text_part(0).filter(|part| is_text(part) && part.encoding == Encoding::None)?;
    behind_mark(raw_body(mail, text)?)
}

/// The mail that stands behind a mark.
pub(super) fn behind_mark(text: &[u8]) -> Option<Returned> {
    let mark = MARK.as_ref()?.find(text)?;
    let said = mark.as_bytes().to_ascii_lowercase();
    let says = |words: &str| memchr::memmem::find(&said, words.as_bytes()).is_some();
    let is_header = says("header") && !says("including all the headers");
    let mut extent = if is_header { Extent::Header } else { Extent::Whole };
    let mut rest = &text[mark.end()..];
    for _ in 0..MOST_ABOUT {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let line = &rest[..end];
        if line.starts_with(b"------ ") {
            extent = Extent::Cut;
        } else if end == 0 || !line.trim_ascii().is_empty() {
            break;
        }
        rest = &rest[end..];
    }
    if let Some(at) = memchr::memmem::find(rest, TRUNCATED) {
        (rest, extent) = (&rest[..at], Extent::Cut);
    }
    // Indented, it is not as it was; and a mail begins with the name of a field.
    let name = rest.split(|byte| *byte == b':').next().unwrap_or_default();
    let is_mail = name.len() < rest.len() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_mail.then(|| Returned { bytes: rest.into(), extent, smtputf8: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(text: &str) -> Option<(String, Extent)> {
        let returned = behind_mark(text.as_bytes())?;
        Some((String::from_utf8(returned.bytes.to_vec()).unwrap(), returned.extent))
    }

    #[test]
    fn what_stands_behind_a_text_is_taken_as_it_is() {
        let mail = "From: a@b\r\n\r\n.\n\nx\r\n";
        for (mark, extent) in [
            ("--- Below this line is a copy of the message.\n\n", Extent::Whole),
            ("------ This is a copy of the message, including all the headers. ------\r\n\r\n", Extent::Whole),
            ("------ This is a copy of the message's headers. ------\n\n", Extent::Header),
            (
                "------ This is a copy of the message, including all the headers. ------\n\
              ------ The body of the message is 5000 characters long; only the first\n\
              ------ 100 or so are included here.\n\n",
                Extent::Cut,
            ),
            ("Original message headers:\r\n\r\n", Extent::Header),
            ("----- Original message -----\n\n", Extent::Whole),
        ] {
            assert_eq!(behind(&format!("x\n{mark}{mail}")), Some((mail.to_owned(), extent)), "{mark}");
        }
        let cut = format!("----- Original message -----\n\n{mail}----- Message truncated -----\nx");
        assert_eq!(behind(&cut), Some((mail.to_owned(), Extent::Cut)));
        for text in ["", "Original message headers:", "Original message headers:\n\n   From: x", "From: a\n\nb"] {
            assert_eq!(behind(text), None, "{text}");
        }
        assert_eq!(behind("----- Original message -----\nDear all: hello\n"), None);
    }
}
