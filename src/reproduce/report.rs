//! Delivery reports (RFC 3464), those for internationalised addresses (RFC 6533), and the mail that they return.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::LazyLock;

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};
use regex::{Captures, Regex};

use super::{Failure, How, Original, reply, returned, stage, word};
use crate::brought::{is_guessed, report_parts, reports};
use crate::message::guess;

/// The most lines and blocks that are looked at.
const MOST_LINES: usize = 5_000;
const MOST_BLOCKS: usize = 200;

/// The most recipients of the mail that failed.
const MOST_TO: usize = 20;

static UNICODE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\\x\{([0-9A-Fa-f]{2,6})\}").ok());
static XTEXT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\+([0-9A-F]{2})").ok());

/// The failures that the reports of a mail tell of; not those of the mails in it.
pub(super) fn read(mail: &Message<'_>) -> Vec<Failure> {
    let read = |part| {
        let mut failures = of_blocks(&guess(MessagePart::contents(part)), How::Report);
        if is_guessed(part) {
            failures.iter_mut().for_each(Failure::guessed);
        }
        failures
    };
    report_parts(mail).flat_map(read).collect()
}

/// The failures of fields that stand anywhere in a text, as where a boundary is broken.
pub(super) fn scan(text: &str) -> Vec<Failure> {
    of_blocks(text, How::Fields)
}

/// The mail that failed, as a mail returns it.
pub(super) fn original(mail: &Message<'_>) -> Option<Original> {
    let sender = mail.to().and_then(|to| to.first()).and_then(|to| to.address()).and_then(word);
    let mut original = mail.parts.iter().take(100).find_map(|part| {
        let of = match &part.body {
            PartType::Message(within) => of_header(within),
            _ if is_header(part) => of_header(&MessageParser::default().parse_headers(part.contents())?),
            _ => return None,
        };
        Some(of.with(returned::of_part(mail, part)))
    })?;
    original.sender = original.sender.or(sender);
    Some(original)
}

/// Whether a part is the header of the mail that failed (RFC 6522 §4, RFC 6533 §6).
fn is_header(part: &MessagePart<'_>) -> bool {
    let subtype = part.content_type().and_then(|of| of.subtype()).unwrap_or_default().to_ascii_lowercase();
    subtype.ends_with("rfc822-headers") || subtype.ends_with("global-headers")
}

/// The sender of the mail that failed, as Postfix's reports have it.
pub(super) fn sender(mail: &Message<'_>) -> Option<String> {
    let reports = reports(mail);
    let blocks: Vec<_> = reports.take(5).flat_map(|text| blocks(&text)).collect();
    let mut fields = blocks.iter().flatten();
    fields.find(|(name, _)| name == "x-postfix-sender").and_then(|(_, value)| address(value))
}

/// What the header of the mail that failed says.
pub(super) fn of_header(mail: &Message<'_>) -> Original {
    let to = mail.to().into_iter().flat_map(|to| to.iter().take(MOST_TO));
    Original {
        sender: mail.return_path().as_text().and_then(|path| word(path.trim_matches(['<', '>', ' ']))),
        from: mail.from().and_then(|from| from.first()).and_then(|from| from.address()).and_then(word),
        to: to.filter_map(|to| word(to.address()?)).collect(),
        subject: mail.subject().and_then(word),
        message_id: mail.message_id().and_then(word),
        returned: None,
    }
}

/// A field with the continuation lines as they are.
type Field = (String, String);

