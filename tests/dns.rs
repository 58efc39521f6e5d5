//! The name server of the built program: it is asked over its sockets, its clock is moved, its settings change.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use mockmx::mock::MockMx;

use crate::api::http::Request;
use crate::program::{Serving, mockmx};
use crate::serve::until;

const PATIENCE: Duration = Duration::from_secs(30);

/// A resolver that asks one server, by UDP and, if the answer says so, by TCP.
struct Resolver(SocketAddr);

impl Resolver {
    fn query(name: &str, kind: RecordType) -> Vec<u8> {
        let mut query = Message::new(7, MessageType::Query, OpCode::Query);
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        query.to_vec().unwrap()
    }

    fn by_udp(&self, query: &[u8]) -> Message {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(query, self.0).unwrap();
        let mut answer = [0; 1232];
        let length = socket.recv(&mut answer).unwrap();
        Message::from_vec(&answer[..length]).unwrap()
    }

    fn by_tcp(&self, query: &[u8]) -> Message {
        let mut stream = TcpStream::connect(self.0).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[&u16::try_from(query.len()).unwrap().to_be_bytes()[..], query].concat()).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
        Message::from_vec(&answer).unwrap()
    }

    /// The code, and the records.
    fn ask(&self, name: &str, kind: RecordType) -> String {
        let query = Self::query(name, kind);
        let mut answer = self.by_udp(&query);
        if answer.truncation {
            answer = self.by_tcp(&query);
        }
        let records = answer.answers.iter().map(|record| format!(", {}", record.data));
        format!("{}{}", answer.response_code, records.collect::<String>())
    }
}

#[test]
fn dns_is_printed_last_and_answered_by_both_ways_and_moves_with_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let mut serving = Serving::start(folder.path(), &["--dns", "0", "--hosted", "hosted.example"]);
    let dns = Resolver(serving.one_more("dns"));
    for (name, kind, told) in [
        ("263.net.", RecordType::MX, "No Error, 10 mx.263.net."),
        ("hosted.example.", RecordType::MX, "No Error, 10 mx.hosted.example."),
        ("mx.hosted.example.", RecordType::A, "No Error, 127.0.0.1"),
        ("truncated.dns.mockmx.test.", RecordType::MX, "No Error, 10 mx.dns.mockmx.test."),
        ("nxdomain.dns.mockmx.test.", RecordType::MX, "Non-Existent Domain"),
        ("2.0.0.127.rbl.mockmx.test.", RecordType::A, "No Error, 127.0.0.2"),
        ("_dmarc.dmarc-reject.example.", RecordType::TXT, "No Error, v=DMARC1; p=reject"),
        ("spf-fail.example.", RecordType::TXT, "No Error, v=spf1 -all"),
        ("example.org.", RecordType::MX, "Query Refused"),
        ("moves.dns.mockmx.test.", RecordType::MX, "No Error, 10 refuses.dns.mockmx.test."),
    ] {
        assert_eq!(dns.ask(name, kind), told, "{name}");
    }
    let advance = Request::new(serving.address("http"), "POST", "/api/v1/clock")
        .header("Content-Type", "application/json")
        .body(br#"{"advance": "24h"}"#);
    assert_eq!(advance.send().status, 200);
    assert_eq!(dns.ask("moves.dns.mockmx.test.", RecordType::MX), "No Error, 10 mx.dns.mockmx.test.");
    serving.signal("TERM");
    assert_eq!(serving.end(), (String::new(), Some(0)));
}

#[test]
fn sighup_changes_zones_and_takes_the_name_server_away() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mockmx.toml");
    let zones = |address| format!("[dns]\nlisten = 0\nzones.\"a.example.com\" = {{ A = \"{address}\" }}\n");
    std::fs::write(&file, zones("192.0.2.1")).unwrap();
    let mut serving = Serving::spawn(mockmx(folder.path()).stderr(Stdio::piped()));
    let mut log = serving.errors();
    let dns = Resolver(serving.one_more("dns"));
    assert_eq!(dns.ask("a.example.com.", RecordType::A), "No Error, 192.0.2.1");
    std::fs::write(&file, zones("192.0.2.2")).unwrap();
    serving.signal("HUP");
    until(&mut log, "took new settings and packs");
    assert_eq!(dns.ask("a.example.com.", RecordType::A), "No Error, 192.0.2.2");
    std::fs::write(&file, "").unwrap();
    serving.signal("HUP");
    until(&mut log, "took new settings and packs");
    // The socket closes soon after; a question in between is answered, or the connection is closed.
    while TcpStream::connect(dns.0).is_ok() {
        std::thread::yield_now();
    }
    serving.signal("TERM");
    assert_eq!(serving.end().1, Some(0));
}

#[test]
fn an_address_of_another_listener_is_not_the_name_server_s() {
    let folder = tempfile::tempdir().unwrap();
    let output = mockmx(folder.path()).args(["--http", "127.0.0.1:5353", "--dns", "5353"]).output().unwrap();
    let (_, errors, code) = crate::program::said(&output);
    assert_eq!(code, Some(1));
    assert!(errors.contains("`http` and `dns` both listen on 127.0.0.1:5353"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mock_can_have_a_name_server() {
    let mx = MockMx::start().settings("dns.listen = 0").await;
    let dns = Resolver(mx.address("dns"));
    assert_eq!(dns.ask("moves.dns.mockmx.test.", RecordType::MX), "No Error, 10 refuses.dns.mockmx.test.");
    mx.clock().advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(dns.ask("moves.dns.mockmx.test.", RecordType::MX), "No Error, 10 mx.dns.mockmx.test.");
}
