//! 250 means kept: mockmx is killed in the middle of a load, and its store is taken away from it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mockmx::clock::Clock;
use mockmx::journal::query::{Field, Filter, Query};
use mockmx::journal::record::{Message, Notification, Verdict};
use mockmx::journal::{Journal, Keep, Location};
use sqlx::{Connection as _, Executor as _};

use crate::postgres::Postgres;
use crate::program::{Serving, mockmx, said};
use crate::serve::Client;

/// Clients of the load, and what they are acknowledged in all before mockmx is killed.
const CLIENTS: usize = 8;
const ENOUGH: usize = 400;

/// Lines of a message, 6 bytes each.
const LINES: usize = 1_000;

fn open(location: &str) -> Arc<Journal> {
    let location = Location::parse(location, |file| PathBuf::from(file)).unwrap();
    block_on(Journal::open(&location, Keep::default(), Clock::system())).unwrap().into()
}

/// Runs something of the journal to its end, on a runtime that stays.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: std::sync::OnceLock<tokio::runtime::Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap()).block_on(future)
}

/// A session of which each step may fail, for the server may be killed.
struct Raw(std::io::BufReader<TcpStream>);

impl Raw {
    fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut raw = Self(std::io::BufReader::new(stream));
        raw.reply()?;
        raw.ask("EHLO client.test")?;
        Ok(raw)
    }

    fn reply(&mut self) -> std::io::Result<String> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            // Half a line was not said.
            if line.ends_with("\r\n") && line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }

    fn ask(&mut self, line: &str) -> std::io::Result<String> {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Sends a message with that id; the answer to its end.
    fn send(&mut self, id: &str) -> std::io::Result<String> {
        // Its sender is told something after four hours, and after a day.
        for line in ["MAIL FROM:<a@client.test>", "RCPT TO:<delayed-then-failed@neutral.mockmx.test>", "DATA"] {
            self.ask(line)?;
        }
        self.ask(&format!("Message-ID: <{id}>\r\n\r\n{}.", "line\r\n".repeat(LINES)))
    }
}

/// Sends until the server is gone, and tells which were acknowledged.
fn load(client: usize, address: SocketAddr, acknowledged: &Sender<String>) {
    let Ok(mut raw) = Raw::connect(address) else { return };
    for number in 0.. {
        let id = format!("{client}.{number}@client.test");
        match raw.send(&id) {
            Ok(reply) if reply.starts_with("250 ") => {
                // Whoever counts may have seen enough to fail.
                let _ = acknowledged.send(id);
            }
            Ok(reply) => panic!("{reply}"),
            Err(_) => return,
        }
    }
}

/// The Message-IDs in a journal.
fn found(journal: &Journal) -> BTreeSet<String> {
    let all = Query { limit: usize::MAX, ..Query::default() };
    block_on(async {
        let mut ids = BTreeSet::new();
        for message in journal.page::<Message>(&all).await.unwrap() {
            let bytes = journal.content(message.id).await.unwrap().unwrap().read_all().unwrap();
            assert_eq!(bytes.len() as u64, message.size);
            let text = String::from_utf8(bytes).unwrap();
            let id = text.strip_prefix("Message-ID: <").unwrap().split('>').next().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            assert_eq!(message.notifications.len(), 2);
            for told in &message.notifications {
                let record = journal.find::<Notification>(*told).await.unwrap().expect("it is kept with its message");
                let raw = journal.content(*told).await.unwrap().unwrap().read_all().unwrap();
                assert!(raw.starts_with(b"From: ") && raw.len() as u64 == record.size);
            }
        }
        ids
    })
}

fn serving(folder: &Path, location: &str) -> Serving {
    Serving::start(folder, &["--journal", location, "--provider", "neutral"])
}

/// Ends a mockmx by `signal` in the middle of a load; all that was acknowledged must be there afterwards. Returns how many.
fn ended_under_load(name: &str, signal: &str, location: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mockmx = serving(folder.path(), location);
    let address = mockmx.address("smtp");
    let (sender, receiver) = mpsc::channel();
    let mut acknowledged = BTreeSet::new();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let sender = sender.clone();
            scope.spawn(move || load(client, address, &sender));
        }
        drop(sender);
        while acknowledged.len() < ENOUGH {
            assert!(acknowledged.insert(receiver.recv_timeout(Duration::from_secs(60)).unwrap()));
        }
        mockmx.signal(signal);
        let _ = mockmx.end();
        acknowledged.extend(receiver);
    });
    let again = serving(folder.path(), location);
    let mut raw = Raw::connect(again.address("smtp")).unwrap();
    assert!(raw.send("after@client.test").unwrap().starts_with("250 "));
    let found = found(&open(location));
    let there = acknowledged.intersection(&found).count();
    let (all, more) = (acknowledged.len(), found.len() - there - 1);
    assert!(all >= ENOUGH && there == all && found.contains("after@client.test"));
    // Each client has one message under way at most.
    assert!(more <= CLIENTS, "{more}");
    format!("{name}, SIG{signal}: acknowledged {all}, found {there}, and {more} that were not acknowledged")
}

#[test]
fn sqlite_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["KILL", "INT"] {
        let file = folder.path().join(signal);
        println!("{}", ended_under_load("SQLite", signal, &format!("sqlite:{}", file.display())));
    }
}

