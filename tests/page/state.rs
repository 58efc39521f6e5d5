//! What lanes remember, and their clocks.

use super::{Looked, between};

/// One message in a while, and whoever sends more goes to prison.
const ONE: &str = "providers.263.rules.too-frequent.when.rate.messages = 1\n";

fn is_in_prison(answer: &str) -> bool {
    answer.contains("450 sender in prison")
}

/// The keys of all release buttons.
fn keys(page: &str) -> Vec<&str> {
    between(page, "name=\"key\" value=\"", "\"")
}

#[test]
fn who_is_released_sends_again() {
    let looked = Looked::start_set(ONE);
    assert!(looked.page("/state").contains("Nothing: nobody is in prison"));
    let send = || is_in_prison(&looked.deliver("me@example.org", "a@263.net"));
    assert_eq!([send(), send()], [false, true]);
    let page = looked.page("/state");
    let rows = between(&page, "<tbody>", "</tbody>")[0];
    let prison = between(rows, "<tr>", "</tr>")[0];
    for wanted in [">prison</span>", "263/sender", "me@example.org", "data-left=\"", ">Release</button>"] {
        assert!(prison.contains(wanted), "{wanted}: {prison}");
    }
    let left: u64 = between(prison, "data-left=\"", "\"")[0].parse().unwrap();
    assert!((14 * 60_000..=20 * 60_000).contains(&left), "{left}");
    assert!(rows.contains(">rate</span>") && rows.contains("1 of 1") && rows.contains("<meter "), "{rows}");
    let zh = looked.page("/state?lang=zh");
    assert!(zh.contains(">封禁</span>") && zh.contains(">释放</button>"), "{zh}");

    for key in keys(&page) {
        let fields = [("lane", "default"), ("key", key)];
        assert_eq!(looked.post("/state/release", &fields).expect(303).header("location"), Some("/state"));
        looked.post("/state/release", &fields).expect(303);
    }
    assert!(looked.page("/state").contains("Nothing: nobody is in prison"));
    assert_eq!([send(), send()], [false, true]);
}

#[test]
fn twenty_minutes_open_a_prison() {
    let looked = Looked::start_set(ONE);
    let send = || is_in_prison(&looked.deliver("me@example.org", "a@263.net"));
    assert_eq!([send(), send()], [false, true]);
    assert_eq!(
        looked.post("/state/clock", &[("lane", "default"), ("advance", "20m")]).expect(303).header("location"),
        Some("/state")
    );
    assert!(!looked.page("/state").contains(">prison</span>"));
    assert!(!send());
}

#[test]
fn a_clock_is_stopped_moved_and_let_run() {
    let looked = Looked::start();
    let clock = |name: &str, value: &str| looked.post("/state/clock", &[("lane", "a"), (name, value)]).expect(303);
    let millis = || -> u64 { between(&looked.page("/state?lane=a"), "data-shows=\"", "\"")[0].parse().unwrap() };
    assert_eq!(clock("freeze", "true").header("location"), Some("/state?lane=a"));
    let page = looked.page("/state?lane=a");
    assert!(page.contains("stands still") && page.contains("<option selected>a</option>"), "{page}");
    assert!(looked.page("/state?lane=a&lang=zh").contains("已停止"));
    let stopped = millis();
    let mut moved = 0;
    for (advance, minutes) in [("1m", 1), ("20m", 20), ("24h", 24 * 60)] {
        assert!(page.contains(&format!("name=\"advance\" value=\"{advance}\"")), "{advance}");
        clock("advance", advance);
        moved += minutes * 60_000;
        assert_eq!(millis() - stopped, moved);
    }
    assert!(looked.page("/state").contains("id=\"runs\" class=\"muted\">runs<"), "that of another lane goes on");
    clock("freeze", "false");
    assert!(looked.page("/state?lane=a").contains("id=\"runs\" class=\"muted\">runs<"));
    for (name, value) in [("freeze", "maybe"), ("advance", "-1m"), ("advance", "soon"), ("x", "y")] {
        looked.post("/state/clock", &[("lane", "a"), (name, value)]).expect(400);
    }
}

