//! mockmx as a dependency of a test.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mockmx::clock::{Clock, Time};
use mockmx::mock::{MockMx, Times, message, notification, verdict, when};
use mockmx::stage::Stage;
use mockmx::verdict::Fate;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Says each line, and returns each reply's last line.
async fn talk(address: SocketAddr, lines: &[&str]) -> Vec<String> {
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let mut replies = vec![reply(&mut stream).await];
    for line in lines {
        stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        replies.push(reply(&mut stream).await);
    }
    replies
}

async fn reply(stream: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.trim_end().to_owned();
        }
    }
}

/// Sends a message, and returns the reply to its end, or to the first line that was refused.
async fn send(address: SocketAddr, from: &str, to: &str, subject: &str) -> String {
    let (from, to) = (format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>"));
    let body = format!("Subject: {subject}\r\n\r\nbody\r\n.");
    let replies = talk(address, &["EHLO client.example", &from, &to, "DATA", &body]).await;
    replies.into_iter().find(|reply| reply.starts_with(['4', '5'])).unwrap_or_else(|| "250".to_owned())
}

#[tokio::test]
async fn a_retry_meets_what_the_stub_says() {
    let mx = MockMx::start().await;
    let stub = mx.stub(when().recipient("a@example.com").reply("450 4.2.0 try later").accept().expect(2..));
    mx.expect(message().to("a@example.com").subject("hello"), 1);
    assert_eq!(send(mx.smtp(), "me@example.org", "a@example.com", "Hello").await, "450 4.2.0 try later");
    assert_eq!(send(mx.smtp(), "me@example.org", "a@example.com", "Hello").await, "250");
    let received = mx.wait_for_message(message().to("a@example.com")).await;
    assert_eq!(received.text(), "Subject: Hello\r\n\r\nbody\r\n");
    assert_eq!(stub.uses(), 2);
    mx.wait_for(verdict().rule(stub.id()).done("refuse")).await;
    stub.remove();
    assert_eq!(mx.verdicts().await.len(), 2);
}

#[tokio::test]
async fn a_provider_refuses_as_it_does() {
    let mx = MockMx::start().provider("263").settings("hosted = [\"example.com\"]").await;
    let reply = send(mx.smtp(), "admin@example.com", "admin@example.com", "x").await;
    assert_eq!(reply, "554 <admin@example.com>: Sender address rejected: Access denied");
    let verdict = mx.wait_for(verdict().rule("263/same-domain-auth")).await;
    assert_eq!(verdict.file, "policies/263.toml");
}

#[tokio::test]
async fn time_passes_when_it_is_told_to() {
    let clock = Clock::standing(Time::from_unix_seconds(1_201_824_000));
    let mx = MockMx::start().clock(clock).await;
    let limit = serde_json::json!({"messages": 1, "per": "20m", "key": "{sender}"});
    mx.stub(when().condition("rate", limit, Stage::Mail).reply("450 slow down"));
    let send = || send(mx.smtp(), "me@example.org", "a@example.com", "x");
    assert_eq!((send().await, send().await), ("250".to_owned(), "450 slow down".to_owned()));
    mx.clock().advance(Duration::from_secs(20 * 60));
    assert_eq!(send().await, "250");
}

#[tokio::test]
async fn what_a_sender_is_told_later_is_due_by_the_clock() {
    let clock = Clock::standing(Time::from_unix_seconds(1_201_824_000));
    let mx = MockMx::start().clock(clock).await;
    mx.stub(when().recipient("a@example.com").bounce(serde_json::json!([
        {"kind": "delayed", "reply": "452 4.2.2 full", "after": "4h"},
        {"kind": "failed", "after": "20h"},
    ])));
    assert_eq!(send(mx.smtp(), "me@example.org", "a@example.com", "x").await, "250");
    assert_eq!(mx.outbox().await.len(), 2);
    mx.clock().advance(Duration::from_secs(24 * 60 * 60));
    let failed = mx.wait_for_notification(notification().to("me@example.org").kind("failed")).await;
    assert_eq!(failed.record.recipients, ["a@example.com"]);
    assert!(failed.text().contains("Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 452 4.2.2 full"));
    assert_eq!(mx.messages().await[0].deliveries[0].fate, Fate::Bounced);
}

#[tokio::test]
async fn what_is_missing_is_reported_with_what_came_instead() {
    let mx = MockMx::start().await;
    mx.expect(message().to("b@example.com").subject("Invoice"), 1);
    mx.stub(when().recipient("c@example.com").reply("550 no").expect(1));
    send(mx.smtp(), "me@example.org", "b@example.com", "Hello\u{1b}[31m").await;
    let failed = catch_unwind(AssertUnwindSafe(|| mx.verify())).unwrap_err();
    let report = failed.downcast_ref::<String>().unwrap();
    let wanted = "\
expected a message with to \"b@example.com\", subject \"Invoice\" once, found 0
  near: message from me@example.org, to b@example.com, subject Hello\\u{1b}[31m, accept
        subject \"Invoice\", found \"Hello\\u{1b}[31m\"

expected a use of the stub {\"stage\":\"rcpt\",\"when\":{\"recipient\":\"c@example.com\"},\"reply\":\"550 no\"} once, found 0
  nothing of the kind came
";
    assert_eq!(report, wanted);
    mx.verify();
}

#[tokio::test]
async fn what_was_expected_is_verified_at_the_end() {
    let mx = MockMx::start().await;
    mx.expect(message(), 1..=2);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(mx))).is_err());
}

