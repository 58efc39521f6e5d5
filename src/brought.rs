//! What people bring, as bytes of which nothing is known: a mail, a mailbox file, a text; and the mails within mails. Pure.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::LazyLock;

use encoding_rs::{UTF_16BE, UTF_16LE};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::html::html_to_text;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use regex::Regex;

use crate::message::guess;

/// How deep mails within mails are looked for, and how many in all.
const DEEPEST: usize = 5;
const MOST_MAILS: usize = 20;

/// How many mails of a mailbox file are looked at.
const MOST_IN_FILE: usize = 200;

/// How often a text may have been quoted.
const MOST_QUOTED: usize = 5;

/// A mail.
pub(crate) struct Mail<'x>(Message<'x>);

impl<'x> Deref for Mail<'x> {
    type Target = Message<'x>;

    fn deref(&self) -> &Message<'x> {
        &self.0
    }
}

/// The parser nests mails as deep as they are nested in a megabyte, and letting go of them one within the other would
/// take more stack than a thread has.
impl Drop for Mail<'_> {
    fn drop(&mut self) {
        let mut open = std::mem::take(&mut self.0.parts);
        while let Some(mut part) = open.pop() {
            if let PartType::Message(within) = &mut part.body {
                open.append(&mut within.parts);
            }
        }
    }
}

/// The beginning, but no part of a character.
pub(crate) fn within(bytes: &[u8], longest: usize) -> &[u8] {
    if bytes.len() <= longest {
        return bytes;
    }
    let cut = (longest - 3..=longest).rev().find(|&at| bytes[at] & 0xC0 != 0x80);
    &bytes[..cut.unwrap_or(longest)]
}

/// Without the mark that editors put before a text, which makes UTF-8 of UTF-16; and with line feeds where a text has
/// only carriage returns, as old Macs write.
pub(crate) fn unmarked(brought: &[u8]) -> Cow<'_, [u8]> {
    let unmarked = without_mark(brought);
    if memchr::memchr(b'\n', &unmarked).is_some() || memchr::memchr(b'\r', &unmarked).is_none() {
        return unmarked;
    }
    unmarked.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }).collect::<Vec<_>>().into()
}

/// Whether a text has the mark that says its charset.
pub(crate) fn is_marked(brought: &[u8]) -> bool {
    brought.starts_with(&[0xEF, 0xBB, 0xBF]) || brought.starts_with(&[0xFF, 0xFE]) || brought.starts_with(&[0xFE, 0xFF])
}

/// Without the `> ` that mail programs put before each line of what they quote, if most lines have it. sendmail puts
/// `>>> ` before what it said.
pub(crate) fn unquoted(text: &str) -> Cow<'_, str> {
    let mut unquoted = Cow::Borrowed(text);
    for _ in 0..MOST_QUOTED {
        let quoted = |line: &str| line == ">" || line.starts_with("> ") || line.starts_with(">> ");
        let lines = || unquoted.lines().filter(|line| !line.trim().is_empty());
        let count = lines().filter(|line| quoted(line)).count();
        if count < 2 || 2 * count < lines().count() {
            break;
        }
        let bare = |line: &str| match line.strip_prefix('>') {
            Some(rest) if quoted(line.trim_end()) => rest.strip_prefix(' ').unwrap_or(rest).to_owned(),
            _ => line.to_owned(),
        };
        unquoted = unquoted.split_inclusive('\n').map(bare).collect::<String>().into();
    }
    unquoted
}

