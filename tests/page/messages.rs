//! Messages, hostile ones too.

use super::{browse, has, page, problem};
use crate::api::{Asked, text};

const HTML: &str = "<!doctype html><base href=\"http://127.0.0.1:9/\"><link rel=preconnect href=http://127.0.0.1:9>\
    <meta http-equiv=refresh content=\"0;url=http://127.0.0.1:9/\"><p style=\"color: red\" onclick=alert(1)>hello\
    <a href=http://127.0.0.1:9/away target=_top>away</a><img src=http://127.0.0.1:9/x.png alt=pixel>\
    <img src=\"data:image/png;base64,AA==\"><form action=http://127.0.0.1:9><svg onload=alert(1)></svg></form>\
    <script>alert(1)</script><iframe srcdoc=\"<b>\"></iframe><object data=http://127.0.0.1:9></object>";

fn hostile() -> Vec<u8> {
    let text = format!(
        "Subject: =?UTF-8?B?5Y+R56Wo?= <script>alert(1)</script>\r\nX-Evil: \"><img src=x onerror=alert(1)>\u{202e}\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
         --c\r\nContent-Type: text/plain; charset=\"<b>\"\r\n\r\n</pre><b>Plain</b>\r\n\ttext\nbare\r\n\
         --c\r\nContent-Type: text/html\r\n\r\n{HTML}\r\n--c--\r\n\
         --b\r\nContent-Type: application/x-a; name=\"../\\\"><b>.exe\"\r\nContent-Disposition: attachment\r\n\
         Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--b--\r\n"
    );
    text.into_bytes()
}

fn only_id(asked: &Asked) -> String {
    text(&asked.items("messages")[0], "/id").to_owned()
}

#[test]
fn messages_are_listed_filtered_and_paged() {
    let asked = Asked::start(&["--provider", "neutral"]);
    has(&page(&asked, "/messages", "en"), &["<title>Messages · mockmx", "No message was accepted yet."]);
    let mail = |n| {
        format!(
            "MAIL FROM:<a{n}@client.test>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n\
             X-Mockmx-Lane: lane{}\r\nSubject: <i>number {n}</i>\r\n\r\nx\r\n.\r\n",
            n % 2
        )
    };
    let mails: String = (0..52).map(mail).collect();
    asked.smtp(format!("EHLO c.test\r\n{mails}QUIT\r\n").as_bytes());

    let newest = page(&asked, "/messages", "en");
    assert_eq!(newest.matches("data-row").count(), 50);
    let first = ["&#60;i&#62;number 51&#60;/i&#62;", "a51@client.test", "b@example.com", "+1", "● ", "inbox", "lane1"];
    has(&newest.replace("<span aria-hidden=\"true\">●</span> ", "● "), &first);
    has(&newest, &["number 51", "number 50", "number 2&#60;", "id=\"older\""]);
    assert!(!newest.contains("number 1&#60;"));
    let older = newest.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let older = page(&asked, &older, "zh");
    has(&older, &["<title>邮件", "返回最新", "number 1&#60;", "收件箱", "number 0&#60;"]);
    assert!(!older.contains("id=\"older\""));

    let filtered = page(&asked, "/messages?lane=lane0&text=NUMBER+1&provider=&verdict=", "en");
    assert_eq!(filtered.matches("data-row").count(), 5, "10, 12, … 18");
    has(&filtered, &["value=\"NUMBER 1\"", "value=\"lane0\"", "Clear"]);
    has(&page(&asked, "/messages?verdict=discard&lang=zh", "zh"), &["没有符合条件的邮件。"]);
    let wrong = problem(&asked, "/messages?verdict=%3Cb%3E", 400);
    has(&wrong, &["400 Bad Request", "there is no verdict `&#60;b&#62;`", "one of accept, "]);
    problem(&asked, "/messages?before=1", 400);
    problem(&asked, "/messages?lane=a%20b", 400);
    has(&problem(&asked, "/messages?kind=failed", 400), &["ask for the outbox"]);
    has(&problem(&asked, "/messages?colour=red", 400), &["there is no parameter `colour` here"]);
}

