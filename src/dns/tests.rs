//! What is answered to what, packet by packet, and over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;

use super::tcp::{IDLE, MOST_OF_ONE, serve};
use super::udp::{PER_SECOND, Shares};
use super::{Asked, Names, answer, reached_by, source, tcp, udp};
use crate::clock::{Clock, Time, io_now};
use crate::document::Node;
use crate::identity::Zones;
use crate::problem::{Problems, Source};
use crate::server::Phase;
use crate::server::tests::{generation, settings};

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5353);
const UDP: Asked = Asked { peer: PEER, tcp: false, often: false };
const TCP: Asked = Asked { peer: PEER, tcp: true, often: false };

/// What is known with these zones in the settings, and the clock.
fn names(zones: &str) -> (Names, Clock) {
    let source = Source { name: "zones.toml".to_owned(), text: zones.to_owned() };
    let (node, mut problems) = Node::parse_toml(&Arc::new(source));
    let mut settings = settings();
    settings.dns.zones = Zones::read(&node, &mut problems);
    settings.hosted = vec![("hosted.example".to_owned(), crate::problem::Place::Default)];
    assert_eq!(problems, Problems::default(), "{problems}");
    let begun = Time::from_unix_seconds(1_201_824_000);
    let clock = Clock::standing(begun);
    (Names::new(Arc::new(generation(settings)), clock.clone(), begun), clock)
}

fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn asked(names: &Names, query: &Message, by: Asked) -> Option<Message> {
    let bytes = answer(names, &query.to_vec().unwrap(), by)?;
    Some(Message::from_vec(&bytes).unwrap())
}

/// An answer in a line: its code, its flags and its records.
fn line(answer: &Option<Message>) -> String {
    let Some(answer) = answer else { return "nothing".to_owned() };
    let mut line = answer.response_code.to_string();
    for (set, flag) in [(answer.authoritative, " aa"), (answer.truncation, " tc"), (answer.recursion_available, " ra")]
    {
        line += if set { flag } else { "" };
    }
    for record in &answer.answers {
        line += &format!(" {}", record.data);
    }
    assert_eq!((answer.id, answer.message_type), (7, MessageType::Response));
    line
}

#[test]
fn every_case_of_a_resolver_has_a_name() {
    let (names, clock) = names("");
    let ask = |name: &str, kind, by| line(&asked(&names, &query(&format!("{name}.dns.mockmx.test."), kind), by));
    let (refuses, works) = ("10 refuses.dns.mockmx.test.", "10 mx.dns.mockmx.test.");
    for (name, kind, told) in [
        ("works", RecordType::MX, format!("No Error aa {works}")),
        ("mx", RecordType::A, "No Error aa 127.0.0.1".to_owned()),
        ("mx", RecordType::AAAA, "No Error aa".to_owned()),
        ("nxdomain", RecordType::MX, "Non-Existent Domain aa".to_owned()),
        ("nowhere", RecordType::A, "Non-Existent Domain aa".to_owned()),
        ("no-mx", RecordType::MX, "No Error aa".to_owned()),
        ("no-mx", RecordType::A, "No Error aa 127.0.0.1".to_owned()),
        ("nothing", RecordType::MX, "No Error aa".to_owned()),
        ("nothing", RecordType::A, "No Error aa".to_owned()),
        ("null-mx", RecordType::MX, "No Error aa 0 .".to_owned()),
        ("mx-unresolvable", RecordType::MX, "No Error aa 10 nxdomain.dns.mockmx.test.".to_owned()),
        ("mx-refuses", RecordType::MX, format!("No Error aa {refuses}")),
        ("refuses", RecordType::A, "No Error aa 127.0.0.2".to_owned()),
        ("mx-silent", RecordType::MX, "No Error aa 10 silent.dns.mockmx.test.".to_owned()),
        ("silent", RecordType::A, "No Error aa 192.0.2.1".to_owned()),
        ("servfail", RecordType::MX, "Server Failure".to_owned()),
        ("refused", RecordType::MX, "Query Refused".to_owned()),
        ("timeout", RecordType::MX, "nothing".to_owned()),
        ("truncated", RecordType::MX, "No Error aa tc".to_owned()),
        ("better-mx-away", RecordType::MX, format!("No Error aa {refuses} 20 mx.dns.mockmx.test.")),
        ("worse-mx-away", RecordType::MX, format!("No Error aa {works} 20 refuses.dns.mockmx.test.")),
        ("moves", RecordType::MX, format!("No Error aa {refuses}")),
    ] {
        assert_eq!(ask(name, kind, UDP), told, "{name}");
    }
    assert_eq!(ask("truncated", RecordType::MX, TCP), format!("No Error aa {works}"));
    assert_eq!(ask("timeout", RecordType::MX, TCP), "nothing");
    clock.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(ask("moves", RecordType::MX, UDP), format!("No Error aa {works}"));
}

