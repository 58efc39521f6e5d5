//! What is written, to the byte, and as mockmx's own reader and mail-parser understand it.

use mail_parser::{MessageParser, MimeHeaders, PartType};

use super::*;

/// A notification for people to look at: as it is, with texts in base64 behind it decoded.
fn shown(raw: &[u8]) -> String {
    let (_, texts) = MessageFacts::read_with_texts(raw, &Bounds::default());
    let plain = String::from_utf8_lossy(raw).replace("\r\n", "\n");
    let decoded = texts.first().filter(|text| !text.text.is_ascii());
    match decoded {
        Some(text) => format!("{plain}\n=== the text, decoded ===\n{}", text.text.replace("\r\n", "\n")),
        None => plain,
    }
}

#[test]
fn every_provider_and_kind() {
    let mut message = message(&["user@263.net"]);
    asking(&mut message);
    message.parameters.envid = Some("job 7".to_owned());
    message.deliveries[0].parameters.orcpt = Some("rfc822;User@263.net".to_owned());
    for (provider, form) in forms().iter() {
        for kind in &kinds() {
            let event = event(&message, RAW.as_bytes(), kind);
            let notification = write(&event, form).unwrap();
            assert_eq!(notification.raw, write(&event, form).unwrap().raw);
            insta::assert_snapshot!(format!("{provider}-{}", kind.name()), shown(&notification.raw));
        }
    }
}

#[test]
fn a_report_of_a_failure_has_all_of_its_fields() {
    let mut message = message(&["user@263.net", "other@263.net", "never@263.net"]);
    message.parameters.envid = Some("a+b".to_owned());
    message.deliveries[0].parameters.orcpt = Some("rfc822;first@example.com".to_owned());
    message.deliveries[2].parameters.notify = Some("NEVER".to_owned());
    let kind = failed();
    let event = Event {
        recipients: &[0, 1, 1, 2, 9],
        remote: Some("mx.far.example"),
        ..event(&message, RAW.as_bytes(), &kind)
    };
    let notification = write(&event, forms().of("263").unwrap()).unwrap();
    assert_eq!((notification.from.as_str(), notification.to.as_str()), ("", "bounces+1@client.test"));
    assert_eq!(notification.recipients, [0, 1]);
    let parsed = MessageParser::default().parse(&notification.raw).unwrap();
    let report = parsed.content_type().unwrap();
    assert_eq!((report.ctype(), report.subtype()), ("multipart", Some("report")));
    assert_eq!(report.attribute("report-type"), Some("delivery-status"));
    let status =
        parsed.parts.iter().find(|part| part.content_type().is_some_and(|it| it.subtype() == Some("delivery-status")));
    assert_eq!(
        String::from_utf8_lossy(status.unwrap().contents()).replace("\r\n", "\n").trim_end(),
        "Reporting-MTA: dns; mx01.263xmail.com
Original-Envelope-Id: a+b
Received-From-MTA: dns; client.test
Arrival-Date: Fri, 1 Feb 2008 08:00:00 +0000

Original-Recipient: rfc822; first@example.com
Final-Recipient: rfc822; user@263.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.far.example
Diagnostic-Code: smtp; 550 User Unknown
Last-Attempt-Date: Fri, 1 Feb 2008 08:05:00 +0000

Final-Recipient: rfc822; other@263.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.far.example
Diagnostic-Code: smtp; 550 User Unknown
Last-Attempt-Date: Fri, 1 Feb 2008 08:05:00 +0000"
    );
    let original = parsed.parts.iter().find_map(|part| match &part.body {
        PartType::Message(original) => Some(original.subject().unwrap().to_owned()),
        _ => None,
    });
    assert_eq!(original.as_deref(), Some("会议通知"));
    // Our own reader of bounces finds what the server said.
    assert_eq!(crate::explain::statements(&notification.raw), ["550 User Unknown"]);
}

#[test]
fn ret_and_size_say_what_is_returned() {
    let large = format!("{RAW}{}", "x\r\n".repeat(20_000));
    let kind = failed();
    let returned = |ret: Option<&str>, raw: &str, kind: &Kind| {
        let mut message = message(&["user@263.net"]);
        asking(&mut message);
        message.parameters.ret = ret.map(str::to_owned);
        let written = self::raw(&event(&message, raw.as_bytes(), kind), "263");
        let full = memchr::memmem::find(&written, raw.as_bytes()).is_some();
        let headers = memchr::memmem::find(&written, b"Content-Type: text/rfc822-headers\r\n").is_some();
        assert!(full != headers);
        full
    };
    assert!(returned(None, RAW, &kind) && returned(Some("FULL"), RAW, &kind) && !returned(Some("HDRS"), RAW, &kind));
    assert!(!returned(None, &large, &kind) && returned(Some("FULL"), &large, &kind));
    assert!(!returned(Some("FULL"), RAW, &Kind::Delivered));
}

#[test]
fn the_original_comes_back_byte_for_byte() {
    let kind = failed();
    let message = message(&["user@263.net"]);
    let long = [b"Subject: x\n\n".as_slice(), &b"y".repeat(5_000)].concat();
    let gbk = [b"Subject: ".as_slice(), &Charset::Gbk.encode("代开发票"), b"\r\n\r\n\xB4\xFA\0\r"].concat();
    for original in [b"".as_slice(), b"no header at all", b"bare\nline\n\nfeeds\n", &long, &gbk, b"\xFF\xFE"] {
        let written = raw(&event(&message, original, &kind), "263");
        let head = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: ";
        let at = memchr::memmem::find(&written, head).unwrap() + head.len();
        let label = if original.is_ascii() { "7bit" } else { "8bit" };
        let rest = written[at..].strip_prefix(format!("{label}\r\n\r\n").as_bytes()).unwrap();
        assert!(rest.starts_with(original) && rest[original.len()..].starts_with(b"\r\n--=_mockmx."));
        let plain = raw(&event(&message, original, &kind), "xinnet");
        assert!(plain.ends_with(original));
    }
}

#[test]
fn an_address_that_is_not_ascii_is_written_by_rfc_6533() {
    let kind = failed();
    let mut message = message(&["用户@263.net"]);
    let ascii = write(&event(&message, RAW.as_bytes(), &kind), forms().of("263").unwrap()).unwrap();
    let text = String::from_utf8(ascii.raw).unwrap();
    assert!(!ascii.smtputf8 && text.contains("\r\nFinal-Recipient: utf-8; \\x{7528}\\x{6237}@263.net\r\n"), "{text}");
    message.parameters.utf8 = true;
    let utf8 = write(&event(&message, RAW.as_bytes(), &kind), forms().of("263").unwrap()).unwrap();
    let text = String::from_utf8(utf8.raw).unwrap();
    assert!(utf8.smtputf8 && text.contains("\r\nFinal-Recipient: utf-8; 用户@263.net\r\n"), "{text}");
    let away = Kind::OutOfOffice { text: "away".to_owned() };
    let to = RAW.replace("user@263.net", "用户@263.net");
    for kind in [&away, &Kind::ReadReceipt] {
        let written = raw(&event(&message, to.as_bytes(), kind), "263");
        assert!(written.starts_with("From: <用户@263.net>\r\n".as_bytes()), "{kind:?}");
    }
    for kind in ["message/global-delivery-status", "message/global"] {
        assert!(text.contains(&format!("\r\nContent-Type: {kind}\r\n")), "{text}");
    }
}
