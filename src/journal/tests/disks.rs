//! What every store on disk must do besides.

use std::path::PathBuf;

use sqlx::{Connection as _, Executor as _};

use super::stores::{Stores, reopen};
use super::*;
use crate::clock::Clock;

pub(super) async fn every_disk(stores: &Stores) {
    all_is_there_when_it_is_opened_again(stores).await;
    many_are_committed_together(stores).await;
    a_page_goes_on_until_it_is_full(stores).await;
    the_store_may_go_and_come_back(stores).await;
    a_file_that_was_removed_is_not_written_to(stores).await;
    a_file_that_was_replaced_is_left_whole(stores).await;
    two_may_open_a_new_one_at_once(stores).await;
    tables_of_another_mockmx_are_not_touched(stores).await;
}

async fn all_is_there_when_it_is_opened_again(stores: &Stores) {
    let clock = Clock::system();
    let (journal, location) = stores.empty(Keep::default(), &clock).await;
    let facts = facts("a@example.org", &["b@example.com"]);
    let session = journal.begin(Session::begun(&facts, "263"));
    put(&journal, &facts, 7).await;
    session.end(&facts, "closed", 1, NOW);
    journal.close(io_now() + Duration::from_secs(30)).await;
    assert!(journal.message(message(&facts, Vec::new(), 0), Content::default()).await.is_err());
    let again = reopen(&location, Keep::default(), &clock).await;
    assert_eq!(sizes(&again).await, [7]);
    assert_eq!(again.find::<Session>(session.id()).await.unwrap().unwrap().bytes, 1);
}

