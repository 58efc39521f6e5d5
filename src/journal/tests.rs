use std::io::Write as _;
use std::time::Duration;

use super::query::Field;
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

#[tokio::test]
async fn the_oldest_make_room() {
    let facts = facts("a@example.org", &["b@example.com"]);
    let journal = Journal::in_memory(2, 100_000);
    for size in [1, 2, 3] {
        put(&journal, &facts, size).await;
    }
    assert_eq!(sizes(&journal).await, [3, 2, 1]);
    put(&journal, &facts, 99_000).await;
    assert_eq!(sizes(&journal).await, [99_000], "bytes are bounded");
    put(&journal, &facts, 200_000).await;
    assert_eq!(sizes(&journal).await, [200_000], "the latest is kept even if it is too large alone");
    put(&journal, &facts, 1).await;
    assert_eq!(sizes(&journal).await, [1]);

    let journal = Arc::new(journal);
    for size in 2..=4 {
        let session = journal.begin(Session::begun(&facts, "263"));
        put(&journal, &facts, size).await;
        session.end(&facts, "closed", 0, NOW);
    }
    assert_eq!(journal.page::<Session>(&all()).await.unwrap().len(), 2, "sessions are bounded");
    assert_eq!(sizes(&journal).await, [4, 3, 2], "what is older than a session that went has gone as well");
}

#[tokio::test]
async fn the_journal_counts_envelopes_too() {
    let recipients: Vec<_> = (0..1_000).map(|number| format!("{}{number}@example.com", "x".repeat(400))).collect();
    let recipients: Vec<_> = recipients.iter().map(String::as_str).collect();
    let facts = facts("a@example.org", &recipients);
    let journal = Journal::in_memory(100, 2 << 20);
    for _ in 0..10 {
        put(&journal, &facts, 1).await;
    }
    let kept = sizes(&journal).await.len();
    assert!((1..=4).contains(&kept), "{kept}");
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest() {
    let facts = facts("a@example.org", &["b@example.com"]);
    let journal = Journal::default();
    for size in 1..=5 {
        put(&journal, &facts, size).await;
    }
    let mut query = Query { limit: 2, ..Query::default() };
    let mut seen = Vec::new();
    loop {
        let page = journal.page::<Message>(&query).await.unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some(last.id);
        seen.push(page.iter().map(|message| message.size).collect::<Vec<_>>());
    }
    assert_eq!(seen, [vec![5, 4], vec![3, 2], vec![1]]);
}

#[tokio::test]
async fn an_open_session_is_seen_as_it_is_now() {
    let journal = Arc::new(Journal::default());
    let mut facts = facts("a@example.org", &[]);
    let session = journal.begin(Session::begun(&facts, "263"));
    session.lines([(record::Speaker::Client, "EHLO x".to_owned())], NOW);
    facts.envelope.candidate = Address::parse("b@example.com");
    session.learn(&facts);
    let found = journal.find::<Session>(session.id()).await.unwrap().unwrap();
    assert_eq!((found.ended, &found.recipients[..]), (None, &["b@example.com".to_owned()][..]));
    assert_eq!(found.transcript.lines[0].text, "EHLO x");
    session.end(&facts, "closed", 12, NOW);
    let page = journal.page::<Session>(&all()).await.unwrap();
    assert_eq!((page.len(), page[0].ended, page[0].bytes), (1, Some(NOW), 12));
}

#[tokio::test]
async fn each_filter_is_told_apart() {
    let journal = Journal::default();
    let mut facts = facts("A@example.org", &["b@example.com", "c@163.com"]);
    let header = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
    let headers = vec![header("X-Campaign", "Spring 2026")];
    facts.message =
        Some(MessageFacts { headers, subject: "Your Invoice".to_owned(), ..MessageFacts::default() }.into());
    put(&journal, &facts, 1).await;
    for (field, yes, no) in [
        (Field::From, "a@EXAMPLE.org", "b@example.org"),
        (Field::From, "@example.org", "<>"),
        (Field::To, "c@", "d@"),
        (Field::To, "@163.com", ".163.com"),
        (Field::Subject, "invoice", "receipt"),
        (Field::Header, "x-campaign: spring", "x-campaign: autumn"),
        (Field::Provider, "263", "netease"),
        (Field::Stage, "message", "rcpt"),
        (Field::Verdict, "accept", "refuse"),
        (Field::Listener, "smtp", "smtps"),
    ] {
        let count = |filter| async { journal.page::<Message>(&Query { filter, ..all() }).await.unwrap().len() };
        assert_eq!(count(where_(field, yes)).await, 1, "{field:?} {yes}");
        assert_eq!(count(where_(field, no)).await, 0, "{field:?} {no}");
        let misses = journal.near_misses::<Message>(&where_(field, no)).await.unwrap();
        assert_eq!((misses.len(), misses[0].1[0].filter), (1, field.name()));
        assert!(!misses[0].1[0].found.is_empty(), "{field:?}");
    }
    assert!(Filter::default().and(Field::To, "nobody").is_err());
    let later = Filter::within(None, Some(NOW.after(Duration::from_secs(1))), None);
    assert!(journal.page::<Message>(&Query { filter: later.clone(), ..all() }).await.unwrap().is_empty());
    assert_eq!(journal.delete::<Message>(&later).await.unwrap(), 0);
    assert_eq!(journal.delete::<Message>(&where_(Field::To, "@163.com")).await.unwrap(), 1);
    assert!(sizes(&journal).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_last_that_was_waited_for() {
    let journal = Arc::new(Journal::default());
    let facts = facts("a@example.org", &["b@example.com"]);
    put(&journal, &facts, 1).await;
    let query = Query { filter: where_(Field::To, "b@example.com"), before: None, limit: 10 };
    let end = io_now() + Duration::from_secs(10);
    let waiting = tokio::spawn({
        let (journal, query) = (Arc::clone(&journal), query.clone());
        async move { journal.wait::<Message>(&query, 3, end).await.unwrap() }
    });
    tokio::task::yield_now().await;
    let mut other = facts.clone();
    other.envelope.recipients = vec![Address::parse("c@example.com").unwrap()];
    put(&journal, &other, 1).await;
    put(&journal, &facts, 2).await;
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    put(&journal, &facts, 3).await;
    let waited = waiting.await.unwrap();
    assert!(waited.complete && io_now() < end);
    assert_eq!(waited.found.iter().map(|message| message.size).collect::<Vec<_>>(), [3, 2, 1]);

    let waited = journal.wait::<Message>(&query, 4, end).await.unwrap();
    assert!(!waited.complete && io_now() >= end);
    assert_eq!(waited.found.len(), 3);
}

#[tokio::test]
async fn events_are_numbered_and_can_be_taken_up_again() {
    let journal = Journal::default();
    let facts = facts("a@example.org", &["b@example.com"]);
    for size in 1..=3 {
        put(&journal, &facts, size).await;
    }
    let (missed, mut coming) = journal.watch().since(Some(1));
    assert_eq!(missed.iter().map(|event| event.number).collect::<Vec<_>>(), [2, 3]);
    put(&journal, &facts, 4).await;
    assert_eq!(coming.recv().await.unwrap().number, 4);
    assert!(journal.watch().since(None).0.is_empty());
}

#[test]
fn a_transcript_is_bounded() {
    let mut transcript = record::Transcript::default();
    for _ in 0..2_000 {
        transcript.push(record::Line { at: NOW, by: record::Speaker::Client, text: "x".repeat(1000) });
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
    assert_eq!(Content::in_memory(*b"0123").read_head(3).unwrap(), b"012");
}
