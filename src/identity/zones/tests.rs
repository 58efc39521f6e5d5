//! What zones say, and what is wrong with them.

use std::sync::Arc;

use super::*;
use crate::identity::{Kind, Record};
use crate::problem::Source;

fn read(text: &str) -> (Zones, String) {
    let source = Source { name: "zones.toml".to_owned(), text: text.to_owned() };
    let (node, mut problems) = Node::parse_toml(&Arc::new(source));
    let zones = Zones::read(&node, &mut problems);
    (zones, problems.to_string())
}

#[test]
fn what_is_in_no_zone_is_not_answered_and_what_stands_above_a_name_exists() {
    let (zones, problems) = read(
        "\"a.Example.com.\" = { A = \"192.0.2.1\" }\n\"192.0.2.1\" = { PTR = [\"a.example.com\"] }\n\
         \"*.wild.example\" = { A = [\"192.0.2.2\"] }\n\"not.wild.example\" = {}\nbad.fails = \"servfail\"\n",
    );
    assert_eq!(problems, "");
    let ask = |name: &str, kind| zones.aged(Duration::ZERO).answer(&Question::new(name, kind));
    let a = |last| Some(Answer::Records(vec![Record::A([192, 0, 2, last].into())]));
    assert_eq!(ask("A.example.com", Kind::A), a(1));
    assert_eq!(ask("a.example.com", Kind::Aaaa), Some(Answer::NoData));
    assert_eq!(ask("example.com", Kind::A), Some(Answer::NoData));
    assert_eq!(ask("b.example.com", Kind::A), None);
    assert_eq!(
        ask("1.2.0.192.in-addr.arpa", Kind::Ptr),
        Some(Answer::Records(vec![Record::Ptr("a.example.com".into())]))
    );
    assert_eq!(ask("x.y.wild.example", Kind::A), a(2));
    assert_eq!(ask("not.wild.example", Kind::A), Some(Answer::NoData));
    assert_eq!(ask("bad", Kind::A), Some(Answer::Failed("the server failed".to_owned())));
}

#[test]
fn every_mistake_is_told() {
    let (_, problems) = read(
        "\"a b\" = {}\na = { A = [\"::1\", \"1\"], AAAA = [\"192.0.2.1\"], MX = [\"mx.example.com\"], CNAME = \"x\" }\n\
         b = { fails = \"often\" }\ne = { fails = \"truncated\" }\nf.later = [{ after = \"1d\" }, { A = \"::2\" }]\n\
         g.later = [{ after = \"2h\" }, { after = \"1h\", later = {} }]\nc = { fails = \"timeout\", A = [\"192.0.2.1\"] }\nd = 5\n",
    );
    for told in [
        "`a b` is no name of DNS",
        "`::1` is not an IPv4 address",
        "`1` is not an IPv4 address",
        "`192.0.2.1` is not an IPv6 address",
        "`mx.example.com` is no exchange",
        "no key `CNAME`",
        "`often` is no way to fail",
        "what is truncated has records",
        "`1d` is no length of time",
        "`::2` is not an IPv4 address",
        "what is said later stands after",
        "no key `later`",
        "a name that fails has no records",
        "expected a table",
    ] {
        assert!(problems.contains(told), "{told}\n{problems}");
    }
}

#[test]
fn a_name_says_something_else_later_and_fails_in_each_way() {
    let (zones, problems) = read(
        "moves = { MX = \"10 a\", later = [{ after = \"24h\", MX = \"10 b\" }, { after = \"48h\", fails = \"nxdomain\" }] }\n\
         refused.fails = \"refused\"\nlong = { fails = \"truncated\", A = \"192.0.2.1\" }\nhere.A = \"mockmx\"\n",
    );
    assert_eq!(problems, "");
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let ask = |name: &str, kind, age| zones.aged(age).answer(&Question::new(name, kind)).unwrap();
    let mx = |exchange: &str| Answer::Records(vec![Record::Mx(10, exchange.to_owned())]);
    for (age, answer) in [(0, mx("a")), (23, mx("a")), (24, mx("b")), (47, mx("b")), (48, Answer::NoName)] {
        assert_eq!(ask("moves", Kind::Mx, hours(age)), answer, "{age}");
    }
    assert_eq!(ask("refused", Kind::A, hours(0)), Answer::Failed("the server refused".to_owned()));
    assert_eq!(ask("long", Kind::A, hours(0)), Answer::Records(vec![Record::A([192, 0, 2, 1].into())]));
    assert_eq!(ask("here", Kind::A, hours(0)), Answer::Records(vec![Record::A(Ipv4Addr::LOCALHOST)]));
}

#[test]
fn below_two_labels_of_a_name_nobody_else_knows_anything() {
    let (zones, _) =
        read("\"a.b.example.com\" = {}\n\"192.0.2.1\" = {}\none = {}\n\"*.wild.example\" = {}\n\"2001:db8::1\" = {}\n");
    for (name, top) in [
        ("x.example.com", Some("example.com")),
        ("example.com", Some("example.com")),
        ("com", None),
        ("9.2.0.192.in-addr.arpa", Some("2.0.192.in-addr.arpa")),
        ("1.0.0.127.in-addr.arpa", None),
        ("x.one", Some("one")),
        ("x.y.wild.example", Some("wild.example")),
        ("other.example", None),
        ("", None),
    ] {
        assert_eq!(zones.top_of(name), top, "{name}");
    }
    let (all, _) = read("\"*\" = {}\n");
    assert_eq!(all.top_of("any.where"), Some(""));
}
