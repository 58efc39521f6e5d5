//! What people bring, as bytes of which nothing is known: a mail, a mailbox file, a text; and the mails within mails. Pure.

use std::borrow::Cow;
use std::ops::Deref;

use encoding_rs::{UTF_16BE, UTF_16LE};
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

use crate::message::guess;

/// How deep mails within mails are looked for, and how many in all.
const DEEPEST: usize = 5;
const MOST_MAILS: usize = 20;

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

/// Without the mark that editors put before a text, which makes UTF-8 of UTF-16.
pub(crate) fn unmarked(brought: &[u8]) -> Cow<'_, [u8]> {
    match brought {
        [0xEF, 0xBB, 0xBF, rest @ ..] => rest.into(),
        [0xFF, 0xFE, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0.into_owned().into_bytes().into(),
        [0xFE, 0xFF, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0.into_owned().into_bytes().into(),
        _ => brought.into(),
    }
}

/// The mail, or those of a mailbox file.
pub(crate) fn mails(brought: &[u8]) -> Vec<Mail<'_>> {
    let mut starts = vec![0];
    if brought.starts_with(b"From ") {
        let blank = |at: usize| brought[..at].ends_with(b"\n\n") || brought[..at].ends_with(b"\r\n\r\n");
        let lines = memchr::memmem::find_iter(brought, b"\nFrom ").map(|at| at + 1);
        starts.extend(lines.filter(|&at| blank(at)).take(MOST_MAILS - 1));
    }
    let ends = starts.iter().skip(1).copied().chain([brought.len()]);
    starts.iter().zip(ends).filter_map(|(&start, end)| mail(&brought[start..end])).collect()
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
    let is_report = |subtype: Option<&str>| {
        subtype.is_some_and(|subtype| subtype.to_ascii_lowercase().ends_with("delivery-status"))
    };
    let reports = mail.parts.iter().take(100).filter(move |part| {
        part.content_type().is_some_and(|of| of.ctype().eq_ignore_ascii_case("message") && is_report(of.subtype()))
    });
    reports.map(|report| guess(report.contents()))
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

/// The bytes of a text in more than seven bits that does not say in which charset, as old servers write.
pub(crate) fn raw_text<'m>(mail: &'m Message<'_>, number: usize) -> Option<&'m [u8]> {
    let part = mail.text_part(u32::try_from(number).ok()?)?;
    let says = part.content_type().is_some_and(|of| of.has_attribute("charset"));
    let is_plain = matches!(part.body, PartType::Text(_)) && part.content_transfer_encoding().is_none_or(is_bare);
    let raw = raw_body(mail, part)?;
    (is_plain && !says && !raw.is_ascii()).then_some(raw)
}

/// The bytes of a part, as they are in the mail.
pub(crate) fn raw_body<'m>(mail: &'m Message<'_>, part: &MessagePart<'_>) -> Option<&'m [u8]> {
    mail.raw_message.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize)
}

fn is_bare(encoding: &str) -> bool {
    ["7bit", "8bit", "binary"].iter().any(|bare| encoding.trim().eq_ignore_ascii_case(bare))
}
