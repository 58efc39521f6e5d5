//! Waiting for what is yet to come.

use super::http::{Answer, Request};
use super::{Asked, text};
use crate::program::{Serving, mockmx};

#[test]
fn a_wait_is_answered_as_soon_as_enough_is_there() {
    let asked = Asked::start(&[]);
    asked.deliver("a@client.test", "user@263.net", b"Subject: one\r\n\r\n");
    assert_eq!(asked.items("messages?wait=60s").len(), 1, "it was there before");
    let mut waiting = asked.request("GET", "messages?count=2&wait=60s&subject=o").open();
    asked.deliver("a@client.test", "user@263.net", b"Subject: else\r\n\r\n");
    asked.deliver("a@client.test", "user@263.net", b"Subject: two\r\n\r\n");
    let page = Answer::read(&mut waiting).expect(200).json();
    let subjects: Vec<_> = page["items"].as_array().unwrap().iter().map(|item| text(item, "/subject")).collect();
    assert_eq!(subjects, ["two", "one"]);
    let page = asked.json("messages?count=2&limit=1&wait=60s");
    assert_eq!((page["items"].as_array().unwrap().len(), page["next"].is_string()), (2, true));

    let mut waiting = asked.request("GET", "verdicts?rule=user-unknown&wait=60s").open();
    asked.deliver("a@client.test", "user-unknown@263.mockmx.test", b"x");
    assert_eq!(Answer::read(&mut waiting).expect(200).json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(asked.items("sessions?verdict=refuse&wait=60s").len(), 1);
}

#[test]
fn what_did_not_come_is_told_with_what_nearly_matched() {
    let asked = Asked::start(&[]);
    asked.deliver("a@client.test", "user@263.net", b"Subject: Invoice 17\r\n\r\n");
    asked.deliver("b@client.test", "other@263.net", b"Subject: Invoice 18\r\n\r\n");
    let problem = asked.get("messages?from=a@client.test&to=other@263.net&count=2&wait=50ms").problem(408);
    assert_eq!(text(&problem, "/detail"), "after 50ms there are 0 of the 2 messages waited for");
    assert!(problem["found"].as_array().unwrap().is_empty());
    let near = problem["near"].as_array().unwrap();
    assert_eq!(text(&near[0], "/record/subject"), "Invoice 18", "both miss one, the newest first");
    assert_eq!(
        near[0]["misses"],
        serde_json::json!([{"filter": "from", "wanted": "a@client.test", "found": ["b@client.test"]}])
    );
    assert_eq!(
        near[1]["misses"],
        serde_json::json!([{"filter": "to", "wanted": "other@263.net", "found": ["user@263.net"]}])
    );

    let problem = asked.get("messages?subject=invoice&count=3&wait=0s").problem(408);
    assert_eq!(problem["found"].as_array().unwrap().len(), 2);
    let problem = asked.get("sessions?helo=x&wait=0s").problem(400);
    assert_eq!(problem["parameter"], "helo");
    let problem = asked.get("sessions?lane=nobody&wait=0s").problem(408);
    assert_eq!(problem["near"].as_array().unwrap().len(), 0, "other lanes are nobody's business");
}

#[test]
fn the_end_ends_waits_and_events() {
    let asked = Asked::start(&[]);
    let mut waiting = asked.request("GET", "messages?wait=5m").open();
    let mut events = asked.request("GET", "events").open();
    Answer::head(&mut events).expect(200);
    asked.serving.signal("TERM");
    let problem = Answer::read(&mut waiting).problem(503);
    assert_eq!(text(&problem, "/detail"), "mockmx no longer serves here");
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut events, &mut rest).unwrap();
    assert_eq!(String::from_utf8_lossy(&rest), "0\r\n\r\n", "the stream ends as it should");
    assert_eq!(asked.serving.end().1, Some(0));
}

#[test]
fn a_listener_that_is_moved_ends_its_waits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mockmx.toml");
    let settings = |http| format!("smtp = 0\nsubmission = 0\nsmtps = 0\nhttp = \"{http}:0\"\n");
    std::fs::write(&file, settings("127.0.0.1")).unwrap();
    let mut command = mockmx(folder.path());
    let asked = Asked { serving: Serving::spawn_as_set(command.args(["--log", "off"])), folder };
    let mut waiting = asked.request("GET", "messages?wait=5m").open();
    std::fs::write(&file, settings("127.0.0.2")).unwrap();
    asked.serving.signal("HUP");
    Answer::read(&mut waiting).problem(503);
}

#[test]
fn who_goes_away_takes_no_place() {
    let asked = Asked::start(&[]);
    // As many as there may be.
    let paths = ["/api/v1/messages?wait=5m", "/api/v1/events"];
    let waiting: Vec<_> = (0..256).map(|index| Request::new(asked.http(), "GET", paths[index % 2]).open()).collect();
    drop(waiting);
    Request::new(asked.http(), "GET", "/readyz").send().expect(200);
}