async fn many_are_committed_together(stores: &Stores) {
    let journal = stores.empty(Keep::default(), &Clock::system()).await.0;
    let facts = Arc::new(facts("a@example.org", &["b@example.com"]));
    let tasks = (0..300_usize).map(|size| {
        let (journal, facts) = (Arc::clone(&journal), Arc::clone(&facts));
        tokio::spawn(async move { put(&journal, &facts, size).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let mut sizes = sizes(&journal).await;
    sizes.sort_unstable();
    assert_eq!(sizes, (0..300).collect::<Vec<_>>());
}

async fn a_page_goes_on_until_it_is_full(stores: &Stores) {
    let journal = stores.empty(Keep::default(), &Clock::system()).await.0;
    let (few, many) = (facts("a@example.org", &["b@example.com"]), facts("a@example.org", &["c@example.com"]));
    for number in 0..450 {
        let facts = if number % 150 == 0 { &few } else { &many };
        let session = journal.begin(Session::begun(facts, "263"));
        session.end(facts, if number % 150 == 0 { "closed" } else { "reset" }, number, NOW);
        if number % 150 == 0 {
            put(&journal, &few, 1).await;
        } else if number % 3 == 0 {
            put(&journal, &many, 2).await;
        }
    }
    journal.sweep().await.unwrap();
    let query = Query { filter: where_(Field::To, "b@example.com"), before: None, limit: 3 };
    assert_eq!(journal.page::<Message>(&query).await.unwrap().len(), 3);
    assert_eq!(journal.page::<Session>(&all()).await.unwrap().len(), 450);
    let some = Query { limit: 420, ..Query::default() };
    assert_eq!(journal.page::<Session>(&some).await.unwrap().len(), 420);
    assert_eq!(journal.delete::<Message>(&where_(Field::To, "c@example.com")).await.unwrap(), 147);
    assert_eq!(sizes(&journal).await, [1, 1, 1]);
}

async fn the_store_may_go_and_come_back(stores: &Stores) {
    let (journal, location) = stores.empty(Keep::default(), &Clock::system()).await;
    let facts = facts("a@example.org", &["b@example.com"]);
    put(&journal, &facts, 1).await;
    run(&location, "alter table records rename to gone").await;
    let session = journal.begin(Session::begun(&facts, "263"));
    session.end(&facts, "closed", 1, NOW);
    assert!(journal.obstacle().await.is_some());
    assert!(journal.page::<Message>(&all()).await.is_err());
    // Whoever gives up is not kept later on either.
    let given_up = journal.message(message(&facts, Vec::new(), 2), Content::default());
    assert!(tokio::time::timeout(Duration::ZERO, given_up).await.is_err());
    let waits = tokio::spawn({
        let (journal, message) = (Arc::clone(&journal), message(&facts, Vec::new(), 3));
        async move { journal.message(message, Content::default()).await }
    });
    run(&location, "alter table gone rename to records").await;
    waits.await.unwrap().unwrap();
    assert_eq!(sizes(&journal).await, [3, 1]);
    assert_eq!(journal.obstacle().await, None);
    assert_eq!(journal.page::<Session>(&all()).await.unwrap().len(), 1);
}

async fn a_file_that_was_removed_is_not_written_to(stores: &Stores) {
    for removed in [&["", "-wal", "-shm"][..], &[""]] {
        let (journal, location) = stores.empty(Keep::default(), &Clock::system()).await;
        let Location::Sqlite(file) = &location else { return };
        let facts = facts("a@example.org", &["b@example.com"]);
        put(&journal, &facts, 1).await;
        // A reader has it open too.
        assert_eq!(sizes(&journal).await, [1]);
        removed.iter().for_each(|end| std::fs::remove_file(beside(file, end)).unwrap());
        put(&journal, &facts, 2).await;
        assert_eq!(sizes(&journal).await, [2]);
        assert_eq!(sizes(&*reopen(&location, Keep::default(), &Clock::system()).await).await, [2]);
    }
}

async fn a_file_that_was_replaced_is_left_whole(stores: &Stores) {
    let facts = facts("a@example.org", &["b@example.com"]);
    for stops_first in [false, true] {
        let (other, backup) = stores.empty(Keep::default(), &Clock::system()).await;
        let Location::Sqlite(backup) = backup else { return };
        for _ in 0..20 {
            put(&other, &facts, 7_000).await;
        }
        other.close(io_now() + Duration::from_secs(30)).await;
        let (journal, location) = stores.empty(Keep::default(), &Clock::system()).await;
        let Location::Sqlite(file) = &location else { return };
        for size in 0..50 {
            put(&journal, &facts, size * 100).await;
        }
        assert_eq!(sizes(&journal).await.len(), 50);
        std::fs::rename(backup, file).unwrap();
        let mut wanted = vec![7_000; 20];
        if !stops_first {
            // It must not be given the log of the one that was there before, which only its name tells from its own.
            put(&journal, &facts, 1).await;
            wanted.insert(0, 1);
            assert_eq!(sizes(&journal).await, wanted);
        }
        journal.close(io_now() + Duration::from_secs(30)).await;
        assert_eq!(sizes(&*reopen(&location, Keep::default(), &Clock::system()).await).await, wanted);
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        let check: String = sqlx::query_scalar("pragma integrity_check").fetch_one(&mut connection).await.unwrap();
        assert_eq!(check, "ok");
    }
}

async fn two_may_open_a_new_one_at_once(stores: &Stores) {
    let (_, location) = stores.empty(Keep::default(), &Clock::system()).await;
    let location = match location {
        Location::Sqlite(file) => Location::Sqlite(file.with_extension("new")),
        other => other,
    };
    run(
        &location,
        "drop table if exists contents; drop table if exists records; drop table if exists _sqlx_migrations",
    )
    .await;
    let clock = Clock::system();
    let open = || Journal::open(&location, Keep::default(), clock.clone());
    let (a, b, c, d) = tokio::join!(open(), open(), open(), open());
    for journal in [a, b, c, d] {
        put(&journal.unwrap(), &facts("a@example.org", &["b@example.com"]), 1).await;
    }
}

async fn tables_of_another_mockmx_are_not_touched(stores: &Stores) {
    let (journal, location) = stores.empty(Keep::default(), &Clock::system()).await;
    journal.close(io_now() + Duration::from_secs(30)).await;
    run(
        &location,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
         select 2, 'more', true, checksum, 0 from _sqlx_migrations",
    )
    .await;
    let error = Journal::open(&location, Keep::default(), Clock::system()).await.unwrap_err();
    assert_eq!(error.0, "its tables were made by a newer mockmx, or by another program");
    run(&location, "delete from _sqlx_migrations where version = 2; update _sqlx_migrations set checksum = 'x'").await;
    let error = Journal::open(&location, Keep::default(), Clock::system()).await.unwrap_err();
    assert_eq!(error.0, "its tables are not as this mockmx makes them, or are another program's");
}

fn beside(file: &std::path::Path, end: &str) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(end);
    name.into()
}

/// Runs a statement beside the journal.
async fn run(location: &Location, sql: &'static str) {
    match location {
        Location::Memory => {}
        Location::Sqlite(file) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
            sqlx::SqliteConnection::connect_with(&options).await.unwrap().execute(sql).await.unwrap();
        }
        Location::Postgres(url) => {
            let mut connection = sqlx::PgConnection::connect_with(&url.options().unwrap()).await.unwrap();
            connection.execute(sql).await.unwrap();
        }
    }
}

pub(super) async fn processes_share(stores: &Stores) {
    let clock = Clock::system();
    let (one, location) = stores.empty(Keep::default(), &clock).await;
    let other = reopen(&location, Keep::default(), &clock).await;
    let facts = facts("a@example.org", &["b@example.com"]);
    put(&one, &facts, 1).await;
    let end = io_now() + Duration::from_secs(30);
    let waiting = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.wait::<Message>(&Query { limit: 9, ..Query::default() }, 3, end).await.unwrap() }
    });
    put(&other, &facts, 2).await;
    put(&one, &facts, 3).await;
    let waited = waiting.await.unwrap();
    assert!(waited.complete && io_now() < end);
    assert_eq!(waited.found.iter().map(|message| message.size).collect::<Vec<_>>(), [3, 2, 1]);
}