#[test]
fn a_message_is_shown_with_all_that_it_holds_and_none_of_it_is_obeyed() {
    let asked = Asked::start(&["--provider", "neutral"]);
    asked.deliver("a@client.test", "user@263.net", &hostile());
    let id = only_id(&asked);
    let shown = page(&asked, &format!("/messages/{id}"), "en");
    for evil in ["<script>alert", "<img src=x", "<b>", "\u{202e}"] {
        assert!(!shown.contains(evil), "{evil}");
    }
    let session = text(&asked.items("sessions")[0], "/id").to_owned();
    has(
        &shown,
        &[
            "<h1 id=\"subject\"><bdi>发票 &#60;script&#62;alert(1)&#60;/script&#62;",
            "a@client.test",
            &format!("/sessions/{session}"),
            "user@263.net",
            "inbox",
            "/raw?delivered=0",
            "&#60;/pre&#62;&#60;b&#62;Plain&#60;/b&#62;\n\ttext\nbare</bdi>",
            &format!(
                "sandbox=\"\" referrerpolicy=\"no-referrer\" loading=\"lazy\" title=\"HTML part 1.2\" src=\"/messages/{id}/html?part=1.2\""
            ),
            &format!("/api/v1/messages/{id}/attachments/0"),
            "../&#34;&#62;&#60;b&#62;.exe",
            "3 B",
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "&#60;b&#62; · ",
            "text/html",
            "1.2",
            "application/x-a",
            "base64 · 4 B · attachment",
            "X-Evil",
            "&#34;&#62;&#60;img src=x onerror=alert(1)&#62;\\u{202e}",
            // As it came.
            "Subject: =?UTF-8?B?5Y+R56Wo?= ",
            "header x-evil",
            "body 1.1",
            &format!("/api/v1/messages/{id}/raw"),
            "text\\n\nbare",
        ],
    );
    let chinese = page(&asked, &format!("/messages/{id}"), "zh");
    has(&chinese, &["信封", "收件箱", "文本", "附件", "MIME 结构", "邮件头", "规则比对的文本", "源码"]);
    for missing in ["x", "019ab7a2-0000-7000-8000-000000000000", "%3Cb%3E"] {
        let wrong = problem(&asked, &format!("/messages/{missing}"), 404);
        assert!(wrong.contains("404 Not Found") && !wrong.contains("<b>"));
    }
}

#[test]
fn html_of_strangers_is_shown_where_it_can_do_nothing() {
    let asked = Asked::start(&["--provider", "neutral"]);
    asked.deliver("a@client.test", "user@263.net", &hostile());
    let id = only_id(&asked);
    let part = browse(&asked, &format!("/messages/{id}/html?part=1.2"), "en").expect(200);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        (
            "content-security-policy",
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
             base-uri 'none'; frame-ancestors 'self'",
        ),
        ("referrer-policy", "no-referrer"),
        ("x-dns-prefetch-control", "off"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(part.header(name), Some(value));
    }
    assert_eq!(
        part.text(),
        "<!doctype html><p style=\"color: red\">hello<a title=\"http://127.0.0.1:9/away\">away</a><img alt=\"pixel\">\
         <img src=\"data:image/png;base64,AA==\">"
    );
    assert_eq!(browse(&asked, &format!("/messages/{id}/html"), "en").text(), part.text(), "the first one");
    problem(&asked, &format!("/messages/{id}/html?part=1.1"), 404);
    problem(&asked, &format!("/messages/{id}/html?parts=1"), 400);
    problem(&asked, "/messages/x/html", 404);
}

#[test]
fn of_a_large_message_a_part_is_shown() {
    let asked = Asked::start(&["--provider", "neutral"]);
    let line = "<p>\u{7}many</p>\r\n";
    let body = format!("Content-Type: text/html\r\n\r\n{}", line.repeat(200_000));
    asked.deliver("a@client.test", "user@263.net", body.as_bytes());
    let id = only_id(&asked);
    let shown = page(&asked, &format!("/messages/{id}"), "en");
    assert!(shown.len() < 2 << 20, "{}", shown.len());
    let whole = body.len() + 2;
    has(&shown, &["Left out, bytes:", &format!("Left out, bytes: {}", whole - 256 * 1024)]);
    let html = browse(&asked, &format!("/messages/{id}/html"), "en").expect(200);
    assert!(html.body.len() <= 1 << 20);
}

#[test]
fn what_rules_did_to_a_message_stands_with_it() {
    let asked = Asked::start(&[]);
    asked.deliver("a@client.test", "tracking-target-full@263.mockmx.test", b"Subject: told\r\n\r\n");
    let shown = page(&asked, &format!("/messages/{}", only_id(&asked)), "en");
    let notification = text(&asked.items("outbox")[0], "/id").to_owned();
    has(
        &shown,
        &[
            "/providers/263/tracking-target-full",
            "263/tracking-target-full",
            &format!("/outbox/{notification}"),
            "waiting",
        ],
    );
    asked.post_json("stubs", r#"{"stage": "message", "when": {"recipient": "gone@"}, "then": "discard"}"#).expect(201);
    asked.deliver("a@client.test", "gone@263.net", b"Subject: vanished\r\n\r\n");
    let list = page(&asked, "/messages?verdict=discard", "en");
    has(&list, &["vanished", "▽", "discarded"]);
    assert_eq!(list.matches("data-row").count(), 1);
    let shown = page(&asked, &format!("/messages/{}", only_id(&asked)), "zh");
    has(&shown, &["丢弃", "/stubs#"]);
    assert!(!shown.contains("delivered=0"));
}
