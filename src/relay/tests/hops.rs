use super::*;
use crate::clock::Time;

fn hop(text: &str) -> Hop {
    text.parse().unwrap()
}

#[test]
fn a_hop_is_a_host_with_a_port() {
    for (text, shown) in [
        ("mail.example.com:25", "mail.example.com:25"),
        ("MAIL.example.com.:25", "mail.example.com:25"),
        ("localhost:2525", "localhost:2525"),
        ("192.0.2.1:65535", "192.0.2.1:65535"),
        ("[2001:DB8::1]:25", "[2001:db8::1]:25"),
    ] {
        assert_eq!(hop(text).to_string(), shown);
        assert_eq!(hop(shown), hop(text));
    }
    for text in ["", "25", ":25", "mail.example.com", "a:0", "a:65536", "2001:db8::1:25", "[::1]", "a b:25", "a@b:25"] {
        assert_eq!(text.parse::<Hop>(), Err(format!("`{text}` is no host with a port")));
    }
}

#[test]
fn a_listener_is_known_by_whatever_name() {
    let reaches = |listener: &str, to: &str| {
        let listener = listener.parse().unwrap();
        hop(to).addresses().iter().any(|&peer| is_listener(listener, peer, None))
    };
    for (listener, to) in [
        ("127.0.0.1:25", "127.0.0.1:25"),
        ("127.0.0.1:25", "localhost:25"),
        ("[::1]:25", "localhost:25"),
        ("0.0.0.0:25", "127.0.0.9:25"),
        ("0.0.0.0:25", "LocalHost:25"),
        ("[::]:25", "127.0.0.1:25"),
        ("127.0.0.1:25", "0.0.0.0:25"),
        ("0.0.0.0:25", "0.0.0.0:25"),
        ("127.0.0.1:25", "[::ffff:127.0.0.1]:25"),
    ] {
        assert!(reaches(listener, to), "{listener} {to}");
    }
    for (listener, to) in [
        ("127.0.0.1:25", "127.0.0.1:26"),
        ("127.0.0.1:25", "127.0.0.2:25"),
        ("0.0.0.0:25", "192.0.2.1:25"),
        ("127.0.0.1:0", "127.0.0.1:25"),
        ("0.0.0.0:25", "mail.example.com:25"),
    ] {
        assert!(!reaches(listener, to), "{listener} {to}");
    }
    // Once there is a connection, one from the address that it goes to is one to this machine.
    let (any, peer) = ("0.0.0.0:25".parse().unwrap(), "192.0.2.1:25".parse().unwrap());
    assert!(is_listener(any, peer, Some("192.0.2.1".parse().unwrap())));
    assert!(!is_listener(any, peer, Some("192.0.2.7".parse().unwrap())));
}

#[test]
fn a_domain_has_a_relay_of_its_own_or_none() {
    let settings = OutboxSettings {
        relay: Some(hop("all:25")),
        relays: BTreeMap::from([("a.test".to_owned(), Some(hop("a:25"))), ("b.test".to_owned(), None)]),
        schedule: Schedule::default(),
    };
    let relay = Relay::new(&settings, Vec::new());
    for (to, wanted) in [
        ("x@A.test", Some("a:25")),
        ("\"@b.test\"@a.test.", Some("a:25")),
        ("x@b.test", None),
        ("x@sub.a.test", Some("all:25")),
        ("postmaster", Some("all:25")),
    ] {
        assert_eq!(relay.route(to).map(ToString::to_string).as_deref(), wanted, "{to}");
    }
    assert_eq!(Relay::default().route("x@a.test"), None);
}

#[test]
fn the_time_between_attempts_doubles_until_it_is_up() {
    let schedule = Schedule::default();
    let first = Time::from_unix_seconds(1_201_824_000);
    let (mut now, mut minutes) = (first, Vec::new());
    for tries in 1..=100 {
        let Some(next) = schedule.next_attempt(tries, first, now) else { break };
        minutes.push(next.since(first).as_secs() / 60);
        now = next;
    }
    assert_eq!(minutes, [1, 3, 7, 15, 31, 60]);
    assert_eq!(schedule.next_attempt(u32::MAX, first, first), Some(first.after(schedule.give_up)));
    assert_eq!(schedule.next_attempt(1, first, first.after(schedule.give_up * 9)), None);
    assert_eq!(Schedule { give_up: Duration::ZERO, ..schedule }.next_attempt(1, first, first), None);
}
