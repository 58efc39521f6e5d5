//! Providers and their rules, which of them were met, and charts.

use super::Browser;
use crate::api::Asked;

#[tokio::test]
async fn a_rule_is_found_on_its_providers_map_with_how_often_it_fired() {
    let asked = Asked::start(&[]);
    for _ in 0..3 {
        asked.deliver("a@example.org", "keyword@263.mockmx.test", b"Subject: x\r\n\r\nx");
    }
    let browser = Browser::open(&asked, "en").await;
    browser.go("/providers").await;
    browser.until("main [data-row]", |text| text.contains("263")).await.click().await.unwrap();
    browser.find("#way").await;
    let chip = browser.text("#stage-message #r-keyword").await;
    assert!(chip.contains("598") && chip.contains('3'), "{chip}");
    browser.click("#r-keyword").await;
    browser.until("h1", |text| text.ends_with("263/keyword")).await;
    assert!(browser.text("#fired").await.starts_with("3×"));
    assert_eq!(browser.text("#trigger").await, "keyword@263.mockmx.test");
    assert!(browser.text(".words").await.contains("解决建议"));
    // What it says to copy does it again.
    let swaks = browser.text(".retry code").await;
    let done = std::process::Command::new("sh").args(["-c", &swaks]).output().unwrap();
    assert!(String::from_utf8_lossy(&done.stdout).contains("<** 598  mail rejected by keyword"), "{done:?}");
    browser.click("#fired a").await;
    browser.until("h1", |text| text == "Sessions").await;
    assert_eq!(browser.texts("#rows tr").await.len(), 4);
}

#[tokio::test]
async fn coverage_tells_what_a_sender_was_never_shown() {
    let asked = Asked::start(&[]);
    asked.deliver("a@example.org", "keyword@263.mockmx.test", b"Subject: x\r\n\r\nx");
    let browser = Browser::open(&asked, "en").await;
    browser.go("/coverage").await;
    assert!(browser.text("#all").await.starts_with("1 of "));
    browser.click("#c-263 h2 a").await;
    browser.until(".met", |text| text.contains("keyword")).await;
    let never = browser.text(".never").await;
    assert!(never.contains("same-domain-auth@263.mockmx.test") && !never.contains(" keyword\n"), "{never}");
    assert_eq!(browser.texts("section.covered").await.len(), 1);
}

#[tokio::test]
async fn charts_show_what_was_judged() {
    let asked = Asked::start(&[]);
    asked.deliver("a@example.org", "keyword@263.mockmx.test", b"Subject: x\r\n\r\nx");
    asked.deliver("a@example.org", "ip-block-spam@xinnet.mockmx.test", b"Subject: x\r\n\r\nx");
    let browser = Browser::open(&asked, "en").await;
    browser.go("/charts").await;
    let legend = browser.texts("#legend li").await;
    assert!(legend.iter().any(|text| text.ends_with("263 1")), "{legend:?}");
    assert!(legend.iter().any(|text| text.ends_with("xinnet 1")), "{legend:?}");
    let drawn = browser.script("return document.querySelectorAll('#verdicts rect').length").await;
    assert!(drawn.as_u64().is_some_and(|drawn| drawn >= 2), "{drawn}");
    assert!(browser.text("#judged").await.contains("rcpt"));
}
