use std::io::Write as _;

use super::*;
use crate::facts::{Role, TlsMode, loopback};
use crate::verdict::{Action, Replacement};

fn facts(sender: &str, recipients: &[&str]) -> Facts {
    let listener =
        Listener { name: "smtp".to_owned(), role: Role::Mx, tls: TlsMode::None, provider: None, trigger: None };
    let mut facts = Facts::new(SessionId(7), Arc::new(listener), loopback(), Time::from_unix_seconds(1_201_824_000));
    facts.helo = Some(Helo { extended: true, name: "client.example".to_owned() });
    facts.envelope.sender = Some(Address::parse(sender).map_or(ReversePath::Null, ReversePath::Mailbox));
    facts.envelope.recipients = recipients.iter().map(|text| Address::parse(text).unwrap()).collect();
    facts
}

fn message(facts: &Facts, fates: Vec<Fate>, content: Content) -> Message {
    let verdict = Verdict { fates, ..Verdict::of(Action::Accept) };
    Message::accepted(facts, &verdict, "263.net", content, Time::from_unix_seconds(1_201_824_000))
}

fn delivered(message: &Message, recipient: usize) -> String {
    String::from_utf8(message.delivered(recipient).unwrap().unwrap()).unwrap()
}

#[test]
fn a_delivered_copy_has_the_trace_in_front() {
    let facts = facts("a@example.org", &["b@example.com", "c@example.com"]);
    let message = message(&facts, Vec::new(), Content::in_memory(*b"Subject: x\r\n\r\ny\r\n"));
    let id = facts.queue_id();
    assert_eq!(
        delivered(&message, 1),
        format!(
            "Return-Path: <a@example.org>\r\nReceived: from client.example ([127.0.0.1])\r\n\tby 263.net (mockmx) with \
             ESMTP id {id}\r\n\tfor <c@example.com>;\r\n\tFri, 1 Feb 2008 00:00:00 +0000\r\nSubject: x\r\n\r\ny\r\n"
        )
    );
    assert!(message.delivered(2).unwrap().is_none());
}

#[test]
fn the_protocol_is_named_as_it_was_spoken() {
    let mut facts = facts("", &["b@example.com"]);
    let with = |facts: &Facts| {
        let copy = delivered(&message(facts, Vec::new(), Content::in_memory(*b"")), 0);
        copy.split(" with ").last().unwrap().split(' ').next().unwrap().to_owned()
    };
    assert_eq!(with(&facts), "ESMTP");
    facts.tls = Some(Tls { version: "TLSv1.3".to_owned(), cipher: "TLS13_AES_256_GCM_SHA384".to_owned() });
    assert_eq!(with(&facts), "ESMTPS");
    facts.login = Some("b@example.com".to_owned());
    assert_eq!(with(&facts), "ESMTPSA");
    facts.envelope.parameters.utf8 = true;
    assert_eq!(with(&facts), "UTF8SMTPSA");
    facts.helo = Some(Helo { extended: false, name: String::new() });
    assert_eq!(with(&facts), "SMTP");
}

#[test]
fn a_hostile_name_cannot_add_a_header_field() {
    let mut facts = facts("", &["b@example.com"]);
    facts.helo = Some(Helo { extended: true, name: "x)\r\nBcc: y;\u{0}".to_owned() });
    let copy = delivered(&message(&facts, Vec::new(), Content::in_memory(*b"")), 0);
    assert!(copy.starts_with("Return-Path: <>\r\nReceived: from x???Bcc:?y?? ([127.0.0.1])\r\n\tby "), "{copy}");
}

#[test]
fn each_recipient_finds_what_its_fate_says() {
    let facts = facts("a@example.org", &["b@example.com", "c@example.com", "d@example.com"]);
    let fates = vec![Fate::Discarded, Fate::Replaced(Replacement::VirusNotice)];
    let message = message(&facts, fates, Content::in_memory(*b"Subject: x\r\n\r\noriginal\r\n"));
    assert!(message.delivered(0).unwrap().is_none());
    let notice = delivered(&message, 1);
    assert!(notice.starts_with("Return-Path: <a@example.org>\r\nReceived: "), "{notice}");
    assert!(notice.contains("original.zip") && !notice.contains("\r\noriginal\r\n"), "{notice}");
    assert_eq!(notice, delivered(&message, 1));
    assert!(delivered(&message, 2).ends_with("+0000\r\nSubject: x\r\n\r\noriginal\r\n"));
    assert_eq!(message.deliveries[2].fate, Fate::Inbox);
}

#[test]
fn the_oldest_make_room() {
    let facts = facts("a@example.org", &["b@example.com"]);
    let sizes = |journal: &Journal| journal.messages().iter().map(|m| m.content.len()).collect::<Vec<_>>();
    let put = |journal: &Journal, size: usize| {
        journal.record(message(&facts, Vec::new(), Content::in_memory(vec![b'x'; size])));
    };

    let journal = Journal::with_bounds(2, 100_000);
    for size in [1, 2, 3] {
        put(&journal, size);
    }
    assert_eq!(sizes(&journal), [2, 3]);
    put(&journal, 99_500);
    assert_eq!(sizes(&journal), [99_500]);
    put(&journal, 200_000);
    assert_eq!(sizes(&journal), [200_000]);
    put(&journal, 1);
    assert_eq!(sizes(&journal), [1]);
}

#[test]
fn the_journal_counts_envelopes_too() {
    let recipients: Vec<_> = (0..1_000).map(|number| format!("{}{number}@example.com", "x".repeat(400))).collect();
    let recipients: Vec<_> = recipients.iter().map(String::as_str).collect();
    let facts = facts("a@example.org", &recipients);
    let journal = Journal::with_bounds(100, 2 << 20);
    for _ in 0..10 {
        journal.record(message(&facts, Vec::new(), Content::in_memory(*b"x")));
    }
    let kept = journal.messages().len();
    assert!((1..=3).contains(&kept), "{kept}");
}

#[test]
fn bytes_in_a_file_read_as_those_in_memory() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123456789 beyond").unwrap();
    let content = Content::in_file(file, 10);
    assert_eq!(content.len(), 10);
    assert!(content.memory().is_none());
    assert_eq!(content.read_all().unwrap(), b"0123456789");
    assert_eq!(content.clone().read_head(3).unwrap(), b"012");
    assert_eq!(Content::in_memory(*b"0123").read_head(3).unwrap(), b"012");
}
