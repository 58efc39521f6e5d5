//! Encoded-words (RFC 2047), and the raw eight-bit text that stands where they should.
//!
//! Read from the bytes, since a double-byte character may straddle two encoded-words: the bytes of neighbours in one
//! charset are joined before they are decoded. Encoded-words are also read where the RFC does not allow them, within
//! quotes and without a space around, because mail programs do.

use memchr::memmem;

use super::charset;
use super::transfer::{base64, quoted_printable};

/// How far the end of an encoded-word is sought; the RFC allows 75 bytes.
const LONGEST_WORD: usize = 8_192;

/// Decodes a field's value or a part of it.
pub(super) fn decode(raw: &[u8]) -> String {
    let mut decoder = Decoder::default();
    let (mut plain, mut from) = (0, 0);
    while let Some(at) = memmem::find(&raw[from..], b"=?").map(|at| from + at) {
        match word(&raw[at + 2..]) {
            Some((charset, bytes, length)) => {
                decoder.plain(&raw[plain..at]);
                decoder.word(charset, &bytes);
                plain = at + 2 + length;
                from = plain;
            }
            None => from = at + 2,
        }
    }
    decoder.plain(&raw[plain..]);
    decoder.flush();
    decoder.text
}

/// Collects neighbouring words of one charset.
#[derive(Default)]
struct Decoder<'a> {
    text: String,
    charset: Option<&'a str>,
    bytes: Vec<u8>,
}

impl<'a> Decoder<'a> {
    fn plain(&mut self, raw: &[u8]) {
        // White space between two encoded-words is not part of the text (RFC 2047 §6.2). Where no word follows, it is
        // at the end of the value, and does not matter either.
        if self.charset.is_some() && raw.trim_ascii().is_empty() {
            return;
        }
        self.flush();
        self.text.push_str(&charset::guess(raw));
    }

    fn word(&mut self, charset: &'a str, bytes: &[u8]) {
        if self.charset.is_some_and(|pending| !charset::is_same(pending, charset)) {
            self.flush();
        }
        self.charset = Some(charset);
        self.bytes.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        if let Some(charset) = self.charset.take() {
            self.text.push_str(&charset::decode(&self.bytes, Some(charset)));
            self.bytes.clear();
        }
    }
}

/// Reads an encoded-word from behind its `=?`: charset without language (RFC 2231 §5), decoded bytes, and length.
fn word(raw: &[u8]) -> Option<(&str, Vec<u8>, usize)> {
    let end = memchr::memchr(b'?', &raw[..raw.len().min(64)])?;
    let charset = std::str::from_utf8(&raw[..end]).ok()?;
    if charset.is_empty() || charset.contains(char::is_whitespace) {
        return None;
    }
    let charset = charset.split('*').next().unwrap_or(charset);
    let [encoding, b'?', text @ ..] = &raw[end + 1..] else { return None };
    let window = &text[..text.len().min(LONGEST_WORD)];
    let (bytes, length) = match encoding {
        b'B' | b'b' => {
            let length = memchr::memchr(b'?', window).filter(|at| text.get(at + 1) == Some(&b'='))?;
            (base64(&text[..length], usize::MAX).0, length)
        }
        b'Q' | b'q' => {
            let length = q_end(window)?;
            let spaced: Vec<u8> = text[..length].iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
            (quoted_printable(&spaced, usize::MAX).0, length)
        }
        _ => return None,
    };
    Some((charset, bytes, end + 3 + length + 2))
}

/// The end of a Q-encoded text. A question mark in it should have been encoded; some senders leave it.
fn q_end(window: &[u8]) -> Option<usize> {
    let length = memmem::find(window, b"?=")?;
    // The beginning of another word was taken for a part of this one.
    (!window[..length].contains(&b'\n') && memmem::find(&window[..length], b"=?").is_none()).then_some(length)
}

#[cfg(test)]
mod tests {
    use encoding_rs::GBK;

    use super::*;

    #[test]
    fn encoded_words_are_decoded() {
        for (raw, text) in [
            ("=?gb2312?B?tPq/qreixrE=?=", "代开发票"),
            ("=?GB2312?Q?=B4=FA=BF=AA?= =?gb2312?b?t6LGsQ==?=", "代开发票"),
            ("=?utf-8*zh?q?a_b?= c", "a b c"),
            ("a =?utf-8?q?b?=  =?utf-8?q?c?= d", "a bc d"),
            ("a=?utf-8?q?b?=c", "abc"),
            ("\"=?utf-8?B?5Luj5byA?=\"", "\"代开\""),
            ("=?utf-8?q?why??=", "why?"),
            ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
            ("=?utf-8?q?open", "=?utf-8?q?open"),
            ("=?=?=?", "=?=?=?"),
        ] {
            assert_eq!(decode(raw.as_bytes()), text, "{raw}");
        }
    }

    #[test]
    fn a_character_split_between_two_words_is_read() {
        // 代开发票 is B4FA BFAA B7A2 C6B1 in GB2312; here 开 is cut in two.
        assert_eq!(decode(b"=?gb2312?B?tPq/?= =?GB2312?B?qreixrE=?="), "代开发票");
        assert_eq!(decode(b"=?utf-8?Q?=E4=BB?=\r\n =?utf-8?B?o+W8gA==?="), "代开");
        // Two names of one charset.
        assert_eq!(decode(b"=?gb2312?B?tPq/?= =?x-gbk?Q?=AA=B7=A2?= =?GB18030?B?xrE=?="), "代开发票");
        // Different charsets are decoded apart.
        assert_eq!(decode(b"=?gb2312?B?tPq/qg==?= =?utf-8?B?5Y+R56Wo?="), "代开发票");
    }

    #[test]
    fn raw_bytes_stand_beside_words() {
        let mut raw = GBK.encode("瑞星提示-").0.into_owned();
        raw.extend_from_slice(b"=?utf-8?B?5Luj5byA5Y+R56Wo?=");
        assert_eq!(decode(&raw), "瑞星提示-代开发票");
        assert_eq!(decode(&GBK.encode("代开发票").0), "代开发票");
        assert_eq!(decode("代开发票".as_bytes()), "代开发票");
    }

    #[test]
    fn many_openings_are_read_in_one_go() {
        let raw = "=?a?q?".repeat(200_000);
        assert_eq!(decode(raw.as_bytes()).len(), raw.len());
    }
}
