//! Messages and notifications.

use thirtyfour::By;

use super::Browser;
use crate::api::Asked;

#[tokio::test]
async fn a_message_is_read_and_its_files_are_there() {
    let asked = Asked::start(&[]);
    let text = "Subject: =?utf-8?B?5Y+R56Wo?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n见附件\r\n\
                --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<h1 onclick=\"top.ran=1\">见附件</h1><a href=\"http://example.com/\">x</a>\r\n\
                --b\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\nContent-Disposition: attachment\r\n\r\n%PDF-1.4\r\n--b--";
    asked.deliver("a@example.org", "user@example.com", text.as_bytes());
    let browser = Browser::open(&asked, "en").await;
    browser.go("/messages").await;
    browser.until("#rows [data-row]", |text| text.contains("发票")).await.click().await.unwrap();
    browser.until("h1", |text| text.contains("发票")).await;
    assert!(browser.text(".said").await.contains("见附件"));
    assert!(browser.text(".files").await.contains("a.pdf"));
    assert!(browser.text(".recipients").await.contains("user@example.com"));
    // The HTML is shown, in a frame that runs nothing.
    let frame = browser.find("iframe.html-part").await;
    assert_eq!(frame.attr("sandbox").await.unwrap().as_deref(), Some(""));
    frame.enter_frame().await.unwrap();
    let heading = browser.driver.find(By::Css("h1")).await.unwrap();
    assert_eq!(heading.text().await.unwrap(), "见附件");
    assert_eq!(heading.attr("onclick").await.unwrap(), None);
    browser.driver.enter_default_frame().await.unwrap();
    browser.click(".files a").await;
    browser.go("/messages?text=nothing-of-the-kind").await;
    assert!(browser.texts("#rows tr").await.is_empty());
}

#[tokio::test]
async fn the_outbox_tells_when_each_is_due_and_what_it_says() {
    let asked = Asked::start(&[]);
    asked.deliver("a@example.org", "delayed-then-failed@neutral.mockmx.test", b"Subject: x\r\n\r\nx");
    let browser = Browser::open(&asked, "en").await;
    browser.go("/outbox").await;
    let row = browser.until("#rows tr", |text| text.contains("failed")).await.text().await.unwrap();
    assert!(row.contains("waiting") && row.contains("a@example.org"), "{row}");
    let left = browser.text("#rows [data-left]").await;
    browser.until("#rows [data-left]", |text| text != left).await;
    browser.go("/state").await;
    let shown = browser.clock().await;
    browser.click("button[name=advance][value='24h']").await;
    browser.until_clock(|shows| shows > shown + 86_000_000).await;
    browser.go("/outbox?state=due&kind=failed").await;
    browser.click("#rows [data-row]").await;
    browser.until("h1", |text| text.contains("failed")).await;
    assert!(browser.text("main").await.contains("Final-Recipient"));
}
