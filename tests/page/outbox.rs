//! What senders are told later.

use serde_json::json;

use super::{has, page, problem};
use crate::api::events::Events;
use crate::api::{Asked, text};

fn stub(asked: &Asked, stub: &str) {
    asked.post_json("stubs", stub).expect(201);
}

#[test]
fn the_outbox_is_listed_with_what_is_left_until_it_is_due() {
    let asked = Asked::start(&["--provider", "neutral"]);
    has(&page(&asked, "/outbox", "en"), &["<title>Outbox · mockmx", "Nobody is told anything later."]);
    stub(
        &asked,
        r#"{"stage": "message", "when": {"recipient": "slow@"}, "bounce": [
            {"kind": "delayed", "reply": "452 4.2.2 full", "after": "4h"}, {"kind": "failed", "after": "20h"}]}"#,
    );
    asked.post_json("clock", &json!({ "freeze": true }).to_string()).expect(200);
    asked.deliver("a@client.test", "slow@example.com", b"Subject: one\r\n\r\n");
    let waiting = page(&asked, "/outbox", "en");
    assert_eq!((waiting.matches("data-row").count(), waiting.matches("data-frozen").count()), (2, 2));
    has(
        &waiting,
        &[
            "failed",
            "waiting",
            "data-left=\"86400000\" data-frozen>24:00:00<",
            "clock stands",
            "a@client.test",
            "slow@example.com",
            "/stubs#",
        ],
    );
    has(&waiting, &["delayed", "data-left=\"14400000\"", ">4:00:00<"]);

    asked.post_json("clock", &json!({ "advance": "4h", "freeze": false }).to_string()).expect(200);
    let due = page(&asked, "/outbox?state=due&kind=&text=slow@", "zh");
    has(&due, &["待发通知", "延迟", "已到期"]);
    assert_eq!((due.matches("data-row").count(), due.matches("data-left").count()), (1, 0));
    let failed = page(&asked, "/outbox?kind=failed", "en");
    has(&failed, &["data-row", "data-left=\""]);
    assert!(!failed.contains("data-frozen"));
    has(&page(&asked, "/outbox?lane=other", "en"), &["Nothing in the outbox is like that."]);
    has(&problem(&asked, "/outbox?kind=faild", 400), &["did you mean `failed`?"]);
    has(&problem(&asked, "/outbox?state=x", 400), &["one of waiting, due"]);
    problem(&asked, "/outbox?before=x", 400);
}

#[test]
fn a_notification_is_shown_with_its_report_and_how_it_was_passed_on() {
    let target = Asked::start(&["--provider", "neutral"]);
    let relay = target.serving.address("smtp");
    let asked = Asked::start_set(&format!("[outbox]\nrelay = '{relay}'\n"), &["--provider", "neutral"]);
    let mut events = Events::open(&asked, "?kind=attempt", None);
    stub(&asked, r#"{"stage": "message", "bounce": {"kind": "failed", "reply": "550 5.1.1 <b>用户不存在</b>"}}"#);
    asked.deliver("a@client.test", "b@example.com", b"Subject: <script>alert(1)</script>\r\n\r\nx\r\n");
    let attempt = events.next().data;
    let notification = asked.items("outbox").remove(0);
    let id = text(&notification, "/id");
    let shown = page(&asked, &format!("/outbox/{id}"), "en");
    assert!(!shown.contains("<b>") && !shown.contains("<script>alert"));
    has(
        &shown,
        &[
            "failed",
            "&#60;script&#62;alert(1)&#60;/script&#62;",
            "due",
            "&#60;&#62;",
            "a@client.test",
            "b@example.com",
            "/stubs#",
            &format!("/messages/{}", text(&notification, "/message")),
            &format!("/sessions/{}", text(&notification, "/session")),
            "relayed",
            &relay.to_string(),
            &format!("<bdi>{}</bdi>", text(&attempt, "/reply")),
            "&#60;b&#62;用户不存在&#60;/b&#62;",
            "message/delivery-status",
            "Final-Recipient",
            "rfc822; b@example.com",
            "Diagnostic-Code",
            "smtp; 550 5.1.1 &#60;b&#62;用户不存在&#60;/b&#62;",
            &format!("/api/v1/outbox/{id}/raw"),
            "Content-Type: multipart/report",
        ],
    );
    has(
        &page(&asked, &format!("/outbox/{id}"), "zh"),
        &["投递失败", "已到期", "转发记录", "已转交", "供程序读取", "源码"],
    );
    has(&problem(&asked, "/outbox/x", 404), &["404 Not Found", "there is no notification `x`"]);
}
