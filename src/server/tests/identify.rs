//! The driver finds out what rules want to know of the sender before it judges.

use tokio::io::duplex;

use super::*;
use crate::document::Node;
use crate::problem::Source;
use crate::server::connection;

const RULES: &str = r#"
[neutral.dns.zones]
"client.example" = { A = ["127.0.0.1"] }
"_dmarc.example.org" = { TXT = ["v=DMARC1; p=reject"] }
"1.0.0.127.bl.example" = { A = ["127.0.0.2"] }
"moves.example" = { later = [{ after = "24h", A = ["127.0.0.1"] }] }

[[neutral.rule]]
id = "listed"
stage = "rcpt"
when.dnsbl = "bl.example"
when.recipient = "listed@example.net"
reply = "550 {ip} is listed on {dnsbl}"

[[neutral.rule]]
id = "nobody"
stage = "helo"
when.helo-resolves = false
reply = "550 who is {helo}"

[[neutral.rule]]
id = "dmarc"
stage = "message"
when.dmarc = "reject"
reply = "550 DMARC"
"#;

fn settings_with_rules(spool_beyond: usize) -> Settings {
    let source = Source { name: "rules.toml".to_owned(), text: RULES.to_owned() };
    let (node, problems) = Node::parse_toml(&Arc::new(source));
    assert!(problems.0.is_empty(), "{problems}");
    Settings { providers: Some(node), limits: ServerLimits { spool_beyond, ..limits() }, ..settings() }
}

/// A client of a session with those settings, and what keeps the session alive.
fn client(settings: Settings) -> (Client<DuplexStream>, watch::Sender<Phase>) {
    client_of(endpoint(settings))
}

fn client_of(endpoint: Arc<Endpoint>) -> (Client<DuplexStream>, watch::Sender<Phase>) {
    let (client, server) = duplex(64 * 1024);
    let phase = watch::Sender::new(Phase::Serving);
    let seat = endpoint.world.seat(2).unwrap();
    tokio::spawn(connection::serve(server, crate::facts::loopback(), endpoint, phase.subscribe(), seat));
    (Client::new(client), phase)
}

#[tokio::test]
async fn names_lists_and_messages_of_any_size_are_examined() {
    // A message in memory, a large one, and one in a file.
    for (size, spool_beyond) in [(10, 1 << 20), (100_000, 1 << 20), (100_000, 1_000)] {
        let (mut client, _phase) = client(settings_with_rules(spool_beyond));
        assert_eq!(client.code().await, "220");
        assert_eq!(client.ask("EHLO nowhere.example").await, "550");
        client.begin_data().await;
        let body = "0123456\r\n".repeat(size / 9);
        client.send(&format!("From: a@example.org\r\n\r\n{body}.\r\n")).await;
        assert_eq!(client.reply().await, "550 DMARC\r\n", "{size} {spool_beyond}");
        client.begin_data().await;
        assert_eq!(client.ask(&format!("From: a@example.com\r\n\r\n{body}.")).await, "250");
        assert_eq!(client.ask("MAIL FROM:<a@example.org>").await, "250");
        client.send("RCPT TO:<listed@example.net>\r\n").await;
        assert_eq!(client.reply().await, "550 127.0.0.1 is listed on bl.example\r\n");
    }
}

#[tokio::test]
async fn a_name_that_says_something_else_later_does_so_by_the_clock() {
    let endpoint = endpoint(settings_with_rules(1_000));
    let (mut client, _phase) = client_of(Arc::clone(&endpoint));
    assert_eq!(client.code().await, "220");
    assert_eq!(client.ask("EHLO moves.example").await, "550");
    endpoint.world.lanes.default_lane().clock.advance(Duration::from_secs(24 * 60 * 60));
    // What is known of a name stays for the session.
    let (mut client, _phase) = client_of(endpoint);
    assert_eq!(client.code().await, "220");
    assert_eq!(client.ask("EHLO moves.example").await, "250");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_says_nothing_holds_nobody_up_for_long() {
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings_with_rules(1_000);
    settings.dns.resolver = Some(silent.local_addr().unwrap());
    let (mut client, _phase) = client(settings);
    assert_eq!(client.code().await, "220");
    let began = io_now();
    assert_eq!(client.ask("EHLO nowhere.example").await, "250");
    assert!((1..=20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