fn without_mark(brought: &[u8]) -> Cow<'_, [u8]> {
    match brought {
        [0xEF, 0xBB, 0xBF, rest @ ..] => rest.into(),
        [0xFF, 0xFE, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0.into_owned().into_bytes().into(),
        [0xFE, 0xFF, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0.into_owned().into_bytes().into(),
        _ => brought.into(),
    }
}

/// The mail, or those of a mailbox file, and whether it has more than are looked at.
pub(crate) fn mails(brought: &[u8]) -> (Vec<Mail<'_>>, bool) {
    let mut starts = vec![0];
    if brought.starts_with(b"From ") {
        let blank = |at: usize| brought[..at].ends_with(b"\n\n") || brought[..at].ends_with(b"\r\n\r\n");
        let lines = memchr::memmem::find_iter(brought, b"\nFrom ").map(|at| at + 1);
        starts.extend(lines.filter(|&at| blank(at)).take(MOST_IN_FILE));
    }
    let ends = starts.iter().skip(1).copied().chain([brought.len()]);
    let is_more = starts.len() > MOST_IN_FILE;
    let mails = starts.iter().zip(ends).take(MOST_IN_FILE).filter_map(|(&start, end)| {
        // The empty line between two mails is the file's.
        let of = brought[start..end].strip_suffix(b"\n").filter(|_| end < brought.len());
        mail(of.map_or(&brought[start..end], |of| of.strip_suffix(b"\r").unwrap_or(of)))
    });
    (mails.collect(), is_more)
}

/// The mails that a mail carries, and those that they carry.
pub(crate) fn carried<'m, 'x>(mail: &'m Message<'x>, depth: usize, found: &mut Vec<&'m Message<'x>>) {
    if depth >= DEEPEST {
        return;
    }
    for part in &mail.parts {
        if let PartType::Message(within) = &part.body
            && found.len() < MOST_MAILS
        {
            found.push(within);
            carried(within, depth + 1, found);
        }
    }
}

/// The texts of a mail's delivery reports, not of those of the mails in it.
pub(crate) fn reports<'m>(mail: &'m Message<'_>) -> impl Iterator<Item = Cow<'m, str>> {
    report_parts(mail).map(|report| guess(report.contents()))
}

/// The parts that are delivery reports.
pub(crate) fn report_parts<'m, 'x>(mail: &'m Message<'x>) -> impl Iterator<Item = &'m MessagePart<'x>> {
    let is_report = |subtype: Option<&str>| {
        subtype.is_some_and(|subtype| subtype.to_ascii_lowercase().ends_with("delivery-status"))
    };
    mail.parts.iter().take(100).filter(move |part| {
        part.content_type().is_some_and(|of| of.ctype().eq_ignore_ascii_case("message") && is_report(of.subtype()))
    })
}

/// Whether a report's charset is only guessed: those of RFC 3464 are ASCII, those of RFC 6533 are UTF-8.
pub(crate) fn is_guessed(report: &MessagePart<'_>) -> bool {
    let says = report.content_type().is_some_and(|of| {
        of.has_attribute("charset") || of.subtype().is_some_and(|of| of.to_ascii_lowercase().starts_with("global"))
    });
    !says && !report.contents().is_ascii()
}

/// Whether a mail server wrote it, and not the person whose mail it returns.
pub(crate) fn is_bounce(mail: &Message<'_>) -> bool {
    let from = mail.from().and_then(|from| from.first()).and_then(|from| from.address()).unwrap_or_default();
    let local = from.split('@').next().unwrap_or_default();
    local.eq_ignore_ascii_case("mailer-daemon") || local.eq_ignore_ascii_case("postmaster")
}

/// The mail, if it is one: a header section with a field that every mail has.
fn mail(brought: &[u8]) -> Option<Mail<'_>> {
    let first = brought.split(|byte| *byte == b'\n').next()?;
    let name = first.split(|byte| *byte == b':').next()?;
    let is_field = name.len() < first.len() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    if !is_field && !first.starts_with(b"From ") {
        return None;
    }
    let mail = Mail(MessageParser::default().parse(brought)?);
    (mail.from().is_some() || mail.date().is_some() || mail.subject().is_some()).then_some(mail)
}

/// Fields with their continuation lines, whose line breaks stay.
pub(crate) fn fields(text: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in text.lines().take(2000) {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => {
                field.push('\n');
                field.push_str(line.trim());
            }
            _ => fields.push(line.to_owned()),
        }
    }
    fields
}

/// A text in more than seven bits that does not say in which charset, as old servers write: it is guessed.
pub(crate) fn guessed_text<'m>(mail: &'m Message<'_>, number: usize) -> Option<Cow<'m, str>> {
    let part = mail.text_part(u32::try_from(number).ok()?)?;
    // OpenSMTPD says that its bounces are in US-ASCII, and puts replies in them as they came.
    let charset = part.content_type().and_then(|of| of.attribute("charset"));
    let says = charset.is_some_and(|of| !of.eq_ignore_ascii_case("us-ascii"));
    if says || !matches!(part.body, PartType::Text(_)) {
        return None;
    }
    let raw = raw_body(mail, part)?;
    let decoded = match part.encoding {
        Encoding::None => return (!raw.is_ascii()).then(|| guess(raw)),
        Encoding::Base64 => base64_decode(raw)?,
        Encoding::QuotedPrintable => quoted_printable_decode(raw)?,
    };
    (!decoded.is_ascii()).then(|| guess(&decoded).into_owned().into())
}

/// HTML as it is read: cells and blocks are lines of their own.
pub(crate) fn shown(html: &str) -> String {
    static END: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)</(?:td|th|tr|table|li|div|h[1-6]|pre|blockquote)\s*>").ok());
    let html = END.as_ref().map_or(Cow::Borrowed(html), |end| end.replace_all(html, "<br>"));
    html_to_text(&html).replace('\u{a0}', " ")
}

/// Whether a text is HTML.
pub(crate) fn is_html(text: &str) -> bool {
    let start = &text[..text.floor_char_boundary(1024)].to_ascii_lowercase();
    start.trim_start().starts_with('<') && ["<!doctype html", "<html", "<body"].iter().any(|tag| start.contains(tag))
}

/// The bytes of a part, as they are in the mail.
pub(crate) fn raw_body<'m>(mail: &'m Message<'_>, part: &MessagePart<'_>) -> Option<&'m [u8]> {
    mail.raw_message.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize)
}
