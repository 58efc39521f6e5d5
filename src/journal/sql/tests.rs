use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AnyConnection, Connection as _, Executor as _, Row as _};

use super::connect::Door;
use super::files::Files;
use super::queue::Queue;
use super::rows::{self, Row, statement};
use super::writer::Writer;
use crate::clock::{Clock, Time};
use crate::facts::{Facts, Listener, Role, SessionId, TlsMode, loopback};
use crate::journal::record::{Id, Kind, Session};
use crate::journal::tests::stores::postgres::Postgres;
use crate::journal::{Entry, Keep, Location};

async fn connect(location: &Location) -> AnyConnection {
    Door::to(location).unwrap().connect().await.unwrap()
}

fn row(weight: u64) -> Row {
    Row {
        id: Id::new(),
        kind: Kind::Message,
        lane: "default".to_owned(),
        at: Time::from_unix_seconds(1_201_824_000),
        weight,
        doc: "{}".to_owned(),
        bulk: None,
    }
}

async fn number(connection: &mut AnyConnection, sql: &str) -> i64 {
    statement(sql.to_owned()).fetch_one(connection).await.unwrap().try_get(0).unwrap()
}

#[tokio::test]
async fn what_is_too_much_goes_in_steps_that_are_bounded_in_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = connect(&Location::Sqlite(folder.path().join("journal.db"))).await;
    let rows: Vec<_> = (0..10).map(|_| row(100 << 20)).collect();
    rows::insert(&mut connection, &rows).await.unwrap();
    let keep = Keep { bytes: 1 << 20, ..Keep::default() };
    let old = Keep { age: Some(Duration::from_secs(1)), ..Keep::default() };
    let now = Time::from_unix_seconds(1_201_824_000);
    let later = Time::from_unix_seconds(1_301_824_000);
    for (keep, now, left, more) in [
        (&keep, now, 8, true),
        (&keep, now, 6, true),
        (&old, later, 4, true),
        (&keep, now, 2, true),
        (&keep, now, 1, false),
        (&keep, now, 1, false),
        (&old, later, 0, false),
    ] {
        assert_eq!(rows::sweep(&mut connection, keep, now).await.unwrap(), more, "{left}");
        assert_eq!(number(&mut connection, "select count(*) from records").await, left);
    }
}

/// To make a new file a WAL two read its header, and the one that is too late is told at once that it is locked.
#[tokio::test]
async fn a_new_file_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let location = Location::Sqlite(folder.path().join(format!("{round}.db")));
        let doors: Vec<_> = (0..8)
            .map(|_| {
                let door = Door::to(&location).unwrap();
                tokio::spawn(async move { door.connect().await.map(drop) })
            })
            .collect();
        for door in doors {
            door.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_store_that_is_slow_gets_less_at_once_and_gets_all() {
    let postgres = Postgres::start();
    let location = Location::parse(&postgres.url("postgres"), |file| PathBuf::from(file)).unwrap();
    let mut connection = connect(&location).await;
    let slow = "create function slow() returns trigger as 'begin perform pg_sleep(0.01); return new; end' language plpgsql; \
                create trigger slow before insert on records for each row execute function slow()";
    connection.execute(slow).await.unwrap();
    let queue = Arc::<Queue>::default();
    let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
    let facts = Facts::new(SessionId(7), Arc::new(listener), loopback(), Time::from_unix_seconds(1_201_824_000));
    for _ in 0..100 {
        queue.note(Entry::Session(Arc::new(Session::begun(&facts, "263")))).unwrap();
    }
    let mut writer = Writer {
        door: Door::to(&location).unwrap(),
        queue: Arc::clone(&queue),
        health: Arc::default(),
        watch: Arc::default(),
        keep: Keep::default(),
        clock: Clock::system(),
        process: String::new(),
        connection: None,
        files: Files::default(),
        at_once: 100,
        patience: Duration::from_millis(700),
        revoked: Vec::new(),
    };
    let batch = queue.take().await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), writer.write(batch)).await.unwrap();
    assert_eq!(number(&mut connection, "select count(*) from records").await, 100);
    assert_eq!(writer.health.obstacle(), None);
}

#[tokio::test]
async fn an_attempt_that_is_under_way_is_waited_for_and_undone() {
    let postgres = Postgres::start();
    let location = Location::parse(&postgres.url("postgres"), |file| PathBuf::from(file)).unwrap();
    let (mut first, mut second, mut third) =
        (connect(&location).await, connect(&location).await, connect(&location).await);
    let row = row(1);
    let id = row.id;
    let mut attempt = first.begin().await.unwrap();
    rows::insert(&mut attempt, &[row]).await.unwrap();
    let revoking = tokio::spawn(async move {
        let mut transaction = second.begin().await.unwrap();
        rows::revoke(&mut transaction, &[id]).await.unwrap();
        transaction.commit().await.unwrap();
    });
    // Until it waits, or is through, which would be too early.
    while !revoking.is_finished() && number(&mut third, "select count(*) from pg_locks where not granted").await == 0 {}
    attempt.commit().await.unwrap();
    revoking.await.unwrap();
    assert_eq!(number(&mut third, "select count(*) from records").await, 0);
    // And what nobody waits for any more does not hold a connection of the server for ever.
    let timeout = "select setting::bigint from pg_settings where name = 'statement_timeout'";
    assert_eq!(number(&mut third, timeout).await, 30_000);
}
