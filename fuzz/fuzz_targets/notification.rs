//! A notification is as many fields and parts as its kind has, each of which says what it was given, and the original
//! comes back as it was: to the byte, and as mail-parser reads it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_parser::{MessageParser, MimeHeaders, PartType};
use mockmx::message::{Bounds, MessageFacts};
use mockmx::notification::{Kind, Notification, hindrance, write};
use mockmx_fuzz::event::Told;
use mockmx_fuzz::naive::{fields, find, head, one_line};
use mockmx_fuzz::with_mail_parser;

/// Bytes that are not the original's.
const MOST: usize = 40_000;

type Fields = Vec<(String, String)>;

fuzz_target!(|told: Told<'_>| {
    let event = told.event();
    let written = write(&event, &told.form);
    assert_eq!(written, write(&event, &told.form), "the same event is told of in another way");
    assert_eq!(written.is_none(), hindrance(&event).is_some());
    let Some(written) = written else { return };
    assert!(told.own || written.raw.len() <= told.raw.len() + MOST);
    let abuse = matches!(told.kind, Kind::AbuseReport);
    assert_eq!(written.from.is_empty(), !abuse, "only abuse reports are from somebody");
    assert!(!written.smtputf8 || told.message.parameters.utf8);
    let (header, body) = head(&written.raw);
    let fields = fields(header);
    header_is(&told, &written, &fields);
    assert!(written.smtputf8 || header.is_ascii());
    if matches!(told.kind, Kind::OutOfOffice { .. }) {
        text_is(body);
    } else if told.kind.is_of_delivery() && !told.form.standard {
        plain_is(&told, body);
    } else {
        report_is(&told, &written, value(&fields, "Content-Type"), body);
    }
});

fn value<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.iter().find(|field| field.0 == name).map_or("", |field| &field.1)
}

/// These fields in this order; those that may be missing end with `?`.
fn are(fields: &Fields, wanted: &[&str]) {
    let mut found = fields.iter().map(|field| field.0.as_str()).peekable();
    for name in wanted {
        match name.strip_suffix('?') {
            Some(name) => drop(found.next_if_eq(&name)),
            None => assert_eq!(found.next(), Some(*name), "{fields:?}"),
        }
    }
    assert_eq!(found.next(), None, "{fields:?}");
}

fn header_is(told: &Told<'_>, written: &Notification, fields: &Fields) {
    let mut wanted = vec!["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"];
    let personal = matches!(told.kind, Kind::OutOfOffice { .. } | Kind::ReadReceipt);
    wanted.extend(if personal { &["In-Reply-To?", "References?"][..] } else { &[] });
    wanted.extend(["MIME-Version?", "Content-Type?", "Content-Transfer-Encoding?"]);
    are(fields, &wanted);
    // Its header alone: what is returned with it may be of any form.
    let parsed = MessageParser::default().parse_headers(&written.raw).expect("it has a header");
    let subject = parsed.subject().unwrap_or_default();
    assert!(!subject.contains(char::is_control), "{subject:?}");
    for (name, address) in [("From", parsed.from()), ("To", parsed.to())] {
        let group = value(fields, name).strip_suffix(":;");
        assert!(group.is_none_or(|group| !group.trim().is_empty()), "{name} is of nobody");
        let addresses = address.map(|address| address.iter().count());
        assert_eq!(addresses.unwrap_or_default(), usize::from(group.is_none()), "{name}: {}", value(fields, name));
    }
    let to = parsed.to().and_then(|to| to.first()).and_then(|to| to.address());
    // mail-parser takes quotes off, and decodes what looks like an encoded-word, though none can be there (RFC 2047 §5).
    let same = |to: &str| to == written.to || written.to.contains('"') || written.to.contains("=?");
    assert!(to.is_none_or(same), "{to:?} for {:?}", written.to);
    // mockmx's own reader finds as many fields.
    let read = MessageFacts::read_header(&written.raw, &Bounds::default()).headers;
    assert_eq!(read.len(), fields.len(), "{read:?}");
}

