//! What is told, and what never is.

use std::io;
use std::sync::{LazyLock, Mutex};

use tokio::io::duplex;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};

use super::*;
use crate::clock::Time;
use crate::facts::{Facts, Listener, SessionId, loopback};
use crate::reply::Reply;
use crate::server::{connection, log};
use crate::stage::Stage;
use crate::verdict::{Action, Finding, RuleRef, Verdict};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that this thread logs while the guard lives.
fn capture() -> (Lines, DefaultGuard) {
    // While there is only one subscriber, tracing takes the word of whichever thread comes first to an event, and the
    // other tests' threads have none: the event would be off for all. A second one that lives on prevents that.
    static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
    LazyLock::force(&SECOND);
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

impl Lines {
    /// The one line of that target.
    fn of(&self, target: &str) -> String {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let mut lines = text.lines().filter(|line| line.contains(target)).map(str::to_owned);
        let line = lines.next().unwrap_or_else(|| panic!("no {target} in {text}"));
        assert_eq!(lines.next(), None);
        line
    }
}

fn assert_holds(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_and_its_message_are_told_once_and_the_password_never() {
    let (lines, _guard) = capture();
    let listeners = vec![ListenerSettings { role: Role::Submission, ..listener("submission", TlsMode::None) }];
    let endpoint = endpoint(Settings { listeners, ..settings() });
    let (client, server) = duplex(64 * 1024);
    let phase = watch::Sender::new(Phase::Serving);
    let seat = endpoint.world.seat(1).unwrap();
    let task = tokio::spawn(connection::serve(server, loopback(), endpoint, phase.subscribe(), seat));
    let mut client = Client::new(client);
    assert_eq!(client.code().await, "220");
    assert_eq!(client.ask("EHLO client.example").await, "250");
    // "\0a@example.org\0sesame-open"
    assert_eq!(client.ask("AUTH PLAIN AGFAZXhhbXBsZS5vcmcAc2VzYW1lLW9wZW4=").await, "235");
    client.begin_data().await;
    assert_eq!(client.ask("body\r\n.").await, "250");
    assert_eq!(client.ask("QUIT").await, "221");
    drop(client);
    task.await.unwrap();

    let session = lines.of("mockmx::session");
    assert_holds(
        &session,
        &[
            "INFO",
            "session=00000001",
            "listener=submission",
            "peer=127.0.0.1:0",
            "helo=client.example",
            "login=a@example.org",
            "messages=1",
            "recipients_refused=0",
            "ended=closed",
        ],
    );
    let message = lines.of("mockmx::message");
    assert_holds(&message, &["from=a@example.org", "size=6", "fates=b@example.net inbox", "queue_id="]);
    let all = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!all.contains("sesame") && !all.contains("c2VzYW1l"), "{all}");
}

#[test]
fn what_was_not_looked_at_is_told() {
    let (lines, guard) = capture();
    let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
    let facts = Facts::new(SessionId(11), Arc::new(listener), loopback(), Time::default());
    log::unseen(&facts, &[]);
    log::unseen(&facts, &["text".to_owned(), "parts".to_owned()]);
    drop(guard);
    assert_holds(&lines.of("mockmx::unseen"), &["WARN", "session=0000000b", "text", "parts"]);
}

#[test]
fn a_rule_is_told_with_its_place_and_nothing_that_forges_a_line() {
    let (lines, guard) = capture();
    let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
    let facts = Facts::new(SessionId(10), Arc::new(listener), loopback(), Time::default());
    let rule = RuleRef {
        provider: "263".to_owned(),
        id: "keyword".to_owned(),
        file: "policies/263.toml".to_owned(),
        line: 12,
    };
    let finding = Finding {
        rule: Arc::new(rule),
        stage: Stage::Message,
        late: true,
        triggered: false,
        recipient: Some("b@example.net".to_owned()),
        evidence: vec!["subject: a\r\nINFO forged".into(), "\u{202e}gnp".into()],
    };
    let action = Action::Refuse(Reply::new(598, " mail rejected by keyword"));
    log::verdict(&facts, &Verdict { findings: vec![finding], ..Verdict::of(action) });
    drop(guard);
    assert_holds(
        &lines.of("mockmx::verdict"),
        &[
            "session=0000000a",
            "provider=263",
            "rule=keyword",
            "stage=message",
            "action=\"refuse\"",
            "reply=598  mail rejected by keyword",
            "source=policies/263.toml:12",
            "late=true",
            "triggered=false",
            r"evidence=subject: a\r\nINFO forged, \u{202e}gnp",
        ],
    );
}