#[test]
fn what_is_no_name_of_ours_is_refused() {
    let (names, _) =
        names("\"a.b.example.com\" = { TXT = \"x\" }\n\"中国.example\" = { MX = \"5 邮件.中国.example\" }\n");
    let ask = |name: &str, kind| line(&asked(&names, &query(name, kind), UDP));
    for (name, kind, told) in [
        ("A.b.Example.com.", RecordType::TXT, "No Error aa x"),
        ("b.example.com.", RecordType::TXT, "No Error aa"),
        ("c.example.com.", RecordType::TXT, "Non-Existent Domain aa"),
        ("xn--fiqs8s.example.", RecordType::MX, "No Error aa 5 邮件.中国.example."),
        // The providers' and the hosted domains have mockmx for exchange.
        ("263.net.", RecordType::MX, "No Error aa 10 mx.263.net."),
        ("263.net.", RecordType::A, "No Error aa"),
        ("mx.263.net.", RecordType::A, "No Error aa 127.0.0.1"),
        ("mx.263.net.", RecordType::AAAA, "No Error aa"),
        ("www.263.net.", RecordType::A, "Non-Existent Domain aa"),
        ("hosted.example.", RecordType::MX, "No Error aa 10 mx.hosted.example."),
        ("x.lane.mockmx.test.", RecordType::MX, "No Error aa 10 mx.dns.mockmx.test."),
        // As packs have it.
        ("2.0.0.127.rbl.mockmx.test.", RecordType::A, "No Error aa 127.0.0.2"),
        ("3.0.0.127.rbl.mockmx.test.", RecordType::A, "Non-Existent Domain aa"),
        ("mockmx.test.", RecordType::SOA, "No Error aa ns.dns.mockmx.test. postmaster.mockmx.test. 1 3600 600 86400 0"),
        ("example.", RecordType::MX, "Query Refused"),
        ("com.", RecordType::MX, "Query Refused"),
        ("google.com.", RecordType::A, "Query Refused"),
        (".", RecordType::NS, "Query Refused"),
        ("263.net.", RecordType::ANY, "Query Refused"),
        ("263.net.", RecordType::AXFR, "Query Refused"),
    ] {
        assert_eq!(ask(name, kind), told, "{name} {kind}");
    }
    let mut chaos = query("version.bind.", RecordType::TXT);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(line(&asked(&names, &chaos, UDP)), "Query Refused");
    let nothing = asked(&names, &query("263.net.", RecordType::A), UDP).unwrap();
    assert!(matches!(&nothing.authorities[0].data, RData::SOA(soa) if soa.minimum == 0));
}