#[test]
fn a_reset_forgets_one_lane() {
    let looked = Looked::start_set(ONE);
    let to = |lane: &str| format!("a@{lane}.lane.mockmx.test");
    for lane in ["a", "b"] {
        looked.deliver(&format!("{lane}@example.org"), &to(lane));
        looked.post("/state/clock", &[("lane", lane), ("freeze", "true")]).expect(303);
    }
    let sessions = |lane: &str| looked.page(&format!("/?lane={lane}")).matches("<tr id=\"s-").count();
    assert_eq!((sessions("a"), sessions("b")), (1, 1));
    assert_eq!(looked.post("/state/reset", &[("lane", "a")]).expect(303).header("location"), Some("/state?lane=a"));
    assert_eq!((sessions("a"), sessions("b")), (0, 1));
    assert!(!looked.page("/state?lane=a").contains("stands still"));
    assert!(looked.page("/state?lane=b").contains("stands still"));

    let send = || is_in_prison(&looked.deliver("me@example.org", "a@263.net"));
    assert_eq!([send(), send()], [false, true]);
    looked.post("/state/reset", &[("lane", "default")]).expect(303);
    assert!(looked.page("/state").contains("Nothing: nobody is in prison"));
    assert!(!send());
}

#[test]
fn scenarios_are_shown() {
    let looked = Looked::start();
    assert!(looked.page("/state").contains("None was moved."));
    let request = crate::api::http::Request::new(looked.0.http(), "PUT", "/api/v1/scenarios/filling");
    request.header("Content-Type", "application/json").body(br#"{"state": "full"}"#).send().expect(200);
    assert!(looked.page("/state").contains("<dt>filling</dt><dd>full</dd>"));
    assert!(looked.page("/state?lane=b").contains("None was moved."));
}

#[test]
fn a_page_of_another_site_changes_nothing() {
    let looked = Looked::start_set(ONE);
    let send = || is_in_prison(&looked.deliver("me@example.org", "a@263.net"));
    assert_eq!([send(), send()], [false, true]);
    let page = looked.page("/state");
    let lane = ("lane", "default");
    for key in keys(&page) {
        looked.post_from("http://evil.test", "/state/release", &[lane, ("key", key)]).expect(403);
    }
    looked.post_from("http://evil.test", "/state/clock", &[lane, ("advance", "20m")]).expect(403);
    looked.post_from("null", "/state/reset", &[lane]).expect(403);
    assert!(send());
    assert_eq!(keys(&looked.page("/state")), keys(&page));
}

#[test]
fn what_strangers_chose_is_shown_as_what_it_is_and_can_be_released() {
    let looked = Looked::start_set("provider = \"neutral\"\n");
    let rate =
        r#"{"stage": "mail", "when": {"rate": {"messages": 1, "per": "1h", "key": "{sender}"}}, "reply": "450 no"}"#;
    let request = crate::api::http::Request::new(looked.0.http(), "POST", "/api/v1/stubs");
    request.header("Content-Type", "application/json").body(rate.as_bytes()).send().expect(201);
    let mail = "MAIL FROM:<\"<script>'&\u{202e}\"@example.org> SMTPUTF8\r\nRSET\r\n";
    let answer = looked.smtp(&format!("EHLO client.test\r\n{mail}{mail}QUIT\r\n"));
    assert!(answer.contains("450 no"), "{answer}");
    let page = looked.page("/state");
    assert!(page.contains("&#60;script&#62;&#39;&#38;\\u{202e}") && !page.contains('\u{202e}'), "{page}");
    for key in keys(&page) {
        looked.post("/state/release", &[("lane", "default"), ("key", key)]).expect(303);
    }
    assert!(keys(&looked.page("/state")).is_empty());

    for path in ["/state?lane=%3Cscript%3E", "/state?lane=", "/state?lain=a", "/state?lane=a&lane=b"] {
        let page = looked.page_of(path, 400);
        assert!(!page.contains("<script>"), "{path}: {page}");
    }
    for path in ["/state/clock", "/state/release", "/state/reset"] {
        looked.post(path, &[("lane", "a/../b"), ("advance", "1m"), ("key", "x")]).expect(400);
        looked.post(path, &[("advance", "1m"), ("key", "x")]).expect(400);
    }
    looked.post("/state/release", &[("lane", "default"), ("key", "\u{202e}")]).expect(400);
    // A lane that nobody has named yet.
    assert!(looked.page("/state?lane=New").contains("<option selected>new</option>"));
}
