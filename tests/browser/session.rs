//! A session's page, and what is made of it.

use super::Browser;
use crate::api::{Asked, text};

#[tokio::test]
async fn a_refusal_says_what_was_found_why_and_what_to_do() {
    let asked = Asked::start(&[]);
    let text =
        "Subject: offer\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n您好，代开发票，谢谢";
    asked.deliver("a@example.org", "user@example.com", text.as_bytes());
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    browser.click("#rows [data-row]").await;
    assert_eq!(browser.text(".server.bad code").await, "598  mail rejected by keyword");
    assert_eq!(browser.texts(".client code").await.first().unwrap(), "EHLO client.test");
    assert_eq!(browser.text(".clue mark").await, "代开发票");
    assert_eq!(browser.text(".clue blockquote").await, "您好,代开发票,谢谢", "it is shown as rules compare it");
    let words = browser.text(".words").await;
    for part in ["原因", "Reason", "解决建议", "Remedy", "263 W022 §4.0.9 F", "policies/263.toml:"] {
        assert!(words.contains(part), "{words}");
    }
    browser.click(".server.bad .when a").await;
    assert!(browser.at().await.ends_with("#why-1"));
    browser.click("summary").await;
    let retries = browser.texts(".retry code").await;
    assert!(retries[0].starts_with("swaks --server 127.0.0.1:"), "{retries:?}");
    assert!(retries[0].ends_with("--from a@example.org --to keyword@263.mockmx.test"), "{retries:?}");
    browser.click(".retry [data-copy]").await;
    browser.until("#told", |text| text == "Copied").await;
}

#[tokio::test]
async fn what_was_counted_is_a_bar_and_an_attachment_is_shown_in_its_archive() {
    let asked = Asked::start(&[]);
    for _ in 0..11 {
        asked.smtp(b"EHLO a\r\nQUIT\r\n");
    }
    let commands = "NOOP\r\n".repeat(600);
    asked.smtp(format!("EHLO a\r\n{commands}QUIT\r\n").as_bytes());
    let stub = r#"{"stage": "message", "when": {"size": 10}, "reply": "552 5.3.4 too large"}"#;
    asked.post_json("stubs", stub).expect(201);
    asked.deliver("a@example.org", "user@example.com", b"Subject: long\r\n\r\nmore than ten bytes");
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    browser.click("#rows [data-row]").await;
    let caption = browser.text(".clue figcaption").await;
    assert!(caption.starts_with("bytes: ") && caption.ends_with(" of 10"), "{caption}");
    assert_eq!(browser.script("return document.querySelector('meter').value").await, 100);
}

#[tokio::test]
async fn a_stub_made_of_a_refusal_does_it_again() {
    let asked = Asked::start(&[]);
    asked.deliver("a@example.org", "user@example.com", "Subject: x\r\n\r\n代开发票".as_bytes());
    let session = asked.items("sessions").remove(0);
    let browser = Browser::open(&asked, "zh-CN").await;
    browser.go(&format!("/sessions/{}", text(&session, "/id"))).await;
    browser.click("form[action='/stubs/of-verdict'] button").await;
    browser.until("h1", |text| text == "桩规则").await;
    assert!(browser.text("article pre").await.contains("598  mail rejected by keyword"));
    let stubs = asked.items("stubs");
    assert_eq!(text(&stubs[0], "/stub/when/recipient"), "user@example.com");
    asked.deliver("b@example.org", "user@example.com", b"Subject: y\r\n\r\ny");
    let verdict = asked.items("verdicts").remove(0);
    assert_eq!((text(&verdict, "/provider"), text(&verdict, "/reply")), ("stub", "598  mail rejected by keyword"));
    // A reload makes no second one, and it can be taken away.
    browser.driver.refresh().await.unwrap();
    assert_eq!(browser.texts("article").await.len(), 1);
    assert!(browser.text("article h2").await.contains("已用 1×"));
    browser.click("article button.danger").await;
    browser.until(".empty", |text| text.contains("还没有桩规则")).await;
    assert!(asked.items("stubs").is_empty());
}