#[test]
fn an_answer_is_no_longer_than_the_asker_takes() {
    let long = "x".repeat(700);
    let (names, _) = names(&format!(
        "\"a.example.com\" = {{ TXT = [\"{long}\"] }}\n\"b.example.com\" = {{ TXT = [\"{long}\", \"{long}\"] }}\n"
    ));
    let ask = |name: &str, room: Option<u16>, by| {
        let mut query = query(name, RecordType::TXT);
        if let Some(room) = room {
            query.set_edns(Edns::new().set_max_payload(room).clone());
        }
        let answer = asked(&names, &query, by).unwrap();
        assert_eq!(answer.edns.as_ref().map(Edns::max_payload), room.map(|_| 1232));
        (answer.truncation, answer.answers.len())
    };
    assert_eq!(ask("a.example.com.", None, UDP), (true, 0));
    assert_eq!(ask("a.example.com.", Some(0), UDP), (true, 0));
    assert_eq!(ask("a.example.com.", Some(1232), UDP), (false, 1));
    assert_eq!(ask("b.example.com.", Some(u16::MAX), UDP), (true, 0));
    assert_eq!(ask("b.example.com.", None, TCP), (false, 2));
    let mut new = query("a.example.com.", RecordType::TXT);
    new.set_edns(Edns::new().set_version(1).clone());
    assert_eq!(u16::from(asked(&names, &new, UDP).unwrap().response_code), 16, "BADVERS");
    let often = asked(&names, &query("b.example.com.", RecordType::TXT), Asked { often: true, ..UDP }).unwrap();
    assert_eq!((often.truncation, often.answers.len()), (true, 0));
}

#[test]
fn what_is_no_question_is_told_so_or_ignored() {
    let (names, _) = names("");
    let good = query("263.net.", RecordType::MX);
    let code = |message: &Message| asked(&names, message, UDP).map(|answer| answer.response_code);
    let mut reply = good.clone();
    reply.metadata.message_type = MessageType::Response;
    assert_eq!(code(&reply), None);
    let mut update = good.clone();
    update.metadata.op_code = OpCode::Notify;
    assert_eq!(code(&update), Some(ResponseCode::NotImp));
    let mut two = good.clone();
    two.add_query(good.queries[0].clone());
    assert_eq!(code(&two), Some(ResponseCode::FormErr));
    let mut none = good.clone();
    none.queries.clear();
    assert_eq!(code(&none), Some(ResponseCode::FormErr));
    let bytes = good.to_vec().unwrap();
    let cut = Message::from_vec(&answer(&names, &bytes[..bytes.len() - 1], UDP).unwrap()).unwrap();
    assert_eq!((cut.id, cut.response_code), (7, ResponseCode::FormErr));
    assert_eq!(answer(&names, &bytes[..11], UDP), None);
}

#[test]
fn an_address_says_who_asks_and_where_mockmx_is_reached() {
    let source = |peer: &str| source(peer.parse().unwrap()).to_string();
    assert_eq!(source("192.0.2.1:1"), "192.0.2.1");
    assert_eq!(source("[::ffff:192.0.2.1]:1"), "192.0.2.1");
    assert_eq!(source("[2001:db8:1:2:3:4:5:6]:1"), "2001:db8:1:2::");
    let reached = |listening: &str| reached_by(PEER, listening.parse().unwrap()).to_string();
    assert_eq!((reached("0.0.0.0").as_str(), reached("192.0.2.7").as_str()), ("127.0.0.1", "192.0.2.7"));
}

#[test]
fn a_source_has_so_many_answers_a_second() {
    let now = io_now();
    let mut shares = Shares::new(now);
    assert!((0..PER_SECOND).all(|_| shares.take(PEER, now)));
    assert!(!shares.take(PEER, now));
    assert!(shares.take("192.0.2.1:1".parse().unwrap(), now));
    assert!(shares.take(PEER, now + Duration::from_secs(1)));
    let mut many = (0..5_000_u32).map(|ip| SocketAddr::new(std::net::Ipv4Addr::from_bits(ip).into(), 1));
    assert_eq!(many.by_ref().filter(|peer| shares.take(*peer, now + Duration::from_secs(1))).count(), 4095);
}

/// Both sockets on one port, and what ends them.
async fn start(zones: &str) -> (SocketAddr, watch::Sender<Arc<Names>>, watch::Sender<Phase>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).await.unwrap();
    let known = watch::Sender::new(Arc::new(names(zones).0));
    let phase = watch::Sender::new(Phase::Serving);
    tokio::spawn(tcp(listener, known.subscribe(), phase.subscribe()));
    tokio::spawn(udp(socket, known.subscribe(), phase.subscribe()));
    (address, known, phase)
}

