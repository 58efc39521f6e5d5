//! The outbox, handed to the servers that the settings name.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use super::events::Events;
use super::{Asked, text};
use crate::postfix::{Relay, is_root};
use crate::relay::{Mailin, lines, only_file};

/// What comes of the attempts at the notification to that address.
fn attempts(asked: &Asked, to: &str) -> Vec<Value> {
    let id = text(&asked.items(&format!("outbox?to={to}")).remove(0), "/id").to_owned();
    asked.json(&format!("outbox/{id}"))["attempts"].as_array().unwrap().clone()
}

fn raw(asked: &Asked, collection: &str, to: &str) -> Vec<u8> {
    let id = text(&asked.items(&format!("{collection}?to={to}")).remove(0), "/id").to_owned();
    asked.get(&format!("{collection}/{id}/raw")).expect(200).body
}

fn advance(asked: &Asked, time: &str) {
    asked.post_json("clock", &json!({ "advance": time }).to_string()).expect(200);
}

/// A neutral mockmx that refuses all mail later.
fn bouncing(settings: &str) -> Asked {
    let asked = Asked::start_set(settings, &["--provider", "neutral"]);
    bounce(&asked, r#", "after": "10m""#);
    asked
}

fn bounce(asked: &Asked, more: &str) {
    let stub = format!(r#"{{"stage": "message", "bounce": {{"kind": "failed", "reply": "550 5.1.1 gone"{more}}}}}"#);
    asked.post_json("stubs", &stub).expect(201);
}

#[test]
fn what_is_due_is_handed_over_and_what_is_not_is_not() {
    let target = Asked::start(&["--provider", "neutral"]);
    let relay = target.serving.address("smtp");
    let asked = bouncing(&format!("[outbox]\nrelay = '{relay}'\n[outbox.relays]\n'off.test' = 'off'\n"));
    let mut events = Events::open(&asked, "?kind=attempt", None);
    asked.deliver("first@off.test", "b@example.com", b"Subject: stays\r\n\r\n");
    asked.deliver("second@client.test", "b@example.com", b"Subject: goes\r\n\r\n\xB4\xFA\xBF\xAA\r\n");
    advance(&asked, "10m");
    let came = target.json("messages?to=second@client.test&wait=30s")["items"][0].clone();
    assert_eq!((text(&came, "/from"), text(&came, "/parameters/body")), ("", "8BITMIME"));
    assert_eq!(raw(&target, "messages", "second@client.test"), raw(&asked, "outbox", "second@client.test"));
    let attempt = events.next().data;
    assert_eq!(attempts(&asked, "second@client.test"), std::slice::from_ref(&attempt));
    assert_eq!((text(&attempt, "/outcome"), text(&attempt, "/host")), ("relayed", &*relay.to_string()));
    assert!(text(&attempt, "/reply").starts_with("250 "), "{attempt}");
    assert!(attempts(&asked, "first@off.test").is_empty());
    assert_eq!(target.items("messages").len(), 1);
}

#[test]
fn what_was_not_taken_is_tried_again_also_after_a_restart_and_what_was_is_not() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap();
    std::thread::spawn(move || {
        // Until the test's process ends.
        while let Ok((mut stream, _)) = busy.accept() {
            let _ = stream.write_all(b"421 4.3.2 later\r\n");
        }
    });
    let target = Asked::start(&["--provider", "neutral"]);
    let settings =
        |relay| format!("journal = 'sqlite:journal.db'\nprovider = 'neutral'\n[outbox]\nrelay = '{relay}'\n");
    let asked = Asked::start_set(&settings(address), &[]);
    bounce(&asked, "");
    let mut events = Events::open(&asked, "?kind=attempt", None);
    asked.deliver("a@client.test", "b@example.com", b"Subject: x\r\n\r\n");
    assert_eq!(text(&events.next().data, "/outcome"), "deferred");
    advance(&asked, "1m");
    assert_eq!(text(&events.next().data, "/reply"), "421 4.3.2 later");
    drop(events);

    let asked = asked.again(&settings(target.serving.address("smtp")), &[]);
    assert_eq!(attempts(&asked, "a@client.test").len(), 2);
    let mut events = Events::open(&asked, "?kind=attempt", None);
    // The time between two attempts doubles. The clock before the restart was a minute ahead.
    advance(&asked, "3m");
    assert_eq!(text(&events.next().data, "/outcome"), "relayed");
    drop(events);

    let asked = asked.again(&settings(target.serving.address("smtp")), &[]);
    bounce(&asked, "");
    asked.deliver("b@client.test", "b@example.com", b"Subject: y\r\n\r\n");
    target.json("messages?to=b@client.test&wait=30s");
    let to: Vec<_> = target.items("messages").iter().map(|item| item["deliveries"][0]["recipient"].clone()).collect();
    assert_eq!(to, ["b@client.test", "a@client.test"], "each once");
    let outcomes: Vec<_> = attempts(&asked, "a@client.test").iter().map(|tried| tried["outcome"].clone()).collect();
    assert_eq!(outcomes, ["deferred", "deferred", "relayed"]);
}

#[test]
fn a_reload_names_another_server_for_what_is_due_from_then_on() {
    let target = Asked::start(&["--provider", "neutral"]);
    let asked = Asked::start_set("provider = '263'\n", &[]);
    bounce(&asked, r#", "after": "10m""#);
    asked.deliver("a@client.test", "b@example.com", b"Subject: x\r\n\r\n");
    let relay = format!("provider = 'neutral'\n[outbox]\nrelay = '{}'\n", target.serving.address("smtp"));
    std::fs::write(asked.folder.path().join("mockmx.toml"), relay).unwrap();
    asked.serving.signal("HUP");
    while asked.smtp(b"QUIT\r\n").starts_with("220 Welcome to TAP gateway for 263") {}
    advance(&asked, "10m");
    target.json("messages?to=a@client.test&wait=30s");
}

#[test]
fn another_mockmx_answers_no_notification_with_another() {
    let target = Asked::start(&["--provider", "neutral"]);
    let relay = target.serving.address("smtp");
    let asked = Asked::start_set(&format!("[outbox]\nrelay = '{relay}'\n"), &["--provider", "neutral"]);
    for stub in [
        r#"{"stage": "message", "when": {"recipient": "b@"}, "bounce": {"kind": "failed", "reply": "550 5.1.1 gone"}}"#,
        r#"{"stage": "message", "when": {"recipient": "c@"}, "bounce": {"kind": "abuse-report"}}"#,
        r#"{"stage": "message", "when": {"recipient": "d@"}, "bounce": {"kind": "out-of-office", "text": "away"}}"#,
        // What comes back meets the same.
        r#"{"stage": "message", "when": {"recipient": "fail@"}, "bounce": {"kind": "failed", "reply": "550 5.1.1 gone"}}"#,
        r#"{"stage": "message", "when": {"recipient": "complain@"}, "bounce": {"kind": "abuse-report"}}"#,
        r#"{"stage": "message", "when": {"recipient": "away@"}, "bounce": {"kind": "out-of-office", "text": "away"}}"#,
    ] {
        asked.post_json("stubs", stub).expect(201);
        target.post_json("stubs", stub).expect(201);
    }
    for to in ["b", "c", "d"] {
        for from in ["fail", "complain", "away"] {
            let text = format!("To: {to}@example.com\r\nSubject: x\r\n\r\n");
            asked.deliver(&format!("{from}@client.test"), &format!("{to}@example.com"), text.as_bytes());
        }
    }
    assert_eq!(target.json("messages?count=9&wait=30s")["items"].as_array().unwrap().len(), 9);
    assert_eq!(target.items("outbox"), Vec::<Value>::new());
    assert_eq!(target.items("verdicts?verdict=bounce").len(), 9, "though each was to be answered");
}

#[test]
fn a_postfix_takes_bounces_and_a_mailin_embedded_what_has_a_sender() {
    if !is_root() {
        eprintln!("passed over: only root can start a Postfix");
        return;
    }
    let (kept, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mailin = Mailin::start(kept.path());
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut start = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docker/postfix/start"));
    let mut postfix = Relay::run(&mut start, folder.path(), "[127.0.0.1]:1", "example.org", address);
    let settings = format!("[outbox]\nrelay = '{address}'\n[outbox.relays]\n'reports.test' = '{}'\n", mailin.address);
    let asked = Asked::start_set(&settings, &["--provider", "neutral"]);
    let mut events = Events::open(&asked, "?kind=attempt", None);
    for stub in [
        r#"{"stage": "message", "when": {"sender": "@reports.test"}, "bounce": {"kind": "abuse-report"}}"#,
        r#"{"stage": "message", "when": {"sender": "@example.org"}, "bounce": "550 5.1.1 gone"}"#,
    ] {
        asked.post_json("stubs", stub).expect(201);
    }
    let gbk =
        b"Subject: x\r\nContent-Type: text/plain; charset=GBK\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xB4\xFA\r\n";
    asked.deliver("spammer@reports.test", "b@example.com", gbk);
    asked.deliver("a@example.org", "b@example.com", gbk);
    for _ in 0..2 {
        let attempt = events.next().data;
        assert_eq!(text(&attempt, "/outcome"), "relayed", "{attempt}");
    }
    let reported = only_file(kept.path());
    let sent = raw(&asked, "outbox", "spammer@reports.test");
    assert!(lines(&reported).ends_with(&lines(&sent)), "{}", reported.escape_ascii());
    postfix.until("from=<>, ");
    postfix.until("status=sent (delivered to maildir)");
    let bounced = only_file(&folder.path().join("postfix/mail/new"));
    let sent = raw(&asked, "outbox", "a@example.org");
    assert!(
        bounced.starts_with(b"Return-Path: <>\n") && bounced.ends_with(&lines(&sent)),
        "{}",
        bounced.escape_ascii()
    );
    assert!(sent.windows(4).any(|bytes| bytes == b"\xB4\xFA\r\n"), "8-bit bodies are intact");
}
