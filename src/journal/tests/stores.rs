//! What every store must do, run against each.

use std::io::Write as _;
use std::path::PathBuf;

use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;

use super::disks::{
    an_encoding_that_lacks_letters_is_not_taken, every_disk, processes_share, tables_may_be_another_roles,
};
use super::outbox::what_waits_is_due_by_its_lane_s_clock;
use super::*;
use crate::clock::Clock;

#[path = "../../../tests/postgres.rs"]
pub(in crate::journal) mod postgres;

use postgres::Postgres;

/// Where journals are made.
pub(super) enum Stores {
    Memory,
    Sqlite(TempDir),
    Postgres(Postgres),
}

impl Stores {
    /// A journal of this kind, empty, and where it is.
    pub(super) async fn empty(&self, keep: Keep, clock: &Clock) -> (Arc<Journal>, Location) {
        let name = format!("j{}", Id::new().to_string().replace('-', ""));
        let location = match self {
            Self::Memory => Location::Memory,
            // What has a meaning in a URL has none in a name.
            Self::Sqlite(folder) => Location::Sqlite(folder.path().join(format!("{name} a%20?#.db"))),
            Self::Postgres(postgres) => {
                let mut connection = sqlx::PgConnection::connect(&postgres.url("postgres")).await.unwrap();
                connection.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await.unwrap();
                Location::parse(&postgres.url(&name), |file| PathBuf::from(file)).unwrap()
            }
        };
        (reopen(&location, keep, clock).await, location)
    }

    async fn journal(&self) -> Arc<Journal> {
        self.empty(Keep::default(), &Clock::system()).await.0
    }
}

pub(super) async fn reopen(location: &Location, keep: Keep, clock: &Clock) -> Arc<Journal> {
    Journal::open(location, keep, clock.clone()).await.unwrap().into()
}

