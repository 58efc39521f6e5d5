//! Networks that break, by stubs.

use serde_json::{Value, json};
use tokio::io::duplex;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::io_now;
use crate::facts::loopback;
use crate::journal::record::{Session, Speaker};
use crate::policy::Stub;
use crate::server::connection;

struct Run {
    client: Client<DuplexStream>,
    endpoint: Arc<Endpoint>,
    task: JoinHandle<()>,
    _phase: watch::Sender<Phase>,
}

fn run(stub: Value) -> Run {
    let endpoint = endpoint(settings());
    let stub = Stub::read("s", stub, &endpoint.generation.policy).unwrap_or_else(|problems| panic!("{problems}"));
    endpoint.world.lanes.default_lane().add_stub(stub).unwrap();
    let (client, server) = duplex(1 << 20);
    let phase = watch::Sender::new(Phase::Serving);
    let seat = endpoint.world.seat(1).unwrap();
    let serving = connection::serve(server, loopback(), Arc::clone(&endpoint), phase.subscribe(), seat);
    Run { client: Client::new(client), endpoint, task: tokio::spawn(serving), _phase: phase }
}

impl Run {
    /// Says lines, each of which must be answered by a reply of that class.
    async fn past(&mut self, lines: &[&str]) {
        assert_eq!(self.client.code().await, "220");
        for line in lines {
            let code = self.client.ask(line).await;
            assert!(code.starts_with(['2', '3']), "{line}: {code}");
        }
    }

    /// How the journal says that the session ended, and what mockmx itself noted.
    async fn ended(&mut self) -> (String, Vec<String>) {
        (&mut self.task).await.unwrap();
        let all = Query { limit: 1, ..Query::default() };
        let session = self.endpoint.world.journal.page::<Session>(&all).await.unwrap().remove(0);
        let lines = session.transcript.lines.iter().filter(|line| line.by == Speaker::Mockmx);
        (session.end.clone().unwrap(), lines.map(|line| line.text.clone()).collect())
    }
}

