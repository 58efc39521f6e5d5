//! Notifications that are handed to other people's servers: Postfix, mailin-embedded, and another mockmx.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mockmx::clock::Time;
use mockmx::journal::record::Message;
use mockmx::mock::{MockMx, message};
use mockmx::notification::{Event, Forms, Hindrance, Kind, Notification, Original, Reason, hindrance, write};
use mockmx::relay::{Outcome, Relay};
use mockmx::settings::OutboxSettings;

use crate::notifications;
use crate::postfix::{self, is_root};
use crate::program::Watchdog;

const NOW: Time = Time::from_unix_seconds(1_201_852_800);

/// What a tester sent: 代开发票 in GBK, a line of a dot, a bare LF before another.
const RAW: &[u8] = b"From: <a@example.com>\r\nTo: <user@263.net>\r\nSubject: x\r\n\
    Content-Type: text/plain; charset=GBK\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
    \xB4\xFA\xBF\xAA\xB7\xA2\xC6\xB1\r\n.\r\n..two\r\nbare\n.\nMAIL FROM:<evil@example.com>\r\nend\r\n";

fn original() -> Message {
    Message { from: "bounces@example.com".to_owned(), size: RAW.len() as u64, ..notifications::message() }
}

fn event<'a>(message: &'a Message, raw: &'a [u8], kind: &'a Kind) -> Event<'a> {
    let original = Original { message, raw };
    let reason = Reason { reason_zh: "用户不存在", ..Reason::default() };
    Event { original, recipients: &[0], kind, reason, host: "mx01.263xmail.com", remote: None, now: NOW }
}

fn failed() -> Kind {
    Kind::Failed { status: "5.1.1".to_owned(), diagnostic: "550 User Unknown".to_owned() }
}

fn notification(kind: &Kind) -> Notification {
    write(&event(&original(), RAW, kind), Forms::load(&[]).unwrap().of("263").unwrap()).unwrap()
}

/// What came of handing it to that server.
async fn handed(notification: &Notification, server: SocketAddr) -> Outcome {
    let relay = Some(server.to_string().parse().unwrap());
    let relay = Relay::new(&OutboxSettings { relay, ..OutboxSettings::default() }, Vec::new());
    let Notification { from, to, raw, smtputf8, .. } = notification;
    relay.attempt(from, to, raw, *smtputf8).await.unwrap()
}

/// With every line end a line feed.
pub(crate) fn lines(raw: &[u8]) -> Vec<u8> {
    let mut lines = raw.to_vec();
    let mut after_cr = false;
    lines.retain_mut(|byte| {
        let keep = !(*byte == b'\n' && after_cr);
        after_cr = *byte == b'\r';
        if after_cr {
            *byte = b'\n';
        }
        keep
    });
    lines
}

pub(crate) fn only_file(folder: &Path) -> Vec<u8> {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    fs::read(&files[0]).unwrap()
}

#[tokio::test]
async fn a_postfix_takes_a_bounce_byte_for_byte() {
    if !is_root() {
        eprintln!("passed over: only root can start a Postfix");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut postfix = postfix::Relay::receiving(folder.path(), "");
    let address = postfix.address();
    let bounce = notification(&failed());
    assert!(bounce.from.is_empty() && !bounce.raw.is_ascii());
    let outcome = handed(&bounce, address).await;
    assert!(matches!(outcome, Outcome::Relayed(_)), "{outcome:?}");
    assert!(outcome.answer().to_string().contains(" said 250 2.0.0 Ok: queued as "), "{}", outcome.answer());
    postfix.until("from=<>, ");
    postfix.until("status=sent (delivered to maildir)");
    let kept = only_file(&folder.path().join("postfix/mail/new"));
    assert!(kept.starts_with(b"Return-Path: <>\n"), "{}", kept.escape_ascii());
    assert!(kept.ends_with(&lines(&bounce.raw)), "{}", kept.escape_ascii());
    let large = Notification { raw: [bounce.raw.as_slice(), &b"x\r\n".repeat(9_000)].concat(), ..bounce };
    let outcome = handed(&large, address).await;
    let wanted = format!("{address} said 552 5.3.4 Message size exceeds fixed limit");
    assert_eq!((outcome.name(), outcome.answer().to_string()), ("failed", wanted));
}

/// A server of mailin-embedded that keeps what it is sent.
pub(crate) struct Mailin {
    child: Child,
    pub(crate) address: SocketAddr,
    _watchdog: Watchdog,
}

impl Mailin {
    pub(crate) fn start(folder: &Path) -> Self {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/mailin/bin/mailin"));
        let child = command.args(["127.0.0.1:0", "2"]).arg(folder).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("tests/clients/install installs it");
        let watchdog = Watchdog::over(&child, "KILL");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening ").unwrap().parse().unwrap();
        Self { child, address, _watchdog: watchdog }
    }
}

impl Drop for Mailin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn mailin_embedded_takes_what_has_a_sender() {
    let folder = tempfile::tempdir().unwrap();
    let mailin = Mailin::start(folder.path());
    let report = notification(&Kind::AbuseReport);
    assert!(!report.from.is_empty());
    let outcome = handed(&report, mailin.address).await;
    assert_eq!((outcome.name(), outcome.answer().to_string()), ("relayed", format!("{} said 250 OK", mailin.address)));
    let kept = only_file(folder.path());
    let envelope = format!("{} bounces@example.com\n", report.from);
    let message = kept.strip_prefix(envelope.as_bytes()).unwrap_or_else(|| panic!("{}", kept.escape_ascii()));
    // A line feed and a dot end a message for it: it finds neither.
    assert_eq!(lines(message), lines(&report.raw), "{}", kept.escape_ascii());
    // It knows no null return path (docs/decisions/mailin-embedded.md).
    let outcome = handed(&notification(&failed()), mailin.address).await;
    let wanted = format!("{} said 500 Syntax error", mailin.address);
    assert_eq!((outcome.name(), outcome.answer().to_string()), ("failed", wanted));
}

#[tokio::test]
async fn one_mockmx_behind_another_ends_the_matter() {
    let mx = MockMx::start().await;
    for kind in [
        failed(),
        Kind::Delayed { status: "4.2.2".to_owned(), diagnostic: String::new(), will_retry_until: None },
        Kind::OutOfOffice { text: "away".to_owned() },
        Kind::AbuseReport,
    ] {
        let mut first = notification(&kind);
        // As if the other end kept a mailbox of that name for each kind.
        first.to = format!("{}@example.com", kind.name());
        let outcome = handed(&first, mx.smtp()).await;
        assert_eq!(outcome.name(), "relayed", "{outcome:?}");
        let received = mx.wait_for_message(message().to(&first.to)).await;
        let header = |name: &str| {
            let field = received.record.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            field.map(|field| field.value.clone()).unwrap_or_default()
        };
        assert!(header("Auto-Submitted").trim().starts_with("auto-"), "{kind:?}");
        for next in [failed(), kind.clone(), Kind::Delivered, Kind::OutOfOffice { text: "away".to_owned() }] {
            let hindered = hindrance(&event(&received.record, &first.raw, &next));
            let wanted = if first.from.is_empty() { Hindrance::NullSender } else { Hindrance::Report };
            assert_eq!(hindered, Some(wanted), "{kind:?} {next:?}");
        }
    }
}