#[tokio::test]
async fn memory() {
    every_store(&Stores::Memory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    let stores = Stores::Sqlite(tempfile::tempdir().unwrap());
    every_store(&stores).await;
    every_disk(&stores).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let stores = Stores::Postgres(Postgres::start());
    every_store(&stores).await;
    every_disk(&stores).await;
    processes_share(&stores).await;
    tables_may_be_another_roles(&stores).await;
    an_encoding_that_lacks_letters_is_not_taken(&stores).await;
}

async fn every_store(stores: &Stores) {
    the_oldest_make_room(stores).await;
    what_is_too_old_goes(stores).await;
    the_journal_counts_envelopes_too(stores).await;
    pages_go_from_the_newest_to_the_oldest(stores).await;
    what_was_kept_comes_back_as_it_was(stores).await;
    a_large_message_comes_back_whole(stores).await;
    an_open_session_is_seen_as_it_is_now(stores).await;
    long_transcripts_come_back_within_bounds(stores).await;
    each_filter_is_told_apart(stores).await;
    moments_are_told_apart_by_milliseconds(stores).await;
    waiting_ends_with_the_last_that_was_waited_for(stores).await;
    events_are_numbered_and_can_be_taken_up_again(stores).await;
    what_waits_is_due_by_its_lane_s_clock(stores).await;
}

async fn the_oldest_make_room(stores: &Stores) {
    let facts = facts("a@example.org", &["b@example.com"]);
    let clock = Clock::system();
    let (journal, _) = stores.empty(Keep { sessions: 2, bytes: 100_000, age: None }, &clock).await;
    let swept = async |size| {
        put(&journal, &facts, size).await;
        journal.sweep().await.unwrap();
        sizes(&journal).await
    };
    swept(1).await;
    swept(2).await;
    assert_eq!(swept(3).await, [3, 2, 1]);
    assert_eq!(swept(99_000).await, [99_000], "bytes are bounded");
    assert_eq!(swept(200_000).await, [200_000], "the latest is kept even if it is too large alone");
    assert_eq!(swept(1).await, [1]);
    for size in 2..=4 {
        let session = journal.begin(Session::begun(&facts, "263"));
        put(&journal, &facts, size).await;
        session.end(&facts, "closed", 0, NOW);
    }
    journal.sweep().await.unwrap();
    assert_eq!(journal.page::<Session>(&all()).await.unwrap().len(), 2, "sessions are bounded");
    assert_eq!(sizes(&journal).await, [4, 3, 2], "what is older than a session that went has gone as well");
}

async fn what_is_too_old_goes(stores: &Stores) {
    let facts = facts("a@example.org", &["b@example.com"]);
    let clock = Clock::standing(NOW);
    let age = Some(Duration::from_secs(3600));
    let (journal, _) = stores.empty(Keep { age, ..Keep::default() }, &clock).await;
    put(&journal, &facts, 1).await;
    let mut later = message(&facts, Vec::new(), 2);
    later.received = NOW.after(Duration::from_secs(1));
    journal.message(later, Content::in_memory([0; 2])).await.unwrap();
    clock.advance(Duration::from_secs(3600));
    journal.sweep().await.unwrap();
    assert_eq!(sizes(&journal).await, [2, 1]);
    clock.advance(Duration::from_millis(1));
    journal.sweep().await.unwrap();
    assert_eq!(sizes(&journal).await, [2]);
}

async fn the_journal_counts_envelopes_too(stores: &Stores) {
    let recipients: Vec<_> = (0..1_000).map(|number| format!("{}{number}@example.com", "x".repeat(400))).collect();
    let recipients: Vec<_> = recipients.iter().map(String::as_str).collect();
    let facts = facts("a@example.org", &recipients);
    let (journal, _) = stores.empty(Keep { sessions: 100, bytes: 2 << 20, age: None }, &Clock::system()).await;
    for _ in 0..10 {
        put(&journal, &facts, 1).await;
    }
    journal.sweep().await.unwrap();
    let kept = sizes(&journal).await.len();
    assert!((1..=4).contains(&kept), "{kept}");
}

async fn pages_go_from_the_newest_to_the_oldest(stores: &Stores) {
    let facts = facts("a@example.org", &["b@example.com"]);
    let journal = stores.journal().await;
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

async fn what_was_kept_comes_back_as_it_was(stores: &Stores) {
    let journal = stores.journal().await;
    let mut facts = facts("<>", &["a'b@example.com", "用户@例子.example"]);
    facts.login = Some("u\u{0}\u{1F600}'\"\\".to_owned());
    facts.tls = Some(Tls { version: "TLSv1.3".to_owned(), cipher: "x".to_owned() });
    let fates = vec![Fate::Folder("垃圾邮件".to_owned()), Fate::Replaced(Replacement::VirusNotice)];
    let bytes: Vec<u8> = (0..=255).collect();
    let kept = journal.message(message(&facts, fates, 256), Content::in_memory(bytes.clone())).await.unwrap();
    let found = journal.find::<Message>(kept.id).await.unwrap().unwrap();
    assert_eq!(found, kept);
    assert_eq!(journal.content(kept.id).await.unwrap().unwrap().read_all().unwrap(), bytes);
    assert!(journal.find::<Session>(kept.id).await.unwrap().is_none(), "it is a message");
    assert!(journal.content(Id::new()).await.unwrap().is_none());
    let empty = journal.message(message(&facts, Vec::new(), 0), Content::default()).await.unwrap();
    assert!(journal.content(empty.id).await.unwrap().unwrap().is_empty());
}

async fn a_large_message_comes_back_whole(stores: &Stores) {
    let journal = stores.journal().await;
    let facts = facts("a@example.org", &["b@example.com"]);
    let bytes: Vec<u8> = (0_u32..35 << 20).map(|number| (number % 251) as u8).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let size = bytes.len() as u64;
    for content in [Content::in_file(file, size), Content::in_memory(bytes.clone())] {
        let kept = journal.message(message(&facts, Vec::new(), size), content).await.unwrap();
        let found = journal.content(kept.id).await.unwrap().unwrap();
        assert_eq!(found.len(), size);
        assert!(found.read_all().unwrap() == bytes);
    }
}

async fn an_open_session_is_seen_as_it_is_now(stores: &Stores) {
    let journal = stores.journal().await;
    let mut facts = facts("a@example.org", &[]);
    let session = journal.begin(Session::begun(&facts, "263"));
    session.lines([(Speaker::Client, "EHLO x".to_owned())], NOW);
    facts.envelope.candidate = Address::parse("b@example.com");
    session.learn(&facts);
    let found = journal.find::<Session>(session.id()).await.unwrap().unwrap();
    assert_eq!((found.ended, &found.recipients[..]), (None, &["b@example.com".to_owned()][..]));
    assert_eq!(found.transcript.lines[0].text, "EHLO x");
    session.end(&facts, "closed", 12, NOW);
    // At once, and once it is written.
    for _ in 0..2 {
        let page = journal.page::<Session>(&all()).await.unwrap();
        assert_eq!((page.len(), page[0].ended, page[0].bytes), (1, Some(NOW), 12));
        let found = journal.find::<Session>(session.id()).await.unwrap().unwrap();
        assert_eq!(found.ended, Some(NOW));
        journal.sweep().await.unwrap();
    }
}

async fn long_transcripts_come_back_within_bounds(stores: &Stores) {
    let journal = stores.journal().await;
    let facts = facts("a@example.org", &["b@example.com"]);
    let mut said = Vec::new();
    // The last is longer than one part of what a database keeps by itself, and than what a session keeps.
    for lines in [1, 2_000, 30_000] {
        let session = journal.begin(Session::begun(&facts, "263"));
        let texts: Vec<_> = (0..lines).map(|number| format!("NOOP {number}")).collect();
        session.lines(texts.iter().map(|text| (Speaker::Client, text.clone())), NOW);
        session.end(&facts, "closed", 0, NOW);
        said.push(texts);
    }
    journal.sweep().await.unwrap();
    let listed = journal.page::<Session>(&all()).await.unwrap();
    let whole = journal.whole(listed.clone(), u64::MAX).await.unwrap();
    for ((listed, whole), said) in listed.iter().zip(&whole).zip(said.iter().rev()) {
        assert_eq!((listed.id, listed.weight() <= whole.weight()), (whole.id, true));
        assert_eq!(journal.find::<Session>(whole.id).await.unwrap().as_ref(), Some(whole));
        let texts = whole.transcript.lines.iter().map(|line| &line.text);
        assert!(texts.eq(&said[..whole.transcript.lines.len()]));
        assert_eq!(whole.transcript.lines.len() + whole.transcript.left_out as usize, said.len());
    }
    let weights: Vec<_> = whole.iter().map(|session| session.weight()).collect();
    assert_eq!(whole.len(), 3);
    for (most, count) in [(0, 1), (weights[0], 1), (weights[0] + weights[1], 2), (u64::MAX, 3)] {
        assert_eq!(journal.whole(listed.clone(), most).await.unwrap().len(), count, "{most}");
    }
    assert_eq!(journal.delete::<Session>(&Filter::default()).await.unwrap(), 3);
}

async fn each_filter_is_told_apart(stores: &Stores) {
    let journal = stores.journal().await;
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
    let elsewhere = Filter::within(Some("elsewhere".to_owned()), None, None);
    assert_eq!(journal.delete::<Message>(&elsewhere).await.unwrap(), 0);
    assert_eq!(journal.delete::<Message>(&where_(Field::To, "@163.com")).await.unwrap(), 1);
    assert!(sizes(&journal).await.is_empty());
}

async fn moments_are_told_apart_by_milliseconds(stores: &Stores) {
    let journal = stores.journal().await;
    let facts = facts("a@example.org", &["b@example.com"]);
    let mut exact = message(&facts, Vec::new(), 0);
    exact.received = NOW.after(Duration::from_nanos(1_000_500));
    journal.message(exact, Content::default()).await.unwrap();
    for (since, until, wanted) in [
        (Some(0), None, 1),
        (Some(1_000_999), None, 1),
        (Some(2_000_000), None, 0),
        (None, Some(1_000_999), 0),
        (None, Some(2_000_000), 1),
        (Some(1_000_000), Some(2_000_000), 1),
    ] {
        let moment = |nanos: Option<u64>| nanos.map(|nanos| NOW.after(Duration::from_nanos(nanos)));
        let filter = Filter::within(Some("default".to_owned()), moment(since), moment(until));
        let found = journal.page::<Message>(&Query { filter, ..all() }).await.unwrap();
        assert_eq!(found.len(), wanted, "{since:?} {until:?}");
    }
}

async fn waiting_ends_with_the_last_that_was_waited_for(stores: &Stores) {
    let journal = stores.journal().await;
    let facts = facts("a@example.org", &["b@example.com"]);
    put(&journal, &facts, 1).await;
    let query = Query { filter: where_(Field::To, "b@example.com"), before: None, limit: 10 };
    let end = io_now() + Duration::from_secs(30);
    let waiting = tokio::spawn({
        let (journal, query) = (Arc::clone(&journal), query.clone());
        async move { journal.wait::<Message>(&query, 3, end).await.unwrap() }
    });
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

    let waited = journal.wait::<Message>(&query, 4, io_now()).await.unwrap();
    assert!(!waited.complete);
    assert_eq!(waited.found.len(), 3);
}

async fn events_are_numbered_and_can_be_taken_up_again(stores: &Stores) {
    let journal = stores.journal().await;
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
