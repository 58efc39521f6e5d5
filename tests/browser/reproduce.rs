//! A bounce that is dropped on the page.

use std::path::Path;

use super::Browser;
use crate::api::Asked;

fn bounce() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces/263.eml");
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_bounce_that_is_chosen_happens_again() {
    let asked = Asked::start(&[]);
    let browser = Browser::open(&asked, "en").await;
    browser.go("/reproduce").await;
    browser.find("#file").await.send_keys(bounce()).await.unwrap();
    browser.click("#drop button").await;
    browser.until(".failure h3", |text| text.contains("user@example.com")).await;
    assert_eq!(browser.text(".failure .reply").await, "598  mail rejected by keyword");
    let told = browser.text(".failure").await;
    assert!(told.contains("263/keyword (100 %)") && told.contains("message (said"), "{told}");
    browser.click(".failure form > button").await;
    browser.until("h1", |text| text == "Stubs").await;
    let said = asked.deliver("sender@example.org", "user@example.com", b"Subject: again\r\n\r\nx");
    assert!(said.contains("\r\n598  mail rejected by keyword\r\n"), "{said}");
}

#[tokio::test]
async fn a_bounce_can_be_dropped_or_pasted_and_unknown_is_said_as_unknown() {
    let asked = Asked::start(&[]);
    let browser = Browser::open(&asked, "en").await;
    browser.go("/reproduce").await;
    browser
        .script(
            "const dropped = new DataTransfer(); \
             dropped.items.add(new File(['<u@example.com>: 550 5.1.1 no such user'], 'bounce.txt')); \
             document.getElementById('drop').dispatchEvent(new DragEvent('drop', \
             {dataTransfer: dropped, bubbles: true, cancelable: true}));",
        )
        .await;
    browser.until(".failure .reply", |text| text == "550 5.1.1 no such user").await;
    browser.find("#pasted").await.send_keys("hello, nothing failed").await.unwrap();
    browser.click("#drop button").await;
    browser.until("#nothing", |text| text == "No failed delivery is found in it.").await;
}