pub(super) async fn tables_may_be_another_roles(stores: &Stores) {
    let (journal, location) = stores.empty(Keep::default(), &Clock::system()).await;
    let facts = facts("a@example.org", &["b@example.com"]);
    put(&journal, &facts, 1).await;
    run(&location, "create role low login; grant select, insert, update, delete on all tables in schema public to low")
        .await;
    let Location::Postgres(url) = &location else { panic!("{location}") };
    let low = Location::parse(&url.secret().replacen("mockmx@", "low@", 1), |file| PathBuf::from(file)).unwrap();
    let journal = reopen(&low, Keep { sessions: 1, bytes: 10, age: None }, &Clock::system()).await;
    put(&journal, &facts, 2).await;
    journal.sweep().await.unwrap();
    assert_eq!(sizes(&journal).await, [2]);
}

pub(super) async fn an_encoding_that_lacks_letters_is_not_taken(stores: &Stores) {
    let (_, location) = stores.empty(Keep::default(), &Clock::system()).await;
    for (encoding, create) in [
        ("latin1", "create database latin1 encoding 'LATIN1' template template0"),
        ("sql_ascii", "create database sql_ascii encoding 'SQL_ASCII' template template0"),
    ] {
        run(&location, create).await;
        let Location::Postgres(url) = &location else { panic!("{location}") };
        let (server, _) = url.secret().rsplit_once('/').unwrap();
        let there = Location::parse(&format!("{server}/{encoding}"), |file| PathBuf::from(file)).unwrap();
        let opened = Journal::open(&there, Keep::default(), Clock::system()).await;
        if encoding == "latin1" {
            let error = opened.unwrap_err().0;
            assert_eq!(error, "its encoding is LATIN1, which cannot hold all text; it must be UTF8");
            continue;
        }
        let mut facts = facts("a@example.org", &["b@example.com"]);
        facts.login = Some("用户\u{1F600}\u{0}".to_owned());
        let journal = opened.unwrap();
        put(&journal, &facts, 1).await;
        let page = journal.page::<Message>(&all()).await.unwrap();
        assert_eq!(page[0].login, facts.login);
    }
}