async fn by_tcp(stream: &mut TcpStream, query: &Message) -> Option<Message> {
    let bytes = query.to_vec().unwrap();
    stream.write_u16(u16::try_from(bytes.len()).unwrap()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut answer = vec![0; usize::from(stream.read_u16().await.ok()?)];
    stream.read_exact(&mut answer).await.unwrap();
    Some(Message::from_vec(&answer).unwrap())
}

#[tokio::test]
async fn both_sockets_answer_take_new_names_and_end_with_mockmx() {
    let (address, known, phase) = start("").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(address).await.unwrap();
    let mut packet = [0; 4096];
    let mut ask = async |query: Message| {
        // Neither of the first two is answered.
        socket.send(b"").await.unwrap();
        socket.send(&self::query("timeout.dns.mockmx.test.", RecordType::A).to_vec().unwrap()).await.unwrap();
        socket.send(&query.to_vec().unwrap()).await.unwrap();
        let length = socket.recv(&mut packet).await.unwrap();
        line(&Some(Message::from_vec(&packet[..length]).unwrap()))
    };
    let truncated = query("truncated.dns.mockmx.test.", RecordType::MX);
    assert_eq!(ask(truncated.clone()).await, "No Error aa tc");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let whole = "No Error aa 10 mx.dns.mockmx.test.";
    assert_eq!(line(&by_tcp(&mut stream, &truncated).await), whole);
    assert_eq!(line(&by_tcp(&mut stream, &truncated).await), whole, "a connection has several questions");
    let new = query("new.example.com.", RecordType::A);
    assert_eq!(ask(new.clone()).await, "Query Refused");
    known.send_replace(Arc::new(names("\"new.example.com\" = { A = \"192.0.2.1\" }").0));
    assert_eq!(ask(new.clone()).await, "No Error aa 192.0.2.1");
    assert_eq!(line(&by_tcp(&mut stream, &new).await), "No Error aa 192.0.2.1");
    phase.send_replace(Phase::Draining);
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    phase.closed().await;
}

#[tokio::test]
async fn a_source_has_so_many_connections() {
    let (address, _known, _phase) = start("").await;
    let query = query("263.net.", RecordType::MX);
    let mut open = Vec::new();
    for _ in 0..MOST_OF_ONE {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(by_tcp(&mut stream, &query).await.is_some());
        open.push(stream);
    }
    let mut more = TcpStream::connect(address).await.unwrap();
    assert!(more.read_u16().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn no_connection_is_waited_for() {
    let (phase, known) = (watch::Sender::new(Phase::Serving), watch::Sender::new(Arc::new(names("").0)));
    let (client, server) = tokio::io::duplex(64);
    let begun = io_now();
    serve(server, PEER, &known.subscribe(), phase.subscribe()).await.unwrap();
    assert_eq!(io_now() - begun, IDLE);
    drop(client);
    let (mut client, server) = tokio::io::duplex(64);
    client.write_all(&[0, 20, 1]).await.unwrap();
    let begun = io_now();
    assert!(serve(server, PEER, &known.subscribe(), phase.subscribe()).await.is_err());
    assert_eq!(io_now() - begun, Duration::from_secs(5));
    for length in [0, u16::MAX] {
        let (mut client, server) = tokio::io::duplex(64);
        client.write_u16(length).await.unwrap();
        serve(server, PEER, &known.subscribe(), phase.subscribe()).await.unwrap();
    }
}

proptest! {
    #[test]
    fn no_packet_breaks_it_and_no_answer_to_one_is_long(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        thread_local!(static NAMES: Names = names("").0);
        let mut changed = query("a.b.truncated.dns.mockmx.test.", RecordType::TXT).set_edns(Edns::new()).to_vec().unwrap();
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        let some = changed[..cut.index(changed.len() + 1)].to_vec();
        let headed = [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &bytes].concat();
        for packet in [bytes, changed, some, headed] {
            for by in [UDP, TCP] {
                if let Some(answer) = NAMES.with(|names| answer(names, &packet, by)) {
                    prop_assert!(answer.len() <= 1232);
                    prop_assert!(Message::from_vec(&answer).is_ok(), "{packet:?}");
                }
            }
        }
    }
}
