//! Server-sent events.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use serde_json::Value;

use super::http::Answer;
use super::{Asked, text};

/// A stream of events.
pub(crate) struct Events(BufReader<TcpStream>);

/// An event.
#[derive(Debug)]
pub(crate) struct Event {
    id: Option<u64>,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl Events {
    pub(crate) fn open(asked: &Asked, query: &str, last: Option<&str>) -> Self {
        let mut request = asked.request("GET", &format!("events{query}"));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let mut stream = request.open();
        let head = Answer::head(&mut stream).expect(200);
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        Self(stream)
    }

    pub(crate) fn next(&mut self) -> Event {
        let mut event = Event { id: None, kind: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
            // Lines between are the lengths of chunks.
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => event.id = id.parse().ok(),
                Some(("event", kind)) => event.kind = kind.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                _ if line.trim_end().is_empty() && !event.kind.is_empty() => return event,
                _ => {}
            }
        }
    }
}

fn deliver(asked: &Asked, lane: &str) {
    asked.deliver("a@client.test", "user@263.net", format!("X-Mockmx-Lane: {lane}\r\n\r\n").as_bytes());
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let asked = Asked::start(&[]);
    let mut all = Events::open(&asked, "", None);
    let mut some = Events::open(&asked, "?lane=two&kind=message&kind=verdict", None);
    deliver(&asked, "one");
    deliver(&asked, "two");
    asked.deliver("a@client.test", "user-unknown@two.lane.mockmx.test", b"x");
    let told: Vec<_> = (0..3).map(|_| all.next()).map(|event| (event.id.unwrap(), event.kind)).collect();
    assert_eq!(told, [(1, "session".to_owned()), (2, "message".to_owned()), (3, "session".to_owned())]);
    let event = some.next();
    assert_eq!((event.kind.as_str(), text(&event.data, "/lane"), event.id), ("message", "two", Some(5)));
    assert_eq!(text(&event.data, "/from"), "a@client.test");
}

#[test]
fn who_comes_back_gets_what_was_missed() {
    let asked = Asked::start(&[]);
    deliver(&asked, "one");
    deliver(&asked, "two");
    let mut back = Events::open(&asked, "", Some("2"));
    let ids: Vec<_> = (0..4).map(|_| back.next().id.unwrap()).collect();
    assert_eq!(ids, [3, 4, 5, 6]);
    // Of another process, which had told more.
    let mut back = Events::open(&asked, "?kind=message", Some("4711"));
    let gap = back.next();
    assert_eq!((gap.kind.as_str(), gap.id, gap.data), ("gap", None, serde_json::json!({"after": 4711, "next": 1})));
    assert_eq!(back.next().id, Some(2));
    deliver(&asked, "three");
    assert_eq!((back.next().id, back.next().id), (Some(5), Some(8)));
}

#[test]
fn what_is_no_longer_remembered_is_a_gap() {
    let asked = Asked::start(&[]);
    // Each session is told of twice, and a thousand events are remembered.
    for _ in 0..510 {
        asked.smtp(b"QUIT\r\n");
    }
    let mut back = Events::open(&asked, "", Some("1"));
    let gap = back.next();
    let next = gap.data["next"].as_u64().unwrap();
    assert_eq!((gap.kind.as_str(), gap.data["after"].as_u64()), ("gap", Some(1)));
    assert!(next > 2);
    assert_eq!(back.next().id, Some(next));
}

#[test]
fn what_cannot_be_told_is_said_at_once() {
    let asked = Asked::start(&[]);
    assert_eq!(asked.get("events?kind=mesage").problem(400)["help"], "did you mean `message`?");
    let answer = asked.request("GET", "events").header("Last-Event-ID", "x").send();
    assert_eq!(answer.problem(400)["parameter"], "Last-Event-ID");
}