/// What is for people: lines of ASCII.
fn text_is(text: &[u8]) {
    assert!(text.is_ascii() && (text.is_empty() || text.ends_with(b"\r\n")));
    lines_are(text);
}

/// Lines that no server has anything to say against.
fn lines_are(text: &[u8]) {
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(
            line.len() <= 998 && !line.contains(&b'\r') && !line.contains(&0),
            "{:?}",
            line.escape_ascii().to_string()
        );
    }
    let feeds = text.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(feeds, text.windows(2).filter(|two| two == b"\r\n").count(), "a line feed alone");
}

/// A text, and behind it what is returned.
fn plain_is(told: &Told<'_>, body: &[u8]) {
    let fits = |length: &usize| body.ends_with(&told.raw[..*length]);
    // The longest one; the header alone is a beginning of the message too.
    let length = (0..=told.raw.len()).rev().find(fits).unwrap_or_default();
    let full = told.message.parameters.ret.as_deref() == Some("FULL") && matches!(told.kind, Kind::Failed { .. });
    assert!(!full || length == told.raw.len());
    lines_are(&body[..body.len() - length]);
}

fn report_is(told: &Told<'_>, written: &Notification, content_type: &str, body: &[u8]) {
    let (report_type, second, global) = match told.kind {
        Kind::ReadReceipt => ("disposition-notification", "disposition-notification", true),
        Kind::AbuseReport => ("feedback-report", "feedback-report", false),
        _ => ("delivery-status", "delivery-status", true),
    };
    let rest = content_type.strip_prefix(&format!("multipart/report; report-type={report_type};\tboundary=\""));
    let boundary = rest.and_then(|rest| rest.strip_suffix('"')).expect("it is a report");
    let (delimiter, close) = (format!("\r\n--{boundary}\r\n"), format!("\r\n--{boundary}--\r\n"));
    let mut rest = body.strip_suffix(close.as_bytes()).expect("the report ends");
    let mut parts = Vec::new();
    while let Some(at) = find(rest, delimiter.as_bytes()) {
        parts.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
    }
    parts.push(rest);
    assert_eq!(parts.remove(0), b"This is a report in MIME format.\r\n");
    let parts: Vec<_> = parts.into_iter().map(head).map(|(header, body)| (fields(header), body)).collect();
    assert!((2..=3).contains(&parts.len()), "{} parts", parts.len());
    are(&parts[0].0, &["Content-Type", "Content-Transfer-Encoding"]);
    text_is(parts[0].1);
    let global = if global && written.smtputf8 { "global-" } else { "" };
    for (fields, body) in &parts[1..] {
        are(fields, &["Content-Description", "Content-Type", "Content-Transfer-Encoding"]);
        assert_eq!(value(fields, "Content-Transfer-Encoding"), if body.is_ascii() { "7bit" } else { "8bit" });
    }
    assert_eq!(value(&parts[1].0, "Content-Type"), format!("message/{global}{second}"));
    status_is(told, written, parts[1].1);
    let returned = parts.get(2).map(|(fields, body)| (value(fields, "Content-Type"), *body));
    returned_is(told, written.smtputf8, returned);
    parsed_is(told, &written.raw, report_type, &parts);
}

/// As another reader has it.
fn parsed_is(told: &Told<'_>, raw: &[u8], report_type: &str, parts: &[(Fields, &[u8])]) {
    let Some(parsed) = with_mail_parser(|| MessageParser::default().parse(raw)) else { return };
    let parsed = parsed.expect("it is a message");
    let content_type = parsed.content_type().expect("it has a type");
    assert_eq!((content_type.ctype(), content_type.subtype()), ("multipart", Some("report")));
    assert_eq!(content_type.attribute("report-type"), Some(report_type));
    let PartType::Multipart(children) = &parsed.parts[0].body else { panic!("it has no parts") };
    assert_eq!(children.len(), parts.len());
    assert_eq!(parsed.parts[children[1] as usize].contents(), parts[1].1);
    // What a server said, if it is a text like any, is what explain explains.
    if let Kind::Failed { diagnostic, .. } = &told.kind
        && diagnostic.len() < 200
        && diagnostic.starts_with("550 5.1.1 ")
        && diagnostic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .".contains(&byte))
    {
        let texts: Vec<_> = mockmx::explain::statements(raw).iter().map(|text| one_line(text)).collect();
        assert_eq!(texts, [one_line(diagnostic)]);
    }
}

