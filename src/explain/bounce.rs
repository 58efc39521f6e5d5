//! The texts in what people bring: a text is itself, of a mail it is what a server said.

use mail_parser::Message;

use crate::brought::{carried, fields, guessed_text, is_bounce, mails, reports, unmarked, within};
use crate::message::guess;

/// How much is looked at, in bytes.
const LONGEST: usize = 1 << 20;

/// How many texts are taken out of a mail.
const MOST: usize = 20;

/// What has to be explained: of a mail the `Diagnostic-Code` fields of its delivery report (RFC 3464 §2.3.6), or, if it
/// has none, the paragraphs of its text that hold a reply, or else those of a bounce that it carries, or else all its
/// paragraphs; of a mailbox file that of each mail; of a log each line of a delivery; anything else as it is. At most 20
/// texts, of the first megabyte. Never empty, but for an empty text.
#[must_use]
pub fn statements(brought: &[u8]) -> Vec<String> {
    let brought = within(brought, LONGEST);
    let brought = unmarked(brought);
    let mut found = Vec::new();
    for mail in mails(&brought).0.iter().take(MOST) {
        all_of(mail).iter().for_each(|text| add(&mut found, text));
    }
    if found.is_empty() {
        let text = guess(&brought);
        let deliveries: Vec<_> = text.lines().filter(|line| line.contains("status=")).collect();
        if deliveries.len() > 1 {
            deliveries.iter().for_each(|line| add(&mut found, line));
        } else {
            add(&mut found, &text);
        }
    }
    found.truncate(MOST);
    found
}

/// The texts of a mail.
fn all_of(mail: &Message<'_>) -> Vec<String> {
    let mut within = Vec::new();
    carried(mail, 0, &mut within);
    let bounces = within.iter().copied().filter(|mail| is_bounce(mail));
    let mut found = [mail].into_iter().chain(within.iter().copied()).map(reported);
    let reported = found.find(|texts| !texts.is_empty());
    let replies = || [mail].into_iter().chain(bounces).map(replies).find(|texts| !texts.is_empty());
    reported.or_else(replies).unwrap_or_else(|| paragraphs(mail))
}

/// The `Diagnostic-Code` fields of a report.
fn reported(mail: &Message<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for report in reports(mail) {
        for field in fields(&report) {
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

/// The paragraphs of a mail's text with something like a reply.
fn replies(mail: &Message<'_>) -> Vec<String> {
    let mut all = paragraphs(mail);
    all.retain(|text| has_code(text));
    all
}

/// The paragraphs of a mail's text.
fn paragraphs(mail: &Message<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for number in 0..mail.text_body_count().min(5) {
        let Some(text) = guessed_text(mail, number).or_else(|| mail.body_text(number)) else { continue };
        let text = text.replace("\r\n", "\n");
        text.split("\n\n").for_each(|paragraph| add(&mut all, paragraph));
    }
    all
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
    fn a_bounce_is_found_in_the_mail_that_carries_it_and_in_a_mailbox_file() {
        let base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, REPORT);
        let wanted = ["552-5.7.0 This message was blocked\n552 5.7.0 security issue", "550 User\nUnknown"];
        for (encoding, report) in [("8bit", REPORT), ("base64", base64.as_str())] {
            let mail = format!(
                "From: a@b\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nWhat does it mean?\r\n\
                 --o\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{report}\r\n--o--\r\n"
            );
            assert_eq!(statements(mail.as_bytes()), wanted, "{encoding}");
        }
        // What somebody wrote is no reply.
        let letter = "From: a@b\nContent-Type: message/rfc822\n\nFrom: c@d\n\nIt costs 500 yuan.\n";
        assert_eq!(statements(letter.as_bytes()), [letter.trim()]);
        let plain = "From: a@b\nContent-Type: message/rfc822\n\nFrom: postmaster@d\n\n550 User Unknown\n";
        assert_eq!(statements(plain.as_bytes()), ["550 User Unknown"]);
        for end in ["\n", "\r\n"] {
            let mbox = "From a Thu Feb 1\nFrom: a@b\n\n550 one\n\nFrom b Thu Feb 1\nFrom: a@b\n\n550 two\n\nFrom c\n";
            assert_eq!(statements(mbox.replace('\n', end).as_bytes())[..2], ["550 one", "550 two"], "{end:?}");
        }
        let many = (0..400).map(|number| format!("Diagnostic-Code: smtp; 550 {number}\r\n\r\n")).collect::<String>();
        let report = REPORT.replace("Reporting-MTA: dns; mx\r\n\r\n", &format!("Reporting-MTA: dns; mx\r\n\r\n{many}"));
        assert_eq!(statements(report.as_bytes()).len(), MOST);
    }

    #[test]
    fn a_text_may_be_in_any_charset() {
        let chinese = "您的服务器拒绝收件人之一。";
        let gbk = encoding_rs::GBK.encode(chinese).0.into_owned();
        assert_eq!(statements(&gbk), [chinese]);
        let mail = [b"From: a@b\nSubject: x\n\n" as &[u8], &gbk].concat();
        assert_eq!(statements(&mail), [chinese]);
        assert_eq!(statements(&["\u{feff}".as_bytes(), chinese.as_bytes()].concat()), [chinese]);
        let wide: Vec<u8> = "\u{feff}550 好".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(statements(&wide), ["550 好"]);
        let wide: Vec<u8> = "\u{feff}550 好".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(statements(&wide), ["550 好"]);
        // A character is not cut.
        let long = format!("a{}", "长".repeat(LONGEST / 3 + 1));
        assert!(!statements(long.as_bytes())[0].contains('\u{fffd}'));
    }

    #[test]
    fn a_log_is_taken_line_by_line() {
        let log = "mx: to=<a@b>, status=bounced (550 one)\nmx: removed\nmx: to=<c@d>, status=deferred (451 two)\n";
        let lines = ["mx: to=<a@b>, status=bounced (550 one)", "mx: to=<c@d>, status=deferred (451 two)"];
        assert_eq!(statements(log.as_bytes()), lines);
        assert_eq!(statements(lines[0].as_bytes()), lines[..1]);
    }

    #[test]
    fn anything_else_is_itself() {
        for text in ["550 MI:SPF", "Diagnostic-Code: smtp; 550 no", "a: b", "sender in prison\n\nor so"] {
            assert_eq!(statements(text.as_bytes()), [text]);
        }
        assert!(statements(b" \r\n").is_empty());
        assert_eq!(statements(&[b'x'; LONGEST + 5])[0].len(), LONGEST);
        assert_eq!(statements(b"\xff\xff"), ["\u{fffd}\u{fffd}"]);
    }
}
