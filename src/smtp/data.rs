//! The end of DATA, and the dots before it (RFC 5321 §4.1.1.4, §4.5.2).

use memchr::memchr_iter;

const CR: u8 = b'\r';
const LF: u8 = b'\n';

/// Decodes the text that follows DATA.
///
/// Only the exact bytes CR LF . CR LF end it, or . CR LF as its very beginning, whose CR LF was that of the DATA line.
/// A bare CR or a bare LF is a byte like any other and begins no line, so no server that thinks otherwise can be made
/// to see a second message here (SMTP smuggling). The first dot of a line is taken off; all else is kept as it came.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    /// Bytes of the line under way, without the dot that was taken off.
    line: usize,
    limit: usize,
    line_too_long: bool,
    bare_lf: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the beginning of a line.
    LineStart,
    /// Behind a dot at the beginning of a line. The dot is left out whatever follows.
    Dot,
    /// Behind `.` CR at the beginning of a line. The CR is not yet written.
    DotCr,
    /// In a line, behind a CR, which is written.
    Cr,
    /// Anywhere else in a line.
    Line,
}

/// How far [`Decoder::decode`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes used; less than given only behind the end.
    pub used: usize,
    /// The end was seen.
    pub finished: bool,
}

impl Decoder {
    /// A decoder right behind the DATA line. `limit` is the number of bytes that a line may have with its end.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { state: State::LineStart, line: 0, limit, line_too_long: false, bare_lf: false }
    }

    /// Whether a line was longer than the limit.
    #[must_use]
    pub const fn line_too_long(&self) -> bool {
        self.line_too_long
    }

    /// Whether a LF came that no CR was before.
    #[must_use]
    pub const fn bare_lf(&self) -> bool {
        self.bare_lf
    }

    /// Decodes the next bytes and appends what they say to `out`. The text is the same however it is split.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Decoded {
        let mut used = 0;
        while let Some(&first) = bytes.get(used) {
            match (self.state, first) {
                (State::LineStart, b'.') => (self.state, used) = (State::Dot, used + 1),
                (State::Dot, CR) => (self.state, used) = (State::DotCr, used + 1),
                (State::DotCr, LF) => return Decoded { used: used + 1, finished: true },
                (State::DotCr, _) => {
                    out.push(CR);
                    self.line = 1;
                    self.state = State::Cr;
                }
                _ => {
                    let run = self.run(&bytes[used..]);
                    out.extend_from_slice(&bytes[used..used + run]);
                    used += run;
                }
            }
        }
        Decoded { used, finished: false }
    }

    /// How many bytes are text as they stand: all, or those before a line that begins with a dot.
    fn run(&mut self, bytes: &[u8]) -> usize {
        let mut start = 0;
        for lf in memchr_iter(LF, bytes) {
            let behind_cr = if lf == 0 { self.state == State::Cr } else { bytes[lf - 1] == CR };
            if !behind_cr {
                self.bare_lf = true;
                continue;
            }
            self.count(lf + 1 - start);
            self.line = 0;
            start = lf + 1;
            if bytes.get(start) == Some(&b'.') {
                self.state = State::LineStart;
                return start;
            }
        }
        self.count(bytes.len() - start);
        self.state = match bytes.last() {
            _ if start == bytes.len() => State::LineStart,
            Some(&CR) => State::Cr,
            _ => State::Line,
        };
        bytes.len()
    }

    const fn count(&mut self, bytes: usize) {
        self.line = self.line.saturating_add(bytes);
        self.line_too_long |= self.line > self.limit;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a stream says: the text, and what is left behind its end if that was seen.
    fn decode(pieces: &[&[u8]]) -> (String, Option<String>) {
        let mut decoder = Decoder::new(1000);
        let mut out = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let decoded = decoder.decode(piece, &mut out);
            if decoded.finished {
                let rest = [&piece[decoded.used..], &pieces[index + 1..].concat()].concat();
                return (out.escape_ascii().to_string(), Some(rest.escape_ascii().to_string()));
            }
            assert_eq!(decoded.used, piece.len());
        }
        (out.escape_ascii().to_string(), None)
    }

    #[test]
    fn only_cr_lf_dot_cr_lf_ends_the_text() {
        for (wire, text, rest) in [
            (".\r\n", "", Some("")),
            (".\r\nQUIT\r\n", "", Some(r"QUIT\r\n")),
            ("a\r\n.\r\nb", r"a\r\n", Some("b")),
            ("\r\n.\r\n", r"\r\n", Some("")),
            ("a\r\n..\r\n.\r\n", r"a\r\n.\r\n", Some("")),
            ("..\r\n.\r\n", r".\r\n", Some("")),
            ("...\r\n.\r\n", r"..\r\n", Some("")),
            (".a\r\n.\r\n", r"a\r\n", Some("")),
            ("a.\r\n.\r\n", r"a.\r\n", Some("")),
            // What other servers have been made to take for the end, or for the end of a line.
            ("a\n.\r\nb\r\n.\r\n", r"a\n.\r\nb\r\n", Some("")),
            ("a\r\n.\nb\r\n.\r\n", r"a\r\n\nb\r\n", Some("")),
            ("a\r\n.\r\r\nb\r\n.\r\n", r"a\r\n\r\r\nb\r\n", Some("")),
            ("a\r.\r\nb\r\n.\r\n", r"a\r.\r\nb\r\n", Some("")),
            ("a\n.\nb\r\n.\r\n", r"a\n.\nb\r\n", Some("")),
            ("a\r.\rb\r\n.\r\n", r"a\r.\rb\r\n", Some("")),
            ("a\n\r.\r\nb\r\n.\r\n", r"a\n\r.\r\nb\r\n", Some("")),
            ("a\r\n.\rb\r\n.\r\n", r"a\r\n\rb\r\n", Some("")),
            ("a\r\r\n.\r\n", r"a\r\r\n", Some("")),
            ("a\r\n\0.\r\n.\r\n", r"a\r\n\x00.\r\n", Some("")),
            ("a\r\n.\0\r\n.\r\n", r"a\r\n\x00\r\n", Some("")),
            (".\n.\r\n\r\n.\r\n", r"\n.\r\n\r\n", Some("")),
            (".\r.\r\n.\r\n", r"\r.\r\n", Some("")),
            ("\n.\r\n", r"\n.\r\n", None),
            ("a\r\n.", r"a\r\n", None),
            ("a\r\n.\r", r"a\r\n", None),
        ] {
            let bytes = wire.as_bytes();
            let expected = (text.to_owned(), rest.map(str::to_owned));
            assert_eq!(decode(&[bytes]), expected, "{wire:?}");
            for split in 0..=bytes.len() {
                assert_eq!(decode(&[&bytes[..split], &bytes[split..]]), expected, "{wire:?} at {split}");
            }
            assert_eq!(decode(&bytes.chunks(1).collect::<Vec<_>>()), expected, "{wire:?} byte by byte");
        }
    }

    #[test]
    fn a_line_is_measured_from_cr_lf_to_cr_lf() {
        for (wire, too_long) in [
            ("12345678\r\n1234\r\n.\r\n", false),
            ("123456789\r\n.\r\n", true),
            (".12345678\r\n.\r\n", false),
            (".123456789\r\n.\r\n", true),
            ("1234\n1234\n12\r\n.\r\n", true),
            ("1\r\n12345678901", true),
            (".\r12345678\r\n", true),
            (".\r1234567\r\n", false),
        ] {
            for size in 1..=wire.len() {
                let mut decoder = Decoder::new(10);
                for piece in wire.as_bytes().chunks(size) {
                    decoder.decode(piece, &mut Vec::new());
                }
                assert_eq!(decoder.line_too_long(), too_long, "{wire:?} by {size}");
            }
        }
    }

    /// The definition, byte by byte: split at CR LF, take off dots, stop at the line that is a dot.
    fn defined(bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let mut rest = bytes;
        while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
            let line = &rest[..end];
            if line == b"." {
                return (out, true);
            }
            out.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            out.extend_from_slice(b"\r\n");
            rest = &rest[end + 2..];
        }
        (out, false)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn decoding_follows_the_definition(
            tokens in prop::collection::vec(prop::sample::select(vec!["\r\n", "\r", "\n", ".", "\0", "x", "\r\n."]), 0..40),
            size in 1_usize..9,
        ) {
            let bytes = tokens.concat().into_bytes();
            let (text, finished) = defined(&bytes);
            let mut decoder = Decoder::new(1000);
            let mut out = Vec::new();
            let mut seen = false;
            for piece in bytes.chunks(size) {
                seen = decoder.decode(piece, &mut out).finished;
                if seen {
                    break;
                }
            }
            prop_assert_eq!(seen, finished);
            let as_defined = if finished { out == text } else { out.starts_with(&text) };
            prop_assert!(as_defined);
        }
    }
}
