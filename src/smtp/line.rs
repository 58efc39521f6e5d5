//! The bytes that have come and were not yet looked at, and how they are cut into command lines.
//!
//! A command line ends with LF, with or without a CR before it: somebody at `nc` sends bare LFs, and Postfix takes
//! them as well. Nothing can be smuggled by that, because inside of DATA another decoder reads, for which only CR LF
//! . CR LF is the end: no byte of a message ever reaches this one.

use memchr::memchr;

const LF: u8 = b'\n';

/// Bytes not yet looked at.
#[derive(Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    /// Where the bytes not yet looked at begin.
    start: usize,
    /// The line under way is too long: everything up to its end is thrown away.
    overlong: bool,
    /// The latest line ended with a bare LF.
    bare_lf: bool,
}

/// A command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// All of it, without its end.
    Whole(Vec<u8>),
    /// It was longer than the limit and is gone.
    TooLong,
}

impl Input {
    /// Adds bytes at the end.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes not yet looked at.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Whether [`rest`](Self::rest) begins with the beginning of a line.
    pub(crate) const fn at_line_start(&self) -> bool {
        !self.overlong
    }

    /// Marks bytes as looked at. An idle session keeps no buffer.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.bytes.len().min(self.start + count);
        if self.start == self.bytes.len() {
            self.bytes = Vec::new();
            self.start = 0;
        }
    }

    /// Whether the latest line ended with a bare LF.
    pub(crate) const fn bare_lf(&self) -> bool {
        self.bare_lf
    }

    /// Forgets everything, also the beginning of a line.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the next line, once its end has come. It may be `limit` bytes long with its end.
    pub(crate) fn line(&mut self, limit: usize) -> Option<Line> {
        let rest = self.rest();
        let Some(end) = memchr(LF, rest) else {
            let length = rest.len();
            if self.overlong || length >= limit {
                self.overlong = true;
                self.consume(length);
            }
            return None;
        };
        let line = if std::mem::take(&mut self.overlong) || end >= limit {
            Line::TooLong
        } else {
            let line = &self.rest()[..end];
            let stripped = line.strip_suffix(b"\r");
            let whole = stripped.unwrap_or(line).to_vec();
            self.bare_lf = stripped.is_none();
            Line::Whole(whole)
        };
        self.consume(end + 1);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &mut Input, limit: usize) -> Vec<Line> {
        std::iter::from_fn(|| input.line(limit)).collect()
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.into())
    }

    #[test]
    fn a_line_ends_with_lf_or_cr_lf() {
        let mut input = Input::default();
        input.push(b"a\r\nb\nc\r\r\n\r\n\nd");
        assert_eq!(lines(&mut input, 99), [whole("a"), whole("b"), whole("c\r"), whole(""), whole("")]);
        assert_eq!(input.rest(), b"d");
        input.push(b"e\r\n");
        assert_eq!(lines(&mut input, 99), [whole("de")]);
        assert_eq!(input.bytes.capacity(), 0);
    }

    #[test]
    fn a_line_of_exactly_the_limit_passes_however_it_comes() {
        for text in ["12345678\r\n", "123456789\r\n", "123456789\n", "1234567890\n", "123456789012345\r\n"] {
            for split in 0..text.len() {
                let mut input = Input::default();
                input.push(&text.as_bytes()[..split]);
                assert_eq!(input.line(10), None);
                input.push(&text.as_bytes()[split..]);
                input.push(b"next\n");
                let first = if text.len() <= 10 { whole(text.trim_end()) } else { Line::TooLong };
                assert_eq!(lines(&mut input, 10), [first, whole("next")], "{text:?} at {split}");
            }
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut input = Input::default();
        input.push(b"a line before it\r\n");
        input.push(&[b'x'; 1000]);
        assert_eq!(input.line(100), Some(whole("a line before it")));
        for _ in 0..1000 {
            input.push(&[b'x'; 1000]);
            assert_eq!(input.line(100), None);
            assert!(input.rest().len() < 100);
        }
        input.push(b"\r\n");
        assert_eq!(input.line(100), Some(Line::TooLong));
    }
}
