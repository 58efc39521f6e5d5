//! Sessions as they happen.

use std::io::Write as _;
use std::net::TcpStream;

use thirtyfour::Key;

use super::Browser;
use crate::api::Asked;

const KEYWORD: &str = "keyword@263.mockmx.test";

#[tokio::test]
async fn a_session_is_seen_as_it_happens_and_its_row_follows_it() {
    let asked = Asked::start(&[]);
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    assert!(browser.text("#none").await.contains("swaks --server 127.0.0.1:"));
    browser.until("#live", |text| text == "live").await;
    asked.deliver("a@example.org", KEYWORD, b"Subject: x\r\n\r\nx");
    let row = browser.until("#rows tr", |text| text.contains("refused")).await;
    let text = row.text().await.unwrap();
    for part in ["263", "keyword", "a@example.org", KEYWORD, "default"] {
        assert!(text.contains(part), "{text}");
    }
    asked.deliver("b@example.org", "user@example.com", b"Subject: x\r\n\r\nx");
    browser.until("#rows tr:first-child", |text| text.contains("accepted")).await;
    assert_eq!(browser.texts("#rows tr").await.len(), 2);
    assert!(browser.texts("#none").await.is_empty());
    browser.click("#rows tr:last-child [data-row]").await;
    browser.until("h1", |text| text.contains("refused Session")).await;
}

#[tokio::test]
async fn what_breaks_off_is_not_called_good() {
    let asked = Asked::start(&[]);
    // It is taken, and kept, and the client never hears so.
    asked.deliver("a@example.org", "reset-after-354@neutral.mockmx.test", b"Subject: x\r\n\r\nx");
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    browser.until("#rows tr", |text| text.contains("breaks off")).await;
}

#[tokio::test]
async fn the_list_is_filtered_without_a_reload_and_its_address_says_how() {
    let asked = Asked::start(&[]);
    for to in [KEYWORD, "user@example.com", "ip-block-spam@xinnet.mockmx.test"] {
        asked.deliver("a@example.org", to, b"Subject: x\r\n\r\nx");
    }
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    assert_eq!(browser.texts("#rows tr").await.len(), 3);
    browser.script("window.sameDocument = true").await;
    browser.find("#text").await.send_keys("KEYWORD@").await.unwrap();
    browser.until_script("return document.querySelectorAll('#rows tr').length === 1").await;
    assert!(browser.text("#rows").await.contains(KEYWORD));
    assert!(browser.at().await.contains("text=KEYWORD%40"));
    assert_eq!(browser.script("return window.sameDocument").await, true);
    // What comes is filtered, too.
    browser.until("#live", |text| text == "live").await;
    asked.deliver("a@example.org", "user@example.com", b"Subject: x\r\n\r\nx");
    asked.deliver("again@example.org", KEYWORD, b"Subject: x\r\n\r\nx");
    browser.until("#rows tr", |text| text.contains("again@example.org")).await;
    assert_eq!(browser.texts("#rows tr").await.len(), 2);
    // The address alone shows the same.
    let at = browser.at().await;
    browser.go(&at).await;
    assert_eq!(browser.texts("#rows tr").await.len(), 2);
    browser.go("/?provider=xinnet").await;
    assert_eq!(browser.texts("#rows tr").await.len(), 1);
    browser.go("/?verdict=accept").await;
    assert_eq!(browser.texts("#rows tr").await.len(), 2);
    browser.go("/?rule=263/keyword&lane=default").await;
    assert_eq!(browser.texts("#rows tr").await.len(), 2);
    browser.go("/?lane=nobodys").await;
    assert_eq!(browser.text("#none").await, "No session is like that.");
}

#[tokio::test]
async fn a_paused_list_stands_still_and_then_catches_up() {
    let asked = Asked::start(&[]);
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    browser.until("#live", |text| text == "live").await;
    browser.press("p").await;
    assert_eq!(browser.text("#pause").await, "Go on");
    assert_eq!(browser.text("#live").await, "Paused");
    // A second page tells when the news have come.
    asked.deliver("a@example.org", KEYWORD, b"Subject: x\r\n\r\nx");
    let other = Browser::open(&asked, "en").await;
    other.go("/").await;
    other.until("#live", |text| text == "live").await;
    asked.deliver("b@example.org", KEYWORD, b"Subject: x\r\n\r\nx");
    other.until("#rows tr", |text| text.contains("b@example.org")).await;
    assert!(browser.texts("#rows tr").await.is_empty());
    browser.click("#pause").await;
    browser.until("#rows tr", |text| text.contains("b@example.org")).await;
    assert_eq!(browser.text("#pause").await, "Pause");
}