/// What is written for programs.
fn status_is(told: &Told<'_>, written: &Notification, status: &[u8]) {
    let message = &told.message;
    let utf8 = written.smtputf8;
    assert!(utf8 || status.is_ascii());
    let mut blocks: Vec<Fields> = Vec::new();
    let mut rest = status;
    while let Some(at) = find(rest, b"\r\n\r\n") {
        blocks.push(fields(&rest[..at + 2]));
        rest = &rest[at + 4..];
    }
    blocks.push(fields(rest));
    match told.kind {
        Kind::ReadReceipt => {
            let wanted =
                ["Reporting-UA", "Original-Recipient?", "Final-Recipient", "Original-Message-ID?", "Disposition"];
            are(&blocks[0], &wanted);
            recipients_are(told, written, &blocks, utf8);
        }
        Kind::AbuseReport => {
            assert_eq!(blocks.len(), 1);
            let mut wanted = vec!["Feedback-Type", "User-Agent", "Version", "Original-Envelope-Id?"];
            wanted.extend(["Original-Mail-From?", "Original-Rcpt-To?", "Arrival-Date", "Reporting-MTA", "Source-IP"]);
            are(&blocks[0], &wanted);
            let from = value(&blocks[0], "Original-Mail-From");
            assert!(from.is_empty() || from == format!("<{}>", message.from));
        }
        _ => {
            let wanted = ["Reporting-MTA", "Original-Envelope-Id?", "Received-From-MTA?", "Arrival-Date"];
            are(&blocks[0], &wanted);
            said_is(
                value(&blocks[0], "Original-Envelope-Id"),
                "",
                message.parameters.envid.as_deref().unwrap_or_default(),
            );
            recipients_are(told, written, &blocks[1..], utf8);
            blocks[1..].iter().for_each(|block| delivery_is(told, block));
        }
    }
}

fn recipients_are(told: &Told<'_>, written: &Notification, blocks: &[Fields], utf8: bool) {
    assert_eq!(blocks.len(), written.recipients.len());
    for (block, &index) in blocks.iter().zip(&written.recipients) {
        let delivery = &told.message.deliveries[index];
        address_is(value(block, "Final-Recipient"), "rfc822", &delivery.recipient, utf8);
        let original = delivery.parameters.orcpt.as_deref().and_then(|orcpt| orcpt.split_once(';'));
        let found = value(block, "Original-Recipient");
        match original.filter(|_| !found.is_empty()) {
            Some((kind, address)) => address_is(found, kind, address, utf8),
            None => assert_eq!(found, ""),
        }
    }
}

/// The fields of a recipient.
fn delivery_is(told: &Told<'_>, block: &Fields) {
    let mut wanted = vec!["Original-Recipient?", "Final-Recipient", "Action", "Status", "Remote-MTA?"];
    wanted.extend(["Diagnostic-Code?", "Last-Attempt-Date", "Will-Retry-Until?"]);
    are(block, &wanted);
    let (class, said) = match &told.kind {
        Kind::Failed { diagnostic, .. } => ("5", diagnostic.as_str()),
        Kind::Delayed { diagnostic, .. } => ("4", diagnostic.as_str()),
        _ => ("2", ""),
    };
    assert_eq!(value(block, "Action"), told.kind.name());
    let status = value(block, "Status");
    let parts: Vec<_> = status.split('.').collect();
    let digits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    assert!(parts.len() == 3 && parts[0] == class && parts.iter().all(digits), "{status:?} is no {class}.x.y");
    if let Kind::Failed { status: given, .. } | Kind::Delayed { status: given, .. } = &told.kind {
        let given_parts: Vec<_> = given.split('.').collect();
        let proper = given_parts.len() == 3 && given_parts[0] == class && given_parts.iter().all(digits);
        assert!(!proper || given == status, "{status:?} for {given:?}");
    }
    let kind = if one_line(said).starts_with(|c: char| c.is_ascii_digit()) { "smtp; " } else { "x-local; " };
    said_is(value(block, "Diagnostic-Code"), kind, said);
}

