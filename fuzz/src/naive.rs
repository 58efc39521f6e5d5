//! The definitions, written as plainly as they read.

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

/// Command lines: each without its end and whether that is a bare LF, nothing for one that is too long; and what is
/// left.
#[must_use]
pub fn lines(stream: &[u8], limit: usize) -> (Vec<Option<(Vec<u8>, bool)>>, Vec<u8>) {
    let mut all: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    let rest = all.pop().unwrap_or_default();
    let whole = |line: &&[u8]| {
        let stripped = line.strip_suffix(b"\r");
        (line.len() < limit).then(|| (stripped.unwrap_or(line).to_vec(), stripped.is_none()))
    };
    (all.iter().map(whole).collect(), rest.to_vec())
}
