//! The charset in which a reply goes out.
//!
//! ```toml
//! reply = "550 <{recipient}>: 用户不存在"
//! charset = "GB18030"                   # a name that browsers know too
//! raw = "550 \u00d3\u00c3\r\n"
//! charset = "bytes"                     # each character, up to U+00FF, is the byte of that number
//! ```

use encoding_rs::Encoding;

/// A charset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    /// A character is a byte, whatever it means.
    Bytes,
    Named(&'static Encoding),
}

impl Charset {
    /// The charset of that name.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        if name == "bytes" {
            return Ok(Self::Bytes);
        }
        let known = Encoding::for_label(name.as_bytes());
        // Digits and line ends must stay what they are, or no reply would come out.
        let known = known.filter(|of| of.is_ascii_compatible() && of.output_encoding() == *of);
        known
            .map(Self::Named)
            .ok_or_else(|| format!("`{name}` is no charset for a reply; there are GB18030, Big5, bytes, …"))
    }

    /// Writes a text in it. What it has no character for goes out as `?`.
    pub(crate) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Bytes => text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect(),
            Self::Named(encoding) => {
                let (bytes, _, lacks) = encoding.encode(text);
                if !lacks {
                    return bytes.into_owned();
                }
                let mut buffer = [0; 4];
                let one = |c: char| match encoding.encode(c.encode_utf8(&mut buffer)) {
                    (bytes, _, false) => bytes.into_owned(),
                    _ => vec![b'?'],
                };
                text.chars().flat_map(one).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_out_in_its_charset() {
        for (name, text, bytes) in [
            ("GB18030", "550 用户\r\n", b"550 \xd3\xc3\xbb\xa7\r\n".as_slice()),
            ("big5", "用🙂x", b"\xa5\xce?x"),
            ("bytes", "\u{0}\u{ff}\u{100}", b"\x00\xff?"),
        ] {
            assert_eq!(
                Charset::named(name).unwrap().encode(text).escape_ascii().to_string(),
                bytes.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn one_that_would_change_digits_is_none() {
        for name in ["utf-16le", "iso-2022-jp", "replacement", "hz-gb-2312", "no-such", ""] {
            assert!(Charset::named(name).is_err(), "{name}");
        }
    }
}