#[test]
fn postgres_loses_nothing_that_was_acknowledged() {
    let postgres = Postgres::start();
    for signal in ["KILL", "INT"] {
        block_on(async {
            let mut connection = sqlx::PgConnection::connect(&postgres.url("postgres")).await.unwrap();
            let create = format!("create database \"{signal}\"");
            connection.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
        });
        println!("{}", ended_under_load("PostgreSQL", signal, &postgres.url(signal)));
    }
}

/// The status of `/readyz` and the text with it.
fn ready(mockmx: &Serving) -> (String, String) {
    let address = mockmx.address("http");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.trim_end().to_owned())
}

/// Takes the store away and gives it back; `reason` is what `/readyz` must say of it meanwhile.
fn taken_away(location: &str, reason: &str, take: impl FnOnce(), give_back: impl FnOnce()) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = mockmx(folder.path());
    command.args(["--journal", location, "--provider", "neutral", "--log", "info"]).stderr(Stdio::piped());
    let mut mockmx = Serving::spawn(&mut command);
    let mut log = mockmx.errors();
    let mut logged = |text: &str| loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended without {text:?}");
        if line.contains(text) {
            return line;
        }
    };
    let mut client = Client::connect(mockmx.address("smtp"));
    client.reply();
    client.asked("EHLO client.test");
    let send = |client: &mut Client, subject: &str| {
        client.asked("MAIL FROM:<a@client.test>");
        client.asked("RCPT TO:<b@client.test>");
        client.asked("DATA");
        client.asked(&format!("Subject: {subject}\r\n\r\nx\r\n."))
    };
    assert_eq!(ready(&mockmx), ("200".to_owned(), "ready".to_owned()));
    assert!(send(&mut client, "before").starts_with("250 "));
    take();
    let answer = send(&mut client, "meanwhile");
    assert!(answer.starts_with("451 ") && answer.contains("local error"), "{answer}");
    let (status, said) = ready(&mockmx);
    assert!(status == "503" && said.contains("the journal is out of order") && said.contains(reason), "{said}");
    assert!(logged("rule spoke").contains("rule=journal"));
    give_back();
    logged("the journal is in order again");
    assert!(send(&mut client, "after").starts_with("250 "));
    assert_eq!(ready(&mockmx).0, "200");
    client.asked("QUIT");
    mockmx.signal("TERM");
    assert_eq!(mockmx.end().1, Some(0));
    let journal = open(location);
    block_on(async {
        let all = Query { limit: 9, ..Query::default() };
        let messages = journal.page::<Message>(&all).await.unwrap();
        let subjects: Vec<_> = messages.iter().map(|message| message.subject.as_str()).collect();
        assert_eq!(subjects, ["after", "before"]);
        let filter = Filter::default().and(Field::Rule, "mockmx/journal").unwrap();
        let verdicts = journal.page::<Verdict>(&Query { filter, ..all }).await.unwrap();
        assert_eq!(verdicts.len(), 1);
        assert!(verdicts[0].reply.as_deref().unwrap().starts_with("451 "), "{verdicts:?}");
    });
}

#[test]
fn a_table_that_is_gone_is_451_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let run = |sql: &'static str| {
        block_on(async {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
            sqlx::SqliteConnection::connect_with(&options).await.unwrap().execute(sql).await.unwrap();
        });
    };
    let location = format!("sqlite:{}", file.display());
    let take = || run("alter table records rename to gone");
    taken_away(&location, "no such table", take, || run("alter table gone rename to records"));
}

#[test]
fn a_file_that_another_process_has_locked_is_451_until_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let lock = Mutex::new(None);
    let take = || {
        *lock.lock().unwrap() = Some(block_on(async {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            connection.execute("begin immediate").await.unwrap();
            connection
        }));
    };
    let location = format!("sqlite:{}", file.display());
    taken_away(&location, "database is locked", take, || {
        let connection = lock.lock().unwrap().take().unwrap();
        block_on(connection.close()).unwrap();
    });
}

#[test]
fn a_postgres_that_crashed_is_451_until_it_is_back() {
    let postgres = Mutex::new(Postgres::start());
    let location = postgres.lock().unwrap().url("postgres");
    let take = || postgres.lock().unwrap().stop("QUIT");
    taken_away(&location, "onnection refused", take, || postgres.lock().unwrap().again());
}

#[test]
fn a_journal_that_cannot_be_opened_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mockmx.toml"), "\njournal = 'sqlite:none/journal.db'\n").unwrap();
    let output = mockmx(folder.path()).args(["--log", "off"]).output().unwrap();
    let wanted =
        "error: cannot open the `journal` sqlite:none/journal.db (mockmx.toml:2): unable to open database file\n";
    assert_eq!(said(&output), (String::new(), wanted.to_owned(), Some(1)));
    // Nobody listens on port 1.
    let location = "postgres://u:secret@127.0.0.1:1/mail";
    let output = mockmx(folder.path()).args(["--log", "info", "--journal", location]).output().unwrap();
    let (_, errors, code) = said(&output);
    let wanted = "cannot open the `journal` postgres://u@127.0.0.1:1/mail (--journal): ";
    assert!(code == Some(1) && errors.contains(wanted) && !errors.contains("secret"), "{errors}");
}