#[tokio::test]
async fn a_stub_that_files_is_used_once_for_all_recipients_of_a_message() {
    let mx = MockMx::start().await;
    let stub = mx.stub(when().recipient("@example.com").at(Stage::Message).folder("spam").times(1));
    mx.stub(when().recipient("@example.net").at(Stage::Message).folder("news"));
    let to = ["a@example.com", "b@example.com", "c@example.net", "d@example.org"].map(|to| format!("RCPT TO:<{to}>"));
    let mut lines = vec!["EHLO client.example", "MAIL FROM:<me@example.org>"];
    lines.extend(to.iter().map(String::as_str));
    lines.extend(["DATA", "Subject: x\r\n\r\nbody\r\n."]);
    for wanted in [["spam", "spam", "news", "inbox"], ["inbox", "inbox", "news", "inbox"]] {
        talk(mx.smtp(), &lines).await;
        let message = mx.messages().await.remove(0);
        let wanted = wanted.map(|of| if of == "inbox" { Fate::Inbox } else { Fate::Folder(of.to_owned()) });
        assert_eq!(message.deliveries.iter().map(|to| to.fate.clone()).collect::<Vec<_>>(), wanted);
    }
    assert_eq!(stub.uses(), 1);
}

#[tokio::test]
async fn a_session_lets_go_of_the_lanes_that_it_has_left() {
    let mx = MockMx::start().await;
    let lane = |name: &str| format!("RCPT TO:<x@{name}.lane.mockmx.test>");
    let (mail, a, b) = ("MAIL FROM:<me@example.org>", lane("a"), lane("b"));
    let mut stream = BufReader::new(TcpStream::connect(mx.smtp()).await.unwrap());
    reply(&mut stream).await;
    for line in ["EHLO client.example", mail, &a, "RSET", mail, &b] {
        stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        assert!(reply(&mut stream).await.starts_with("250"));
    }
    // Held by the mock, by us, and by the session that is in it.
    assert_eq!(["a", "b"].map(|name| std::sync::Arc::strong_count(&mx.lane(name))), [2, 3]);
}

#[tokio::test]
async fn what_a_stub_counted_goes_with_it() {
    let mx = MockMx::start().await;
    let limit = serde_json::json!({"messages": 5, "per": "20m", "key": "{sender}"});
    let stub = mx.stub(when().condition("rate", limit, Stage::Mail).reply("450 slow down"));
    send(mx.smtp(), "me@example.org", "a@example.com", "x").await;
    let held = || mx.lane("default").store.holdings(mx.clock().now()).len();
    assert_eq!(held(), 1);
    stub.remove();
    assert_eq!(held(), 0);
}

#[test]
fn a_range_of_no_times_is_told() {
    for range in [0..0, 3..3] {
        let told = catch_unwind(|| Times::from(range.clone())).unwrap_err();
        assert_eq!(*told.downcast_ref::<String>().unwrap(), format!("nothing can come {range:?} times"));
    }
    assert_eq!(Times::from(0).to_string(), "0 times");
}

#[tokio::test]
async fn many_run_beside_each_other() {
    let mut mocks = Vec::new();
    for number in 0..20 {
        let mx = MockMx::start().await;
        mx.stub(when().sender("me@example.org").reply(&format!("550 {number}")));
        mocks.push(mx);
    }
    for (number, mx) in mocks.iter().enumerate() {
        assert_eq!(send(mx.smtp(), "me@example.org", "a@example.com", "x").await, format!("550 {number}"));
    }
}

#[tokio::test]
async fn two_hundred_lanes_do_not_see_each_other() {
    let mx = MockMx::start().await;
    let lanes: Vec<_> = (0..200).map(|number| format!("lane{number}")).collect();
    for lane in &lanes {
        let stub = when().recipient(&format!("@{lane}.lane.mockmx.test")).lane(lane).times(1);
        mx.stub(stub.reply(&format!("450 4.2.0 only in {lane}")).expect(1));
    }
    let sessions = lanes.iter().map(|lane| {
        let (address, to) = (mx.smtp(), format!("a@{lane}.lane.mockmx.test"));
        tokio::spawn(async move {
            let first = send(address, "me@example.org", &to, "x").await;
            (first, send(address, "me@example.org", &to, "x").await)
        })
    });
    for (lane, session) in lanes.iter().zip(sessions.collect::<Vec<_>>()) {
        assert_eq!(session.await.unwrap(), (format!("450 4.2.0 only in {lane}"), "250".to_owned()));
        assert_eq!(mx.lane(lane).store.scenarios(), []);
    }
    for message in mx.messages().await {
        assert!(message.deliveries[0].recipient.ends_with(&format!("@{}.lane.mockmx.test", message.lane)));
    }
}

#[test]
fn the_examples_run_as_they_say() {
    for (name, wanted) in [
        ("retry", "attempt 2: 250 "),
        ("bounce", "554 <admin@example.com>: Sender address rejected: Access denied\nby policies/263.toml:"),
        ("prison", "in prison:            450 sender in prison\ntwenty minutes later: 250 "),
    ] {
        // `cargo test` builds them beside this binary's folder.
        let folder = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples");
        let run = std::process::Command::new(folder.join(name)).output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(
            run.status.success() && said.contains(wanted),
            "{name}: {said}{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
}
