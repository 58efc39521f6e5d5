//! Parameters of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231), as leniently as mail programs read
//! them, and with every name that any of them would see.

use super::charset;
use super::transfer::hex_pair;
use super::words;

/// Parameters of one field; more are not read.
const MOST_PARAMETERS: usize = 200;

/// A structured value: the word before the first semicolon, in lower case, and its parameters.
#[derive(Debug, Default)]
pub(super) struct Structured {
    /// `multipart/mixed`, `attachment`.
    pub(super) value: String,
    parameters: Vec<(String, Vec<u8>)>,
}

impl Structured {
    /// Reads an unfolded value.
    pub(super) fn read(raw: &[u8]) -> Self {
        let (head, mut rest) = cut(raw);
        let word = head.split(|byte| *byte == b'(').next().unwrap_or_default();
        let value = String::from_utf8_lossy(word).split_whitespace().collect::<String>().to_ascii_lowercase();
        let mut parameters = Vec::new();
        while !rest.is_empty() && parameters.len() < MOST_PARAMETERS {
            let Some(equals) = rest.iter().position(|byte| matches!(byte, b'=' | b';')) else { break };
            let name = String::from_utf8_lossy(&rest[..equals]).trim().to_ascii_lowercase();
            if rest[equals] == b';' {
                rest = &rest[equals + 1..];
                continue;
            }
            let (value, tail) = parameter_value(&rest[equals + 1..]);
            parameters.push((name, value));
            rest = tail;
        }
        Self { value, parameters }
    }

    /// The first parameter of that name, as one word.
    pub(super) fn token(&self, name: &str) -> Option<String> {
        self.names(name).into_iter().next().filter(|value| !value.is_empty())
    }

    /// The bytes of the first parameter of that name.
    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    /// All values of a parameter, the one of RFC 2231 first, without repetitions.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        let mut pieces: Vec<(u32, bool, &[u8])> = Vec::new();
        for (key, value) in &self.parameters {
            let Some(suffix) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('*')) else { continue };
            match suffix.strip_suffix('*').unwrap_or(suffix).parse() {
                Ok(number) => pieces.push((number, suffix.ends_with('*'), value)),
                Err(_) if suffix.is_empty() => push_new(&mut values, extended(value)),
                Err(_) => {}
            }
        }
        if !pieces.is_empty() {
            pieces.sort_by_key(|(number, ..)| *number);
            push_new(&mut values, joined(&pieces));
        }
        for (_, value) in self.parameters.iter().filter(|(key, _)| key == name) {
            push_new(&mut values, words::decode(value));
        }
        values
    }
}

fn push_new(values: &mut Vec<String>, value: String) {
    if !values.contains(&value) {
        values.push(value);
    }
}

/// `charset'language'percent-encoded` (RFC 2231 §4).
fn extended(value: &[u8]) -> String {
    let (charset, text) = charset_of(value);
    charset::decode(&percent(text), charset.as_deref()).into_owned()
}

/// Continuations (RFC 2231 §3). Some senders put encoded-words into them.
fn joined(pieces: &[(u32, bool, &[u8])]) -> String {
    let (mut bytes, mut charset, mut encoded) = (Vec::new(), None, false);
    for (at, (_, extended, value)) in pieces.iter().enumerate() {
        encoded |= extended;
        match (extended, at) {
            (true, 0) => {
                let (name, text) = charset_of(value);
                charset = name;
                bytes.extend(percent(text));
            }
            (true, _) => bytes.extend(percent(value)),
            (false, _) => bytes.extend_from_slice(value),
        }
    }
    if encoded { charset::decode(&bytes, charset.as_deref()).into_owned() } else { words::decode(&bytes) }
}

fn charset_of(value: &[u8]) -> (Option<String>, &[u8]) {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) => (Some(String::from_utf8_lossy(charset).into_owned()), text),
        _ => (None, value),
    }
}

fn percent(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match hex_pair(tail).filter(|_| *first == b'%') {
            Some(byte) => {
                out.push(byte);
                rest = &tail[2..];
            }
            None => out.push(*first),
        }
    }
    out
}

/// What stands before the first semicolon, and what after it.
fn cut(raw: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b';', raw) {
        Some(at) => (&raw[..at], &raw[at + 1..]),
        None => (raw, &[]),
    }
}

/// The value at the start of `raw`, and what stands behind its semicolon.
fn parameter_value(raw: &[u8]) -> (Vec<u8>, &[u8]) {
    let raw = raw.trim_ascii_start();
    let Some(quoted) = raw.strip_prefix(b"\"") else {
        let (value, rest) = cut(raw);
        return (value.trim_ascii().to_vec(), rest);
    };
    let mut value = Vec::new();
    let mut at = 0;
    while let Some(byte) = quoted.get(at) {
        match (byte, quoted.get(at + 1)) {
            (b'"', _) => break,
            // A backslash before anything else is the name's own, or the second byte of a GBK character.
            (b'\\', Some(next @ (b'"' | b'\\'))) => {
                value.push(*next);
                at += 1;
            }
            (b'\r' | b'\n', _) => {}
            _ => value.push(*byte),
        }
        at += 1;
    }
    (value, cut(quoted.get(at + 1..).unwrap_or_default()).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(raw: &str) -> Vec<String> {
        Structured::read(raw.as_bytes()).names("filename")
    }

    #[test]
    fn plain_and_quoted_values() {
        let field = Structured::read(b" Multipart / Mixed (x); Boundary=\"a;\\\"b\" ; charset=GBK");
        assert_eq!(field.value, "multipart/mixed");
        assert_eq!(field.token("boundary").as_deref(), Some("a;\"b"));
        assert_eq!(field.token("charset").as_deref(), Some("GBK"));
        assert_eq!(field.token("name"), None);
        assert_eq!(names("attachment; filename=a b.exe; x"), ["a b.exe"]);
        assert_eq!(names("attachment; filename=\"a.exe. \""), ["a.exe. "]);
        assert_eq!(names("attachment; filename=\"C:\\x.exe"), ["C:\\x.exe"]);
        assert_eq!(names("attachment; filename"), Vec::<String>::new());
    }

    #[test]
    fn names_by_rfc_2047_and_rfc_2231() {
        assert_eq!(names("attachment; filename=\"=?gb2312?B?tPq/qreixrEuZXhl?=\""), ["代开发票.exe"]);
        assert_eq!(names("attachment; filename*=gb2312'zh'%B4%FA%BF%AA.exe"), ["代开.exe"]);
        assert_eq!(names("a; filename*1*=%AA%B7%A2.e; filename*0*=gbk''%B4%FA%BF; filename*2=xe"), ["代开发.exe"]);
        assert_eq!(names("a; filename*0=\"=?utf-8?Q?=E4=BB\"; filename*1=\"=A3?=.exe\""), ["代.exe"]);
        assert_eq!(names("a; filename*=%E4%BB%A3"), ["代"]);
    }

    #[test]
    fn every_differing_name_is_seen() {
        assert_eq!(
            names("a; filename=\"a.txt\"; filename*=utf-8''a.exe; filename=b.scr; filename=a.txt"),
            ["a.exe", "a.txt", "b.scr"]
        );
    }
}
