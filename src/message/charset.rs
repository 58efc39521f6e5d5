//! Bytes to text.

use std::borrow::Cow;

use encoding_rs::{BIG5, Encoding, GB18030, GBK, REPLACEMENT, UTF_8};
use mail_parser::decoders::charsets::map::charset_decoder;

/// Decodes `bytes`, which are said to be in `label`; unsaid or unknown, they are UTF-8 if they can be, else GB18030.
pub(super) fn decode<'a>(bytes: &'a [u8], label: Option<&str>) -> Cow<'a, str> {
    let label = label.unwrap_or_default().trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    let label = label.to_ascii_lowercase().replace('_', "-");
    match label.as_str() {
        "hz-gb-2312" | "hz" => return hz(bytes).into(),
        "utf-7" | "unicode-1-1-utf-7" => {
            if let Some(decoder) = charset_decoder(b"utf-7") {
                return decoder(bytes).into();
            }
        }
        // Labels that say nothing, and one that is wrong as soon as there is anything to decode.
        "" | "us-ascii" | "ascii" | "ansi-x3.4-1968" | "unknown-8bit" | "x-unknown" | "default" => return guess(bytes),
        _ => {}
    }
    match encoding(&label) {
        Some(encoding) => encoding.decode(bytes).0,
        None => charset_decoder(label.as_bytes()).map_or_else(|| guess(bytes), |decoder| decoder(bytes).into()),
    }
}

/// Decodes bytes of which nothing is said.
pub(crate) fn guess(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        // A byte that is out of place does not make it another charset.
        Err(_) if is_mostly_utf8(bytes) => UTF_8.decode_without_bom_handling(bytes).0,
        Err(_) => GB18030.decode_without_bom_handling(bytes).0,
    }
}

/// Whether more bytes belong to characters beyond ASCII of UTF-8 than to none.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut proper, mut improper) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        proper += chunk.valid().bytes().filter(|byte| !byte.is_ascii()).count();
        improper += chunk.invalid().len();
    }
    proper > improper
}

/// Whether two labels mean one encoding.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let known = |label: &str| encoding(&label.to_ascii_lowercase().replace('_', "-"));
    // GB18030 has all of GBK, and is what its bytes are decoded by here.
    let family = |encoding: &'static Encoding| if encoding == GBK { GB18030 } else { encoding };
    one.eq_ignore_ascii_case(other)
        || matches!((known(one), known(other)), (Some(one), Some(other)) if family(one) == family(other))
}

/// The encoding of a label, also of some that browsers do not know but mail uses.
fn encoding(label: &str) -> Option<&'static Encoding> {
    match label {
        "cp936" | "ms936" | "windows-936" | "euc-cn" | "gb-2312" | "gb2312-80" | "gb2312-1980" | "gb13000" => {
            Some(GB18030)
        }
        "cp950" | "ms950" | "windows-950" | "big-5" | "x-x-big5" => Some(BIG5),
        _ if label.starts_with("gb18030") => Some(GB18030),
        _ => Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != REPLACEMENT),
    }
}

/// HZ (RFC 1843): GB2312 in seven bits between `~{` and `~}`.
fn hz(bytes: &[u8]) -> String {
    let mut eight = Vec::with_capacity(bytes.len());
    let mut wide = false;
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'~', [b'{', tail @ ..]) if !wide => (wide, rest) = (true, tail),
            (b'~', [b'}', tail @ ..]) if wide => (wide, rest) = (false, tail),
            (b'~', [b'~', tail @ ..]) if !wide => {
                eight.push(b'~');
                rest = tail;
            }
            (b'~', [b'\n', tail @ ..]) if !wide => rest = tail,
            (b'\n', _) => {
                wide = false;
                eight.push(b'\n');
            }
            (byte, _) => eight.push(if wide { byte | 0x80 } else { *byte }),
        }
    }
    GB18030.decode_without_bom_handling(&eight).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_understood() {
        let gbk = GBK.encode("代开发票").0;
        for label in ["gb2312", "GBK", "GB18030", "\"gb_2312-80\"", "cp936", "x-gbk", "GB18030-2005"] {
            assert_eq!(decode(&gbk, Some(label)), "代开发票", "{label}");
        }
        assert_eq!(decode(&BIG5.encode("開發票").0, Some("Big5")), "開發票");
        assert_eq!(decode(b"+ZYeB9FH6ckh5Pg-, 1980.", Some("utf-7")), "文致出版社, 1980.");
        assert_eq!(decode(b"a~~~{4z?*7\"F1~}b", Some("hz-gb-2312")), "a~代开发票b");
        assert_eq!(decode("naïve".as_bytes(), Some("utf-8")), "naïve");
        assert_eq!(decode(b"na\xefve", Some("iso-8859-1")), "naïve");
    }

    #[test]
    fn the_unsaid_is_guessed() {
        let gbk = GBK.encode("代开发票").0;
        for label in [None, Some(""), Some("us-ascii"), Some("no-such-charset")] {
            assert_eq!(decode(&gbk, label), "代开发票");
            assert_eq!(decode("代开发票".as_bytes(), label), "代开发票");
        }
        assert_eq!(guess(&"代开发票".as_bytes()[..11]), "代开发\u{FFFD}");
        assert_eq!(
            guess(&[b"\xff ".as_slice(), "代开发票".as_bytes(), b" \xb4".as_slice()].concat()),
            "\u{FFFD} 代开发票 \u{FFFD}"
        );
    }
}