#[tokio::test]
async fn a_flood_does_not_freeze_it() {
    let asked = Asked::start(&[]);
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    browser.until("#live", |text| text == "live").await;
    // The longest time that the page did nothing else.
    browser
        .script(
            "window.longest = 0; let before = performance.now(); \
             const look = (now) => { window.longest = Math.max(window.longest, now - before); before = now; \
             requestAnimationFrame(look); }; requestAnimationFrame(look);",
        )
        .await;
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let asked = &asked;
            scope.spawn(move || {
                for _ in 0..150 {
                    asked.smtp(b"EHLO a\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<keyword@263.mockmx.test>\r\nQUIT\r\n");
                }
                asked.smtp(format!("EHLO last-{sender}\r\nQUIT\r\n").as_bytes());
            });
        }
    });
    asked.deliver("end@example.org", KEYWORD, b"Subject: x\r\n\r\nx");
    browser.until("#rows tr", |text| text.contains("end@example.org")).await;
    let rows = browser.script("return document.querySelectorAll('#rows tr').length").await;
    assert!(rows.as_u64().is_some_and(|rows| (30..=200).contains(&rows)), "{rows}");
    browser.until("#more", |text| text.contains("more, not shown")).await;
    // What is read out stays as it is.
    assert_eq!(browser.text("#live").await, "live");
    // No time is asserted, for a machine may be slow: it goes on answering.
    println!("the longest pause between two frames was {} ms", browser.script("return window.longest").await);
    browser.press("?").await;
    browser.find("#keys[open]").await;
}

#[tokio::test]
async fn keys_go_through_the_list() {
    let asked = Asked::start(&[]);
    for from in ["a@example.org", "b@example.org", "c@example.org"] {
        asked.deliver(from, KEYWORD, b"Subject: x\r\n\r\nx");
    }
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    let focused = "return document.activeElement.closest('tr').rowIndex";
    for (key, row) in [("j", 1), ("j", 2), ("j", 3), ("j", 3), ("k", 2)] {
        browser.press(key).await;
        assert_eq!(browser.script(focused).await, row);
    }
    browser.press("/").await;
    assert_eq!(browser.script("return document.activeElement.id").await, "text");
    // What is typed is text there.
    browser.press("jk?").await;
    assert_eq!(browser.script("return document.activeElement.value").await, "jk?");
    browser.go("/").await;
    browser.press("?").await;
    assert!(browser.text("#keys").await.contains("pause the list"));
    browser.press(Key::Escape).await;
    browser.until_script("return !document.getElementById('keys').open").await;
    browser.press("j").await;
    browser.press(Key::Enter).await;
    browser.until("h1", |text| text.contains("Session")).await;
}

#[tokio::test]
async fn whoever_is_at_a_row_stays_there_when_it_changes() {
    let asked = Asked::start(&[]);
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    browser.until("#live", |text| text == "live").await;
    let mut session = TcpStream::connect(asked.serving.address("smtp")).unwrap();
    session.write_all(b"EHLO client.test\r\n").unwrap();
    browser.until("#rows tr", |text| text.contains("open")).await;
    browser.press("j").await;
    session.write_all(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<keyword@263.mockmx.test>\r\n").unwrap();
    session.write_all(b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n").unwrap();
    browser.until("#rows tr", |text| text.contains("refused")).await;
    assert!(browser.script("return document.activeElement.textContent").await.to_string().contains("refused"));
    assert_eq!(browser.script("return document.activeElement.closest('tr').rowIndex").await, 1);
}

#[tokio::test]
async fn a_list_that_nobody_sees_holds_no_connection_and_catches_up() {
    let asked = Asked::start(&[]);
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    browser.until("#live", |text| text == "live").await;
    let hide = |hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}}); \
             document.dispatchEvent(new Event('visibilitychange'));"
        )
    };
    browser.script(&hide(true)).await;
    asked.deliver("a@example.org", KEYWORD, b"Subject: x\r\n\r\nx");
    let other = Browser::open(&asked, "en").await;
    other.go("/").await;
    other.until("#rows tr", |text| text.contains("a@example.org")).await;
    assert!(browser.texts("#rows tr").await.is_empty());
    browser.script(&hide(false)).await;
    browser.until("#rows tr", |text| text.contains("a@example.org")).await;
    assert_eq!(browser.texts("#rows tr").await.len(), 1);
}

#[tokio::test]
async fn the_way_back_leads_to_the_former_filter_and_what_is_live_follows() {
    let asked = Asked::start(&[]);
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    browser.find("#text").await.send_keys("KEYWORD@").await.unwrap();
    browser.until_script("return location.search.includes('KEYWORD')").await;
    browser.driver.back().await.unwrap();
    browser.until_script("return location.search === ''").await;
    browser.until("#live", |text| text == "live").await;
    asked.deliver("a@example.org", "user@example.com", b"Subject: x\r\n\r\nx");
    browser.until("#rows tr", |text| text.contains("a@example.org")).await;
}

#[tokio::test]
async fn single_keys_can_be_switched_off() {
    let asked = Asked::start(&[]);
    asked.deliver("a@example.org", KEYWORD, b"Subject: x\r\n\r\nx");
    let browser = Browser::open(&asked, "en").await;
    browser.go("/").await;
    browser.press("?").await;
    browser.click("#single").await;
    browser.press(Key::Escape).await;
    browser.go("/").await;
    browser.press("j").await;
    assert_eq!(browser.script("return document.activeElement.tagName").await, "BODY");
    browser.click("[data-open=keys]").await;
    browser.click("#single").await;
    browser.press(Key::Escape).await;
    browser.until_script("return !document.getElementById('keys').open").await;
    browser.press("j").await;
    assert_eq!(browser.script("return document.activeElement.closest('tr').rowIndex").await, 1);
}
