//! A DNS server on the loopback, for names that are in no zone.

use std::net::SocketAddr;

use mail_auth::hickory_resolver::proto::op::{Message, ResponseCode};
use mail_auth::hickory_resolver::proto::rr::rdata::{A, TXT};
use mail_auth::hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;

use super::{facts, zones};
use crate::identity::{Identity, Needs, Resolver, SpfResult, Zones, identify};

/// Answers as a server would that knows a few names.
async fn serve(socket: UdpSocket) {
    let mut buffer = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let query = Message::from_vec(&buffer[..length]).unwrap();
        let question = query.queries[0].clone();
        let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
        reply.metadata.recursion_available = true;
        let name = question.name().to_ascii().to_lowercase();
        let texts = |text: &str| Some(RData::TXT(TXT::new(vec![text.to_owned()])));
        let data = match (name.trim_end_matches('.'), question.query_type()) {
            ("real.example", RecordType::TXT) => texts("v=spf1 include:one.example include:zone.example ~all"),
            ("one.example", RecordType::TXT) => texts("v=spf1 a:host.example -all"),
            ("idn.example", RecordType::TXT) => texts("v=spf1 include:s_1._spf.xn--zouo53b.xn--fiqs8s -all"),
            ("s_1._spf.xn--zouo53b.xn--fiqs8s", RecordType::TXT) => texts("v=spf1 ip4:192.0.2.1 -all"),
            ("host.example", RecordType::A) => Some(RData::A(A::new(192, 0, 2, 1))),
            ("1.2.0.192.bl.example", RecordType::A) => Some(RData::A(A::new(127, 0, 0, 3))),
            ("lame.example", _) => {
                reply.metadata.response_code = ResponseCode::ServFail;
                None
            }
            _ => {
                reply.metadata.response_code = ResponseCode::NXDomain;
                None
            }
        };
        if let Some(data) = data {
            reply.add_answer(Record::from_rdata(question.name().clone(), 60, data));
        }
        reply.add_query(question);
        socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
    }
}

async fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

async fn ask(server: SocketAddr, zones: &Zones, ip: &str, domain: &str) -> Identity {
    let needs = Needs { spf: true, lists: ["bl.example".to_owned()].into(), ..Needs::default() };
    let resolver = Resolver::new(server).unwrap();
    let facts = facts(ip, "client.example", &format!("a@{domain}"));
    identify((zones.into(), Some(&resolver)), &needs, &facts, "mx.receiver.example", None).await
}

#[tokio::test]
async fn a_server_is_asked_for_what_is_in_no_zone() {
    let (socket, server) = socket().await;
    let serving = tokio::spawn(serve(socket));
    let zones = zones("\"zone.example\" = { TXT = [\"v=spf1 ip4:192.0.2.7 -all\"] }");
    let result = async |ip, domain| ask(server, &zones, ip, domain).await.spf.unwrap().result;
    assert_eq!(result("192.0.2.1", "real.example").await, SpfResult::Pass);
    assert_eq!(result("192.0.2.7", "real.example").await, SpfResult::Pass);
    assert_eq!(result("192.0.2.8", "real.example").await, SpfResult::SoftFail);
    assert_eq!(result("192.0.2.1", "idn.example").await, SpfResult::Pass);
    assert_eq!(result("192.0.2.8", "nowhere.example").await, SpfResult::None);
    let long = format!("{}.test", "a".repeat(64));
    for odd in ["a..b", "a\\046b.test", "-x.test", &long, "用\u{301}户.-"] {
        assert_eq!(result("192.0.2.8", odd).await, SpfResult::None, "{odd}");
    }
    assert_eq!(result("192.0.2.8", "lame.example").await, SpfResult::TempError);
    let identity = ask(server, &zones, "192.0.2.1", "real.example").await;
    assert_eq!(identity.listed().unwrap().address, Some([127, 0, 0, 3].into()));
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_is_a_temporary_error() {
    let (socket, server) = socket().await;
    drop(socket);
    let identity = ask(server, &Zones::default(), "192.0.2.1", "real.example").await;
    assert_eq!(identity.spf.as_ref().unwrap().result, SpfResult::TempError);
    assert_eq!(identity.listed(), None);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_waited_for_within_bounds() {
    let (_silent, server) = socket().await;
    let began = crate::clock::io_now();
    let identity = ask(server, &Zones::default(), "192.0.2.1", "real.example").await;
    assert_eq!(identity.spf.unwrap().result, SpfResult::TempError);
    assert!(began.elapsed() <= super::super::TIME, "{:?}", began.elapsed());
}

type Babble = fn(&[u8]) -> Vec<u8>;

/// Answers each question several times, with what `of` makes of it.
async fn babble(socket: UdpSocket, of: Babble) {
    let mut buffer = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        for _ in 0..20 {
            socket.send_to(&of(&buffer[..length]), from).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_talks_nonsense_is_a_temporary_error() {
    let garbage: [Babble; 6] = [
        |_| Vec::new(),
        |_| vec![0xFF; 500],
        // Its own question, which is no answer.
        <[u8]>::to_vec,
        // An answer to another question.
        |query| [&[!query[0], query[1], 0x81, 0x80], &query[4..]].concat(),
        // Cut short, and nobody listens by TCP.
        |query| [&query[..2], &[0x83, 0x80], &query[4..]].concat(),
        // A thousand answers, of which there is none.
        |query| [&query[..2], &[0x81, 0x80, 0, 1, 3, 0xE8, 0, 0, 0, 0], &query[12..]].concat(),
    ];
    for (number, of) in garbage.into_iter().enumerate() {
        let (socket, server) = socket().await;
        let serving = tokio::spawn(babble(socket, of));
        let began = crate::clock::io_now();
        let identity = ask(server, &Zones::default(), "192.0.2.1", "real.example").await;
        assert_eq!(identity.spf.as_ref().unwrap().result, SpfResult::TempError, "{number}");
        assert_eq!(identity.listed(), None, "{number}");
        assert!(began.elapsed() <= super::super::TIME, "{number}: {:?}", began.elapsed());
        serving.abort();
    }
}
