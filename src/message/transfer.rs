//! Content-Transfer-Encoding (RFC 2045 §6), read as leniently as mail programs read it.
//!
//! The decoders of libraries refuse what they find malformed. Mail programs show it, and so must what judges it: a byte
//! that does not belong is skipped, and what is cut off is used as far as it goes.

use std::borrow::Cow;

/// A transfer encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Transfer {
    /// 7bit, 8bit, binary, or unknown.
    #[default]
    Identity,
    Base64,
    QuotedPrintable,
}

impl Transfer {
    /// The encoding that a field's value names.
    pub(super) fn named(value: &str) -> Self {
        let name = value.split(|c: char| c.is_whitespace() || c == ';' || c == '(').find(|word| !word.is_empty());
        match name.map(|name| name.trim_matches('"').to_ascii_lowercase()).as_deref() {
            Some("base64") => Self::Base64,
            Some("quoted-printable") => Self::QuotedPrintable,
            _ => Self::Identity,
        }
    }

    /// Its name, if something is done to the bytes.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Base64 => Some("base64"),
            Self::QuotedPrintable => Some("quoted-printable"),
        }
    }

    /// Decodes up to `limit` bytes; says whether that was all.
    pub(super) fn decode(self, bytes: &[u8], limit: usize) -> (Cow<'_, [u8]>, bool) {
        match self {
            Self::Identity => (bytes[..bytes.len().min(limit)].into(), bytes.len() <= limit),
            Self::Base64 => {
                let (out, all) = base64(bytes, limit);
                (out.into(), all)
            }
            Self::QuotedPrintable => {
                let (out, all) = quoted_printable(bytes, limit);
                (out.into(), all)
            }
        }
    }
}

/// Decodes base64. Padding ends a quantum, not the text.
pub(super) fn base64(bytes: &[u8], limit: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity((bytes.len() / 4 * 3 + 3).min(limit));
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in bytes {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                (bits, count) = (0, 0);
                continue;
            }
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            if out.len() == limit {
                return (out, false);
            }
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    (out, true)
}

/// Decodes quoted-printable. An equals sign that quotes nothing stands for itself.
pub(super) fn quoted_printable(bytes: &[u8], limit: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(bytes.len().min(limit));
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        if out.len() == limit {
            return (out, false);
        }
        rest = tail;
        if *first != b'=' {
            out.push(*first);
        } else if let Some(byte) = hex_pair(tail) {
            out.push(byte);
            rest = &tail[2..];
        } else {
            match soft_break(tail) {
                Some(length) => rest = &tail[length..],
                None => out.push(b'='),
            }
        }
    }
    (out, true)
}

/// The byte that two hexadecimal digits at the start of `bytes` stand for.
pub(super) fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let [high, low, ..] = bytes else { return None };
    Some(digit(*high)? << 4 | digit(*low)?)
}

/// The length of the white space and the line end that follow an equals sign. White space is bounded, as lines are.
fn soft_break(bytes: &[u8]) -> Option<usize> {
    let blank = bytes.iter().take(998).take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    match bytes.get(blank) {
        Some(b'\n') => Some(blank + 1),
        None => Some(blank),
        Some(_) => None,
    }
}

/// Decodes the lines of a uuencoded file, from the line after `begin`; says how many bytes they take, with `end`.
pub(super) fn uuencoded(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        at += line.len();
        let Some((first, groups)) = text.split_first() else { break };
        if text == b"end" {
            break;
        }
        let length = usize::from(first.wrapping_sub(b' ') & 0x3f);
        if !(b' '..=b'`').contains(first) || groups.len() > 90 {
            break;
        }
        let start = out.len();
        for group in groups.chunks(4) {
            let value = |at: usize| u32::from(group.get(at).map_or(0, |byte| byte.wrapping_sub(b' ') & 0x3f));
            let bits = value(0) << 18 | value(1) << 12 | value(2) << 6 | value(3);
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
        out.truncate(start + length);
    }
    (out, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_encodings() {
        assert_eq!(Transfer::named(" BASE64 "), Transfer::Base64);
        assert_eq!(Transfer::named("quoted-printable; x"), Transfer::QuotedPrintable);
        assert_eq!(Transfer::named("8bit"), Transfer::Identity);
        assert_eq!(Transfer::named(""), Transfer::Identity);
    }

    #[test]
    fn base64_skips_what_does_not_belong() {
        for text in ["aGVsbG8=", "aGVs\r\nbG8", "a*G V-sbG8===", "aGVs\0bG8"] {
            assert_eq!(base64(text.as_bytes(), 100), (b"hello".to_vec(), true), "{text}");
        }
        assert_eq!(base64(b"aGU=bGxv", 100).0, b"hello");
        assert_eq!(base64(b"aGVsbG8=", 3), (b"hel".to_vec(), false));
        assert_eq!(base64(b"aGVsbG8=", 5), (b"hello".to_vec(), true));
    }

    #[test]
    fn quoted_printable_keeps_what_quotes_nothing() {
        for (text, decoded) in [
            ("a=3Db", "a=b"),
            ("a=\r\nb", "ab"),
            ("a= \t\nb", "ab"),
            ("a=zb=", "a=zb"),
            ("=e4=BB=a3", "代"),
            ("a=3", "a=3"),
        ] {
            assert_eq!(quoted_printable(text.as_bytes(), 100).0, decoded.as_bytes(), "{text}");
        }
        assert_eq!(quoted_printable(b"a=3Db", 2), (b"a=".to_vec(), false));
    }

    #[test]
    fn uuencoded_lines() {
        let (bytes, length) = uuencoded(b"#0V%T\n`\nend\nrest");
        assert_eq!((bytes.as_slice(), length), (b"Cat".as_slice(), 12));
    }
}
