//! The definitions, written as plainly as they read.

use mockmx::escape::Escaped;

/// What follows DATA (RFC 5321 §4.5.2).
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    pub text: Vec<u8>,
    /// Bytes up to the end; nothing if it has not come.
    pub end: Option<usize>,
    pub too_long: bool,
    pub bare_lf: bool,
}

/// Splits at CR LF, takes the first dot off each line, and stops at the line that is a dot.
#[must_use]
pub fn data(wire: &[u8], limit: usize) -> Text {
    let (mut text, mut too_long) = (Vec::new(), false);
    let mut at = 0;
    let mut end = None;
    while let Some(length) = wire[at..].windows(2).position(|two| two == b"\r\n") {
        let line = &wire[at..at + length];
        at += length + 2;
        if line == b"." {
            end = Some(at);
            break;
        }
        let line = line.strip_prefix(b".").unwrap_or(line);
        too_long |= line.len() + 2 > limit;
        text.extend_from_slice(line);
        text.extend_from_slice(b"\r\n");
    }
    if end.is_none() {
        // What may yet be the end is held back.
        let line = &wire[at..];
        let line = if line == b".\r" { b"" } else { line.strip_prefix(b".").unwrap_or(line) };
        too_long |= line.len() > limit;
        text.extend_from_slice(line);
    }
    let seen = &wire[..end.unwrap_or(wire.len())];
    let bare_lf = seen.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || seen[at - 1] != b'\r'));
    Text { text, end, too_long, bare_lf }
}

/// A command line without its end, and whether that is a bare LF.
pub type Line = (Vec<u8>, bool);

/// Command lines, nothing for one that is too long; and what is left.
#[must_use]
pub fn lines(stream: &[u8], limit: usize) -> (Vec<Option<Line>>, Vec<u8>) {
    let mut all: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    let rest = all.pop().unwrap_or_default();
    let whole = |line: &&[u8]| {
        let stripped = line.strip_suffix(b"\r");
        (line.len() < limit).then(|| (stripped.unwrap_or(line).to_vec(), stripped.is_none()))
    };
    (all.iter().map(whole).collect(), rest.to_vec())
}

/// A value on one line: its words, without what is not seen in them.
#[must_use]
pub fn one_line(text: &str) -> String {
    // What is not seen is what a log escapes.
    let seen = |c: &char| *c == '\\' || !Escaped(c.encode_utf8(&mut [0; 4])).to_string().starts_with('\\');
    let words = text.split(|c: char| c.is_whitespace() || c < ' ').map(|word| word.chars().filter(seen).collect());
    words.filter(|word: &String| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The fields of a section that ends with CR LF: each with its value, unfolded. Only a subject may be empty.
#[must_use]
pub fn fields(section: &[u8]) -> Vec<(String, String)> {
    let section = std::str::from_utf8(section).expect("fields are UTF-8");
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in section.split_terminator("\r\n") {
        assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "a control character: {line:?}");
        assert!(line.len() <= 998, "{} bytes in a line", line.len());
        assert!(!line.trim().is_empty(), "a line of blanks: {section:?}");
        if line.starts_with([' ', '\t']) {
            fields.last_mut().expect("no first line goes on with another one").1.push_str(line);
        } else {
            let (name, value) = line.split_once(':').expect("a line is a field");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{name:?} is no name");
            assert!(name == "Subject" || !value.trim().is_empty(), "{name} says nothing");
            fields.push((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()));
        }
    }
    fields
}

/// The header section, which ends with its last line, and what follows the empty line.
#[must_use]
pub fn head(raw: &[u8]) -> (&[u8], &[u8]) {
    let at = find(raw, b"\r\n\r\n").expect("an empty line follows the header");
    (&raw[..at + 2], &raw[at + 4..])
}

/// Where that is first.
#[must_use]
pub fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|here| here == what)
}
