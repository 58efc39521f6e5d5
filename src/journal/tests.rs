mod disks;
mod outbox;
pub(super) mod stores;

use std::io::Write as _;
use std::time::Duration;

use super::query::Field;
use super::record::Speaker;
use super::*;
use crate::address::Address;
use crate::clock::{Time, io_now};
use crate::facts::{Facts, Helo, Listener, ReversePath, Role, SessionId, Tls, TlsMode, loopback};
use crate::message::{Header, MessageFacts};
use crate::verdict::{self, Action, Fate, Replacement};

const NOW: Time = Time::from_unix_seconds(1_201_824_000);

fn facts(sender: &str, recipients: &[&str]) -> Facts {
    let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
    let mut facts = Facts::new(SessionId(7), Arc::new(listener), loopback(), NOW);
    facts.helo = Some(Helo { extended: true, name: "client.example".to_owned() });
    facts.envelope.sender = Some(Address::parse(sender).map_or(ReversePath::Null, ReversePath::Mailbox));
    facts.envelope.recipients = recipients.iter().map(|text| Address::parse(text).unwrap()).collect();
    facts
}

fn message(facts: &Facts, fates: Vec<Fate>, size: u64) -> Message {
    let verdict = verdict::Verdict { fates, ..verdict::Verdict::of(Action::Accept) };
    let host = ("263.net", vec!["263".to_owned()]);
    Message::accepted(Id::new(), facts, &verdict, host, Vec::new(), size, NOW)
}

fn delivered(message: &Message, content: &Content, recipient: usize) -> String {
    String::from_utf8(message.delivered(content, recipient).unwrap().unwrap()).unwrap()
}

async fn put(journal: &Journal, facts: &Facts, size: usize) {
    let message = message(facts, Vec::new(), size as u64);
    journal.message(message, Content::in_memory(vec![b'x'; size])).await.unwrap();
}

fn all() -> Query {
    Query { limit: usize::MAX, ..Query::default() }
}

fn where_(field: Field, wanted: &str) -> Filter {
    Filter::default().and(field, wanted).unwrap()
}

async fn sizes(journal: &Journal) -> Vec<u64> {
    journal.page::<Message>(&all()).await.unwrap().iter().map(|message| message.size).collect()
}

#[tokio::test]
async fn events_do_not_keep_transcripts() {
    let journal = Arc::new(Journal::default());
    let open = journal.begin(Session::begun(&facts("a@example.org", &[]), "263"));
    open.lines([(Speaker::Client, "NOOP".to_owned())], NOW);
    assert_eq!(journal.page::<Session>(&all()).await.unwrap()[0].transcript.lines.len(), 1);
    open.end(&facts("a@example.org", &[]), "closed", 4, NOW);
    let (events, _) = journal.watch().since(Some(0));
    let lines = |event: &watch::Event| match &event.entry {
        Entry::Session(session) => session.transcript.lines.len(),
        _ => unreachable!(),
    };
    assert_eq!(events.iter().map(lines).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(journal.page::<Session>(&all()).await.unwrap()[0].transcript.lines.len(), 1);
}

#[test]
fn a_delivered_copy_has_the_trace_in_front() {
    let facts = facts("a@example.org", &["b@example.com", "c@example.com"]);
    let content = Content::in_memory(*b"Subject: x\r\n\r\ny\r\n");
    let message = message(&facts, Vec::new(), content.len());
    let id = facts.queue_id();
    assert_eq!(
        delivered(&message, &content, 1),
        format!(
            "Return-Path: <a@example.org>\r\nReceived: from client.example ([127.0.0.1])\r\n\tby 263.net (mockmx) with \
             ESMTP id {id}\r\n\tfor <c@example.com>;\r\n\tFri, 1 Feb 2008 00:00:00 +0000\r\nSubject: x\r\n\r\ny\r\n"
        )
    );
    assert!(message.delivered(&content, 2).unwrap().is_none());
}

#[test]
fn the_protocol_is_named_as_it_was_spoken() {
    let mut facts = facts("", &["b@example.com"]);
    let with = |facts: &Facts| {
        let copy = delivered(&message(facts, Vec::new(), 0), &Content::default(), 0);
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
    let copy = delivered(&message(&facts, Vec::new(), 0), &Content::default(), 0);
    assert!(copy.starts_with("Return-Path: <>\r\nReceived: from x???Bcc:?y?? ([127.0.0.1])\r\n\tby "), "{copy}");
}

#[test]
fn each_recipient_finds_what_its_fate_says() {
    let facts = facts("a@example.org", &["b@example.com", "c@example.com", "d@example.com"]);
    let fates = vec![Fate::Discarded, Fate::Replaced(Replacement::VirusNotice)];
    let content = Content::in_memory(*b"Subject: x\r\n\r\noriginal\r\n");
    let message = message(&facts, fates, content.len());
    assert!(message.delivered(&content, 0).unwrap().is_none());
    let notice = delivered(&message, &content, 1);
    assert!(notice.starts_with("Return-Path: <a@example.org>\r\nReceived: "), "{notice}");
    assert!(notice.contains("original.zip") && !notice.contains("\r\noriginal\r\n"), "{notice}");
    assert_eq!(notice, delivered(&message, &content, 1));
    assert!(delivered(&message, &content, 2).ends_with("+0000\r\nSubject: x\r\n\r\noriginal\r\n"));
    assert_eq!(message.deliveries[2].fate, Fate::Inbox);
}

#[test]
fn a_transcript_is_bounded() {
    let mut transcript = record::Transcript::default();
    for _ in 0..2_000 {
        transcript.push(record::Line::new(NOW, Speaker::Client, "x".repeat(1000)));
    }
    assert!(transcript.left_out > 900 && transcript.lines.len() > 900, "{}", transcript.left_out);
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
    assert_eq!(content.read_at(7, 9).unwrap(), b"789");
    assert!(content.read_at(11, 9).unwrap().is_empty());
    assert_eq!(Content::in_memory(*b"0123").read_at(1, 2).unwrap(), b"12");
    assert_eq!(Content::in_memory(*b"0123").read_head(3).unwrap(), b"012");
}

#[test]
fn events_that_are_remembered_are_bounded_in_bytes() {
    let facts = facts("a@example.org", &[]);
    let watch = Watch::default();
    for number in 0..200 {
        let mut session = Session::begun(&facts, "263");
        session.recipients = vec!["x".repeat(1_000_000)];
        session.bytes = number;
        watch.tell(Entry::Session(Arc::new(session)));
    }
    let (remembered, _) = watch.since(Some(0));
    assert!((60..70).contains(&remembered.len()), "{}", remembered.len());
    assert_eq!(remembered.last().unwrap().number, 200);
}
