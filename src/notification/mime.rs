//! Parts, and how they become a message.

use std::borrow::Cow;
use std::collections::HashSet;

use base64::prelude::*;

use super::Charset;
use super::field::Fields;

/// Bytes in a line of 76 characters of base64 (RFC 2045 §6.8).
const LINE: usize = 57;

/// Bytes in a line of text, below the 998 of RFC 5322 §2.1.1.
const TEXT_LINE: usize = 800;

/// What boundaries begin with; a number follows that the content does not have.
const BOUNDARY: &str = "=_mockmx.";

/// A part of a multipart, with its bytes as they are written.
#[derive(Debug)]
pub(super) struct Part<'a> {
    header: Fields,
    body: Cow<'a, [u8]>,
}

impl<'a> Part<'a> {
    /// A part whose bytes are written as they are.
    pub(super) fn of(kind: &str, description: &str, body: Cow<'a, [u8]>) -> Self {
        let mut header = Fields::default();
        header.ours("Content-Description", description);
        header.ours("Content-Type", kind);
        header.ours("Content-Transfer-Encoding", if body.is_ascii() { "7bit" } else { "8bit" });
        Self { header, body }
    }

    /// A text for people: ASCII as it is, else in that charset and base64.
    pub(super) fn text(text: &str, charset: Charset) -> Self {
        let mut header = Fields::default();
        let text = lines(text, 4);
        let (label, encoding) = if text.is_ascii() { ("us-ascii", "7bit") } else { (charset.label(), "base64") };
        header.ours("Content-Type", &format!("text/plain; charset={label}"));
        header.ours("Content-Transfer-Encoding", encoding);
        let body = if text.is_ascii() { text.into_bytes() } else { base64(&charset.encode(&text)) };
        Self { header, body: body.into() }
    }

    /// Appends header fields and bytes.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.header.0.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
    }
}

/// Text with CR LF at its line ends, the last one too, no line longer than may be if a character has `widest` bytes, and
/// no other control character than the tab.
pub(super) fn lines(text: &str, widest: usize) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.trim_end().lines() {
        for (index, c) in line.chars().filter(|&c| c == '\t' || !c.is_control()).enumerate() {
            if index > 0 && index % (TEXT_LINE / widest) == 0 {
                out.push_str("\r\n");
            }
            out.push(c);
        }
        out.push_str("\r\n");
    }
    out
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / LINE * 78 + 80);
    for line in bytes.chunks(LINE) {
        out.extend_from_slice(BASE64_STANDARD.encode(line).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// A `multipart/report` (RFC 6522) with these parts behind `header`.
pub(super) fn report(mut header: Fields, report_type: &str, parts: &[Part<'_>]) -> Vec<u8> {
    let boundary = boundary(parts);
    header.ours("MIME-Version", "1.0");
    let content_type = format!("multipart/report; report-type={report_type};\r\n\tboundary=\"{boundary}\"");
    header.ours("Content-Type", &content_type);
    // RFC 2045 §6.4: a multipart says so if a part of it is.
    if parts.iter().any(|part| !part.body.is_ascii()) {
        header.ours("Content-Transfer-Encoding", "8bit");
    }
    let length: usize = parts.iter().map(|part| part.header.0.len() + part.body.len() + 100).sum();
    let mut raw = header.0.into_bytes();
    raw.reserve(length + 200);
    raw.extend_from_slice(b"\r\nThis is a report in MIME format.\r\n");
    for part in parts {
        // The line break before a delimiter belongs to it (RFC 2046 §5.1.1), so that a body may end as it likes.
        raw.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
        part.append_to(&mut raw);
    }
    raw.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    raw
}

/// A boundary that no part has in it, whatever it was written to hold: found in one pass, however many guesses at it
/// there are.
fn boundary(parts: &[Part<'_>]) -> String {
    let mut taken = HashSet::new();
    let mut seed = 0_u64;
    for part in parts {
        seed = seed.rotate_left(13) ^ (u64::from(rawzip::crc32(&part.body)) << 32 | part.body.len() as u64);
        for at in memchr::memmem::find_iter(&part.body, BOUNDARY) {
            let number = part.body.get(at + BOUNDARY.len()..at + BOUNDARY.len() + 16);
            taken.extend(number.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(number_of));
        }
    }
    while taken.contains(&seed) {
        seed = seed.wrapping_add(1);
    }
    format!("{BOUNDARY}{seed:016x}")
}

fn number_of(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}