/// The groups of fields in a text, between empty lines. What stands between them is passed over.
fn blocks(text: &str) -> Vec<Vec<Field>> {
    let mut blocks: Vec<Vec<Field>> = vec![Vec::new()];
    for line in text.lines().take(MOST_LINES) {
        let Some(block) = blocks.last_mut() else { break };
        if line.trim().is_empty() {
            if !block.is_empty() && blocks.len() < MOST_BLOCKS {
                blocks.push(Vec::new());
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = block.last_mut() {
                value.push('\n');
                value.push_str(line.trim_end());
            }
        } else if let Some((name, value)) = line.split_once(':').filter(|(name, _)| is_name(name)) {
            block.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    blocks
}

fn is_name(name: &str) -> bool {
    let name = name.trim();
    name.len() <= 40 && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn of_blocks(text: &str, how: How) -> Vec<Failure> {
    blocks(text).iter().filter_map(|block| of_block(block, how)).collect()
}

fn of_block(block: &[Field], how: How) -> Option<Failure> {
    let value = |name: &str| block.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let last = value("final-recipient").and_then(address);
    let first = value("original-recipient").and_then(address);
    let action = value("action").unwrap_or_default();
    let failed = ["failed", "delayed", ""].iter().any(|kind| action.split([' ', ';', '(']).next() == Some(kind));
    if !failed || (last.is_none() && first.is_none()) {
        return None;
    }
    let (reply, around) = value("diagnostic-code").map(diagnostic).unwrap_or_default();
    let recipient = last.clone().or_else(|| first.clone());
    Some(Failure {
        original_recipient: first.filter(|first| !last.is_some_and(|last| last.eq_ignore_ascii_case(first))),
        recipient,
        stage: stage::said(&around),
        reply,
        remote: value("remote-mta").map(typed).and_then(|(_, name)| server(&name)),
        status: value("status").and_then(|status| word(status.split_whitespace().next()?)),
        original: None,
        how,
    })
}

/// A server as `mx.example.com [192.0.2.1]`; Gmail writes `mx.example.com. (192.0.2.1, the server for the domain …)`.
fn server(text: &str) -> Option<String> {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let address = rest.trim_start_matches(['(', '[']).split([',', ')', ']', ' ']).next().unwrap_or_default();
    let address = address.parse::<IpAddr>().map(|address| format!(" [{address}]")).unwrap_or_default();
    word(&format!("{}{address}", name.trim_end_matches('.')))
}

/// The reply of a `Diagnostic-Code`, and what else stands in it.
fn diagnostic(value: &str) -> (Option<reply::Heard>, String) {
    let text = match value.split_once(';') {
        Some((kind, text)) if kind.len() <= 30 && !kind.trim().contains(' ') => text,
        _ => value,
    };
    let decoded = decoded(text);
    let text = &*decoded;
    // `X-Postfix; host mx.example.com said: 550 no (in reply to RCPT TO command)`.
    match reply::read(text) {
        Some(heard) => (Some(heard), String::new()),
        None => super::prose::reply_within(text),
    }
}

/// The text of a field, without encoded-words (RFC 2047), which are in some diagnostics.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains("=?") {
        return text.into();
    }
    let field = format!("Subject: {}\n\n", text.trim().replace('\n', "\n "));
    let header = MessageParser::default().parse_headers(field.as_bytes());
    header.and_then(|header| header.subject().map(str::to_owned)).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The type and the text of `dns; mx.example.com`.
fn typed(value: &str) -> (String, String) {
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    match value.split_once(';') {
        Some((kind, text)) => (kind.trim().to_ascii_lowercase(), text.trim().to_owned()),
        None => (String::new(), value),
    }
}

/// An address as RCPT had it. `\x{7528}` is how RFC 6533 §3 writes what is not ASCII; xtext (RFC 3461 §4) should have
/// been decoded, and is where it hides the at sign.
fn address(value: &str) -> Option<String> {
    let (_, text) = typed(value);
    let mut text = text.trim_matches(['<', '>', ' ']).to_owned();
    let character = |found: &Captures<'_>| {
        let value = u32::from_str_radix(&found[1], 16).ok().and_then(char::from_u32);
        value.filter(|c| !c.is_control()).map_or_else(|| found[0].to_owned(), |c| c.to_string())
    };
    if let Some(unicode) = &*UNICODE {
        text = unicode.replace_all(&text, character).into_owned();
    }
    if let Some(xtext) = XTEXT.as_ref().filter(|_| !text.contains('@')) {
        text = xtext.replace_all(&text, character).into_owned();
    }
    word(&text).filter(|text| text.contains('@') && !text.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_decoded() {
        for (value, found) in [
            ("rfc822; a@example.com", Some("a@example.com")),
            ("rfc822;<a+2b@example.com>", Some("a+2b@example.com")),
            ("rfc822; a+2Bb+40example.com", Some("a+b@example.com")),
            (r"utf-8; \x{7528}\x{6237}@example.com", Some("用户@example.com")),
            ("utf-8; 用户@example.com", Some("用户@example.com")),
            (r"utf-8; a\x{0A}@example.com", Some(r"a\x{0A}@example.com")),
            ("rfc822; nobody", None),
            ("", None),
        ] {
            assert_eq!(address(value).as_deref(), found, "{value}");
        }
    }

    #[test]
    fn servers_and_encoded_words_are_read() {
        for (text, read) in [
            ("mx.example.com", "mx.example.com"),
            ("mx.example.com. (192.0.2.1, the server for the domain example.com.)", "mx.example.com [192.0.2.1]"),
            ("mx.example.com (not an address)", "mx.example.com"),
        ] {
            assert_eq!(server(text).as_deref(), Some(read));
        }
        assert_eq!(decoded(" 550 =?UTF-8?B?5aW9?= x"), "550 好 x");
        assert_eq!(decoded("550  no"), "550  no");
    }

    #[test]
    fn fields_are_found_anywhere() {
        let text = "--oops\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@example.com\nAction: failed\n\
            Diagnostic-Code: smtp; 550 no\n such\n\nFinal-Recipient: rfc822; b@example.com\nAction: relayed\n";
        let found = scan(text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].reply.as_ref().unwrap().reply.to_string(), "550 no such");
    }
}
