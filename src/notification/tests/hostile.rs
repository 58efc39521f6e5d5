//! Whatever strangers gave: one report of three parts, with fields where they belong.

use proptest::prelude::*;

use super::*;

/// Text with what would end a line, a field, a comment, a part.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\nBcc: evil@example.com\r\n".to_owned()),
        Just("\r\n\r\n--=_mockmx.".to_owned()),
        Just("=?UTF-8?B?DQpCY2M6?=".to_owned()),
        Just("\0\u{85}\u{2028}\u{202E}".to_owned()),
        Just("<>()[]\";:,@\\".to_owned()),
        Just("代开发票🙂".to_owned()),
        Just("a".repeat(1_200)),
        any::<char>().prop_map(String::from),
        "[ -~]{0,40}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn original() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(b"\r\n--=_mockmx.0000000000000000\r\n".to_vec()),
        Just(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n".to_vec()),
        Just(b"Subject: a\r\n b\n\tc\r\n".to_vec()),
        Just(b"Message-ID: <a@b>\nReferences: <c@d> <e@f>\n\n".to_vec()),
        Just(b"\n\n".to_vec()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Lines of a header section or of a status, each of which is a field or goes on with one.
fn are_fields(section: &str, most: usize) -> Result<(), TestCaseError> {
    for line in section.split("\r\n").filter(|line| !line.is_empty()) {
        prop_assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        prop_assert!(line.len() <= most, "{line:?}");
        let name = line.split(':').next().unwrap();
        let known = [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
            "Content-Description",
            "In-Reply-To",
            "References",
            "Reporting-MTA",
            "Original-Envelope-Id",
            "Received-From-MTA",
            "Arrival-Date",
            "Original-Recipient",
            "Final-Recipient",
            "Action",
            "Status",
            "Remote-MTA",
            "Diagnostic-Code",
            "Last-Attempt-Date",
            "Will-Retry-Until",
            "Reporting-UA",
            "Original-Message-ID",
            "Disposition",
            "Feedback-Type",
            "User-Agent",
            "Version",
            "Original-Mail-From",
            "Original-Rcpt-To",
            "Source-IP",
        ];
        prop_assert!(line.starts_with([' ', '\t']) || known.contains(&name), "{line:?}");
        prop_assert!(!line.trim().is_empty(), "{section:?}");
    }
    Ok(())
}

/// The parts between the delimiters of the outermost multipart, each with its header section.
fn parts(raw: &[u8]) -> (String, Vec<(String, Vec<u8>)>) {
    let split = memchr::memmem::find(raw, b"\r\n\r\n").unwrap();
    let (header, body) = (String::from_utf8(raw[..split + 2].to_vec()).unwrap(), &raw[split + 4..]);
    let Some((_, boundary)) = header.split_once("boundary=\"") else { return (header, Vec::new()) };
    let delimiter = format!("\r\n--{}", boundary.split('"').next().unwrap());
    let starts: Vec<_> = memchr::memmem::find_iter(body, delimiter.as_bytes()).collect();
    let mut parts = Vec::new();
    for pair in starts.windows(2) {
        let part = &body[pair[0] + delimiter.len() + 2..pair[1]];
        let split = memchr::memmem::find(part, b"\r\n\r\n").unwrap();
        parts.push((String::from_utf8(part[..split + 2].to_vec()).unwrap(), part[split + 4..].to_vec()));
    }
    assert!(body[starts[starts.len() - 1]..].ends_with(b"--\r\n"));
    (header, parts)
}

proptest! {
    #[test]
    fn a_notification_holds_whatever_it_is_given(
        values in prop::collection::vec(nasty(), 9),
        raw in original(),
        utf8 in any::<bool>(),
        ret in prop::option::of(prop_oneof![Just("FULL".to_owned()), Just("HDRS".to_owned())]),
        provider in prop_oneof![Just("263"), Just("21cn"), Just("wanxiang"), Just("neutral"), Just("netease")],
    ) {
        let [from, to, subject, diagnostic, helo, host, envid, orcpt, text] = &values[..] else { unreachable!() };
        let mut message = message(&["user@263.net", "other@263.net"]);
        asking(&mut message);
        message.from = format!("a{from}");
        message.deliveries[0].recipient.clone_from(to);
        message.deliveries[0].parameters.orcpt = Some(format!("rfc822;{orcpt}"));
        message.subject.clone_from(subject);
        message.helo = Some(Helo { extended: true, name: helo.clone() });
        message.parameters = MailParameters { envid: Some(envid.clone()), utf8, ret, ..MailParameters::default() };
        let kinds = [
            Kind::Failed { status: text.clone(), diagnostic: diagnostic.clone() },
            Kind::Delayed { status: text.clone(), diagnostic: diagnostic.clone(), will_retry_until: Some(RECEIVED) },
            Kind::Delivered,
            Kind::OutOfOffice { text: text.clone() },
            Kind::ReadReceipt,
            Kind::AbuseReport,
        ];
        let raw = [RAW.as_bytes().split(|b| *b == b'\n').next().unwrap(), b"\n", &raw].concat();
        let raw = [format!("To: {to}\nDisposition-Notification-To: z@client.test\n").as_bytes(), &raw].concat();
        for kind in &kinds {
            let reason = Reason { reason_zh: text, remedy_en: subject, ..Reason::default() };
            let event = Event {
                recipients: &[0, 1], remote: Some(helo), host, reason, ..event(&message, &raw, kind)
            };
            let text_alone = write(&event, forms().of("xinnet").unwrap());
            if let Some(written) = text_alone.filter(|_| kind.is_of_delivery()) {
                let (header, parts) = parts(&written.raw);
                are_fields(&header, 998)?;
                prop_assert!(parts.is_empty() && header.is_ascii());
                let head = Head::read(event.original.raw);
                let tail = returned::bytes(&Source { event: &event, head: &head, place: 0 }, Returns::Headers);
                prop_assert!(written.raw.ends_with(tail) || written.raw.ends_with(&raw));
            }
            let Some(written) = write(&event, forms().of(provider).unwrap()) else { continue };
            prop_assert!(written.raw.len() < raw.len() + 40_000);
            let (header, parts) = parts(&written.raw);
            are_fields(&header, 998)?;
            prop_assert!(written.smtputf8 || header.is_ascii());
            if matches!(kind, Kind::OutOfOffice { .. }) {
                prop_assert!(parts.is_empty());
                continue;
            }
            prop_assert_eq!(parts.len(), 3);
            parts.iter().try_for_each(|(header, _)| are_fields(header, 998))?;
            let status = String::from_utf8(parts[1].1.clone()).unwrap();
            are_fields(&status, 998)?;
            prop_assert!(utf8 || status.is_ascii());
            let blocks = status.split("\r\n\r\n").count();
            prop_assert_eq!(blocks, if kind.is_of_delivery() { 3 } else { 1 });
            prop_assert!(parts[0].1.is_ascii() && memchr::memmem::find(&raw, &parts[2].1).is_some());
            // Our own reader finds what is in it, and no more.
            let facts = MessageFacts::read(&written.raw, &Bounds::default());
            let count = |name: &str| facts.headers.iter().filter(|it| it.name.eq_ignore_ascii_case(name)).count();
            for name in ["From", "To", "Subject", "Date", "Message-ID", "Content-Type"] {
                prop_assert_eq!(count(name), 1, "{}", name);
            }
            prop_assert_eq!(count("Bcc"), 0);
        }
    }
}

#[test]
fn a_boundary_is_in_no_part_however_often_it_is_guessed() {
    let (message, kind) = (message(&["user@263.net"]), failed());
    let guesses: String = (0..20_000_u64).map(|number| format!("--=_mockmx.{number:016x}\r\n")).collect();
    let original = format!("Subject: x\r\n\r\n{guesses}");
    let message =
        Message { parameters: MailParameters { ret: Some("FULL".to_owned()), ..MailParameters::default() }, ..message };
    let written = raw(&event(&message, original.as_bytes(), &kind), "263");
    assert_eq!(parts(&written).1[2].1, original.as_bytes());
}

/// A field's value on one line.
fn joined(words: &field::Words) -> String {
    words.0.join(" ")
}

#[test]
fn what_a_server_said_keeps_its_type() {
    let kind = Kind::Failed { status: "5.1.1".to_owned(), diagnostic: "550 没有这个用户".to_owned() };
    let written = raw(&event(&message(&["user@263.net"]), RAW.as_bytes(), &kind), "263");
    let text = String::from_utf8(written).unwrap();
    assert!(text.contains("\r\nDiagnostic-Code: smtp; =?UTF-8?B?"), "{text}");
    assert_eq!(joined(&field::reported("smtp;", "没有", true)), "smtp; 没有");
}

#[test]
fn an_address_in_seven_bits_is_quoted_by_rfc_6533() {
    for (address, written) in [
        ("用户+tag@263.net", "utf-8; \\x{7528}\\x{6237}\\x{2B}tag@263.net"),
        ("\"用 \\\\=\"@263.net", "utf-8; \"\\x{7528}\\x{20}\\x{5C}\\x{5C}\\x{3D}\"@263.net"),
        ("a+b@263.net", "rfc822; a+b@263.net"),
        ("a\u{200b}@263.net", "rfc822; a@263.net"),
    ] {
        assert_eq!(joined(&field::typed("rfc822", address, false)), written);
    }
}

#[test]
fn a_long_address_is_whole_or_ends_with_a_whole_character() {
    let ascii = format!("{}@{}", "a".repeat(64), "b".repeat(190));
    assert_eq!(joined(&field::typed("rfc822", &ascii, false)), format!("rfc822; {ascii}"));
    let wide = joined(&field::typed("rfc822", &"🙂".repeat(200), false));
    assert_eq!(wide, format!("utf-8; {}", "\\x{1F642}".repeat(100)));
}

#[test]
fn an_original_recipient_that_is_none_is_left_out() {
    let (mut message, kind) = (message(&["user@263.net"]), failed());
    for (orcpt, there) in [("rfc822;a@b", true), ("类型;a@b", false), (";a@b", false), ("x;\u{200b}", false)] {
        message.deliveries[0].parameters.orcpt = Some(orcpt.to_owned());
        let written = raw(&event(&message, RAW.as_bytes(), &kind), "263");
        assert_eq!(memchr::memmem::find(&written, b"\r\nOriginal-Recipient: ").is_some(), there, "{orcpt}");
    }
}

#[test]
fn an_envelope_id_of_nothing_that_is_seen_is_left_out() {
    let mut message = message(&["user@263.net"]);
    message.parameters.envid = Some(" ".to_owned());
    for kind in [failed(), Kind::AbuseReport] {
        let written = raw(&event(&message, RAW.as_bytes(), &kind), "263");
        assert!(memchr::memmem::find(&written, b"\r\nOriginal-Envelope-Id:").is_none(), "{kind:?}");
    }
}

#[test]
fn a_sender_of_nothing_that_is_seen_is_a_group_with_a_name() {
    assert_eq!(joined(&field::mailbox("", "\u{200b}", Charset::Utf8, false)), "unknown :;");
}

#[test]
fn characters_that_gbk_lacks_make_no_line_too_long() {
    let (mut message, kind) = (message(&["user@263.net"]), failed());
    message.subject = "🙂".repeat(300);
    let mut form = forms().of("wanxiang").unwrap().clone();
    form.standard = false;
    let written = write(&event(&message, b"", &kind), &form).unwrap().raw;
    assert!(memchr::memmem::find(&written, b"&#128578;&#128578;").is_some());
    assert!(written.split(|b| *b == b'\n').all(|line| line.len() < 998));
}

#[test]
fn a_form_puts_no_control_character_into_its_text() {
    let (message, kind) = (message(&["user@263.net"]), failed());
    let mut form = forms().of("263").unwrap().clone();
    form.languages = vec![Language::En];
    form.words.get_mut("failed").unwrap().en = Some(Template::parse("a\rb\0\tc\u{7F}\nd").unwrap());
    let (_, parts) = parts(&write(&event(&message, b"", &kind), &form).unwrap().raw);
    assert_eq!(parts[0].1, b"ab\tc\r\nd\r\n");
}

#[test]
fn what_a_server_said_is_found_whatever_comes_back_with_it() {
    let (message, kind) = (message(&["user@263.net"]), failed());
    for original in ["Content-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nb\r\n", ""] {
        let written = raw(&event(&message, original.as_bytes(), &kind), "263");
        assert_eq!(crate::explain::statements(&written), ["550 User Unknown"], "{original:?}");
    }
}