const ENVELOPE: [&str; 3] = ["EHLO client.example", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.net>"];

#[tokio::test(start_paused = true)]
async fn a_reply_goes_out_byte_by_byte() {
    let mut run = run(json!({"stage": "rcpt", "reply": "550 5.1.1 no such user", "pace": "2 B"}));
    run.past(&ENVELOPE[..2]).await;
    let began = io_now();
    run.client.send("RCPT TO:<b@example.net>\r\n").await;
    assert_eq!(run.client.reply().await, "550 5.1.1 no such user\r\n");
    // 24 bytes; the first goes out at once.
    assert_eq!(io_now().duration_since(began), Duration::from_millis(11_500));
    assert_eq!(run.client.ask("RCPT TO:<b@example.net>").await, "550");
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_cut_off() {
    let mut run = run(json!({"stage": "rcpt", "reply": "550 5.1.1 no such user", "cut": 6}));
    run.past(&ENVELOPE[..2]).await;
    // What was pipelined before is answered whole.
    run.client.send("NOOP\r\nRCPT TO:<b@example.net>\r\nNOOP\r\n").await;
    assert_eq!(run.client.rest().await, "250 2.0.0 Ok\r\n550 5.");
    assert_eq!(run.ended().await, ("dropped".to_owned(), vec!["(cut after 6 bytes: 550 5.)".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_reply_goes_out_as_it_is() {
    let raw = "250-one\r\n550 two\r\nnonsense\r\n";
    let mut run = run(json!({"stage": "mail", "raw": raw}));
    run.past(&ENVELOPE[..1]).await;
    run.client.send("MAIL FROM:<a@example.org>\r\n").await;
    assert_eq!(run.client.reply().await + &run.client.reply().await, raw);
    // It began with 2, so the transaction has begun.
    assert_eq!(run.client.ask("RCPT TO:<b@example.net>").await, "250");
}

#[tokio::test(start_paused = true)]
async fn the_connection_ends_behind_354() {
    let mut run = run(json!({"stage": "data", "then": "reset", "after": "reply"}));
    run.past(&ENVELOPE).await;
    run.client.send("DATA\r\n").await;
    assert!(run.client.rest().await.starts_with("354 "));
    assert_eq!(run.ended().await.0, "reset");
}

#[tokio::test(start_paused = true)]
async fn the_connection_ends_in_the_middle_of_the_message() {
    let mut run = run(json!({"stage": "data", "then": "drop", "after": "1 KiB"}));
    run.past(&ENVELOPE).await;
    assert_eq!(run.client.ask("DATA").await, "354");
    run.client.send(&"x".repeat(600)).await;
    tokio::task::yield_now().await;
    assert!(!run.task.is_finished());
    run.client.send(&"x".repeat(600)).await;
    assert_eq!(run.client.rest().await, "");
    assert_eq!(run.ended().await, ("dropped".to_owned(), vec!["(ended in the middle of the message)".to_owned()]));
    assert!(messages(&run.endpoint.world.journal).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_may_be_kept_or_not_when_its_reply_is_lost() {
    for (keep, kept) in [(true, 1), (false, 0)] {
        let mut run = run(json!({"stage": "message", "then": "reset", "keep": keep}));
        run.past(&ENVELOPE).await;
        assert_eq!(run.client.ask("DATA").await, "354");
        run.client.send("body\r\n.\r\n").await;
        assert_eq!(run.client.rest().await, "");
        assert_eq!(run.ended().await.0, "reset");
        assert_eq!(messages(&run.endpoint.world.journal).await.len(), kept);
    }
}

#[tokio::test(start_paused = true)]
async fn starttls_is_refused_by_its_command() {
    let mut run =
        run(json!({"stage": "command", "when": {"command": ["starttls", "VRFY"]}, "reply": "454 4.7.0 not now"}));
    run.past(&ENVELOPE[..1]).await;
    assert_eq!(run.client.ask("StartTLS").await, "454");
    assert_eq!(run.client.ask("VRFY x").await, "454");
    assert_eq!(run.client.ask("NOOP").await, "250");
}

#[test]
fn what_does_not_go_together_is_said() {
    let policy = generation(settings()).policy;
    for (stub, wanted) in [
        (json!({"stage": "rcpt", "then": "reset", "after": "10 B"}), "a message comes after stage data"),
        (json!({"stage": "rcpt", "then": "reset", "keep": true}), "a message can be kept at stage message"),
        (json!({"stage": "rcpt", "reply": "550 x", "after": "reply"}), "`after` and `keep` go with `then"),
        (json!({"stage": "rcpt", "reply": "550 x", "raw": "x"}), "a rule has one of"),
        (json!({"stage": "rcpt", "reply": "550 x", "pace": 0}), "`pace` is at least a byte a second"),
        (json!({"stage": "rcpt", "delay": ["2s", "1s"]}), "a span of times begins with the shorter one"),
        (json!({"stage": "rcpt", "delay": {"median": "2s", "p99": "1s"}}), "`p99` is longer than `median`"),
        (json!({"stage": "rcpt", "when": {"command": "NOOP"}, "reply": "550 x"}), "`command` goes with stage command"),
    ] {
        let problems = Stub::read("s", stub, &policy).unwrap_err().to_string();
        assert!(problems.contains(wanted), "{wanted}: {problems}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_before_the_end_goes_out_to_a_client_that_has_pipelined_what_ends_it() {
    for (then, ended) in [("drop", "dropped"), ("reset", "reset"), ("stall", "stalled")] {
        let mut run = run(json!({"stage": "rcpt", "then": then}));
        run.past(&ENVELOPE[..1]).await;
        run.client.send("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n").await;
        assert_eq!(run.client.reply().await, "250 2.1.0 Ok\r\n", "{then}");
        assert_eq!(run.client.rest().await, "", "{then}");
        assert_eq!(run.ended().await.0, ended);
    }
}