/// What the field says is what was said, as far as there is room for it.
fn said_is(field: &str, kind: &str, said: &str) {
    let said = one_line(said);
    if said.is_empty() {
        return assert_eq!(field, "");
    }
    let text = field.strip_prefix(kind).expect("the type is not encoded");
    // Decoded, it would be what whoever said it encoded.
    if said.contains("=?") {
        return;
    }
    let decoded = if text.contains("=?") {
        let parsed =
            MessageParser::default().parse(format!("Subject: {text}\r\n\r\n").as_bytes()).map(|it| it.into_owned());
        parsed.and_then(|it| it.subject().map(str::to_owned)).unwrap_or_default()
    } else {
        text.to_owned()
    };
    let all = said.len() <= 200;
    assert!(if all { said == decoded } else { said.starts_with(&decoded) }, "{decoded:?} for {said:?}");
    assert!(all || decoded.len() > 150, "{decoded:?} is short for {said:?}");
}

/// The type and the address, or of an address that is not ASCII what RFC 6533 §3 makes of it.
fn address_is(field: &str, kind: &str, address: &str, utf8: bool) {
    let address = one_line(address);
    let (found_kind, found) = field.split_once(';').expect("a type and an address");
    let found = found.trim_start();
    if address.is_ascii() {
        assert_eq!(found_kind, one_line(kind));
        assert!(
            if address.len() <= 100 { found == address } else { address.starts_with(found) },
            "{found:?} for {address:?}"
        );
        return;
    }
    assert_eq!(found_kind, "utf-8");
    let read = if utf8 { found.to_owned() } else { dequoted(found) };
    let all = address.chars().count() <= 80;
    assert!(if all { read == address } else { address.starts_with(&read) }, "{found:?} for {address:?}");
}

/// `utf-8-addr-xtext`, read back (RFC 6533 §3).
fn dequoted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\\x{") {
            let (digits, after) = after.split_once('}').expect("a character ends");
            assert!(
                (2..=6).contains(&digits.len()) && !digits.contains(|c: char| c.is_ascii_lowercase()),
                "{digits:?}"
            );
            let point = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).expect("it is a character");
            assert!(!matches!(point, '!'..='~') || "+=\\".contains(point), "{point:?} need not be written so");
            out.push(point);
            rest = after;
        } else {
            assert!(matches!(c, '!'..='~') && !"+=\\".contains(c), "{c:?} may not stand in it: {text:?}");
            out.push(c);
            rest = &rest[1..];
        }
    }
    out
}

/// The original, or its header.
fn returned_is(told: &Told<'_>, utf8: bool, returned: Option<(&str, &[u8])>) {
    let failed = matches!(told.kind, Kind::Failed { .. });
    let ret = told.message.parameters.ret.as_deref().filter(|_| failed);
    let Some((kind, body)) = returned else {
        let asked = ret.is_some() || matches!(told.kind, Kind::AbuseReport);
        return assert!(!asked && told.form.returns == mockmx::notification::Returns::Nothing);
    };
    let (full, headers) =
        if utf8 { ("message/global", "message/global-headers") } else { ("message/rfc822", "text/rfc822-headers") };
    if kind == full {
        assert!(ret != Some("HDRS") && body == told.raw, "it comes back as another one");
    } else {
        assert_eq!(kind, headers);
        assert!(ret != Some("FULL") && told.raw.starts_with(body), "its header comes back as another one");
        let mut lines = body.split_inclusive(|byte| *byte == b'\n');
        assert!(lines.all(|line| !line.trim_ascii().is_empty()), "an empty line in a header section");
    }
}
