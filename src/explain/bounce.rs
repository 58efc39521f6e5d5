//! The texts in what people bring: a text is itself, of a mail it is what a server said.

use mail_parser::{Message, MessageParser, MimeHeaders};

/// How much is looked at, in bytes.
const LONGEST: usize = 1 << 20;

/// How many texts are taken out of a mail.
const MOST: usize = 20;

/// What has to be explained: of a mail the `Diagnostic-Code` fields of its delivery report (RFC 3464 §2.3.6), or, if it
/// has none, the paragraphs of its text that hold a reply, or else all its paragraphs; anything else as it is. At most
/// 20 texts, of the first megabyte. Never empty, but for an empty text.
#[must_use]
pub fn statements(brought: &[u8]) -> Vec<String> {
    let brought = &brought[..brought.len().min(LONGEST)];
    if let Some(mail) = mail(brought) {
        let found = [reported(&mail), replies(&mail)].into_iter().find(|texts| !texts.is_empty());
        if let Some(found) = found {
            return found;
        }
    }
    let text = String::from_utf8_lossy(brought);
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned).into_iter().collect()
}

/// The mail, if it is one: a header section with a field that every mail has.
fn mail(brought: &[u8]) -> Option<Message<'_>> {
    let first = brought.split(|byte| *byte == b'\n').next()?;
    let name = first.split(|byte| *byte == b':').next()?;
    let is_field = name.len() < first.len() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    if !is_field && !first.starts_with(b"From ") {
        return None;
    }
    let mail = MessageParser::default().parse(brought)?;
    (mail.from().is_some() || mail.date().is_some() || mail.subject().is_some()).then_some(mail)
}

/// The `Diagnostic-Code` fields of a report.
fn reported(mail: &Message<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let is_report = |subtype: Option<&str>| {
        subtype.is_some_and(|subtype| subtype.to_ascii_lowercase().ends_with("delivery-status"))
    };
    let reports = mail.parts.iter().take(100).filter(|part| {
        part.content_type().is_some_and(|of| of.ctype().eq_ignore_ascii_case("message") && is_report(of.subtype()))
    });
    for report in reports {
        for field in fields(&String::from_utf8_lossy(report.contents())) {
            let Some((name, value)) = field.split_once(':') else { continue };
            if name.trim().eq_ignore_ascii_case("diagnostic-code") {
                // `smtp; 550 User Unknown`: the type says who speaks.
                let value = value.split_once(';').map_or(value, |(_, text)| text);
                add(&mut found, value);
            }
        }
    }
    found
}

/// Fields with their continuation lines, whose line breaks stay.
fn fields(text: &str) -> Vec<String> {
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

/// The paragraphs of a mail's text: those with something like a reply, or all.
fn replies(mail: &Message<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for number in 0..mail.text_body_count().min(5) {
        let Some(text) = mail.body_text(number) else { continue };
        let text = text.replace("\r\n", "\n");
        text.split("\n\n").for_each(|paragraph| add(&mut all, paragraph));
    }
    let with_reply: Vec<_> = all.iter().filter(|text| has_code(text)).take(MOST).cloned().collect();
    all.truncate(MOST);
    if with_reply.is_empty() { all } else { with_reply }
}

fn has_code(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| matches!(word.as_bytes(), [b'4' | b'5', b'0'..=b'9', b'0'..=b'9']))
}

fn add(found: &mut Vec<String>, text: &str) {
    let text = text.trim();
    if !text.is_empty() && found.len() < 500 && !found.iter().any(|known| known == text) {
        found.push(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "From: MAILER-DAEMON@mx\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
        --b\r\n\r\n<a@b>: host mx said: 550 not this one\r\n\r\n\
        --b\r\nContent-Type: message/delivery-status\r\n\r\n\
        Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: failed\r\nStatus: 5.7.0\r\n\
        Diagnostic-Code: smtp; 552-5.7.0 This message was blocked\r\n    552 5.7.0 security issue\r\n\r\n\
        Final-Recipient: rfc822; c@b\r\ndiagnostic-code: X-Postfix; 550 User\r\n\tUnknown\r\n\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n550 in the message returned\r\n--b--\r\n";

    #[test]
    fn a_report_says_it_in_diagnostic_code() {
        let found = statements(REPORT.as_bytes());
        assert_eq!(found, ["552-5.7.0 This message was blocked\n552 5.7.0 security issue", "550 User\nUnknown"]);
    }

    #[test]
    fn a_plain_bounce_says_it_in_a_paragraph() {
        let mail = "From: postmaster@mx\nSubject: =?GBK?B?zcvQxQ==?=\nContent-Type: text/plain; charset=utf-8\n\n\
            Sorry.\n\nhost mx said:\n550 User Unknown\n\n> quoted\n";
        assert_eq!(statements(mail.as_bytes()), ["host mx said:\n550 User Unknown"]);
        let mail = "From: a@b\n\n您的邮件被退回\n\nsender in prison\n";
        assert_eq!(statements(mail.as_bytes()), ["您的邮件被退回", "sender in prison"]);
    }

    #[test]
    fn anything_else_is_itself() {
        for text in ["550 MI:SPF", "Diagnostic-Code: smtp; 550 no", "a: b", "sender in prison\n\nor so"] {
            assert_eq!(statements(text.as_bytes()), [text]);
        }
        assert!(statements(b" \r\n").is_empty());
        assert_eq!(statements(&[b'x'; LONGEST + 5])[0].len(), LONGEST);
        assert_eq!(statements(b"\xff\xfe"), ["\u{fffd}\u{fffd}"]);
    }
}
