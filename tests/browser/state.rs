//! What lanes remember, and their clocks.

use super::Browser;
use crate::api::{Asked, text};

/// Uses up what a sender may send in twenty minutes, which is one message.
fn use_up(asked: &Asked) {
    let stub = r#"{"stage": "mail", "when": {"rate": {"messages": 1, "per": "20m", "key": "{sender}"}}, "reply": "450 4.7.1 too fast"}"#;
    asked.post_json("stubs", stub).expect(201);
    for _ in 0..2 {
        asked.deliver("fast@example.org", "user@example.com", b"Subject: x\r\n\r\nx");
    }
}

fn is_refused(asked: &Asked) -> bool {
    asked.deliver("fast@example.org", "user@example.com", b"Subject: x\r\n\r\nx").contains("450 4.7.1 too fast")
}

#[tokio::test]
async fn what_is_used_up_counts_down_and_is_given_back() {
    let asked = Asked::start(&[]);
    use_up(&asked);
    assert!(is_refused(&asked));
    let browser = Browser::open(&asked, "en").await;
    browser.go("/state").await;
    let row = browser.until(".held tr", |text| text.contains("fast@example.org")).await.text().await.unwrap();
    assert!(row.contains("1 of 1"), "{row}");
    let left = browser.text(".held .left").await;
    assert!(left.starts_with("19:") || left == "20:00", "{left}");
    // It goes on counting.
    browser.until(".held .left", |text| text != left).await;
    browser.click(".held button").await;
    browser.until(".empty", |text| text.starts_with("Nothing")).await;
    assert!(!is_refused(&asked));
}

#[tokio::test]
async fn a_clock_is_moved_stopped_and_set_back() {
    let asked = Asked::start(&[]);
    use_up(&asked);
    assert!(is_refused(&asked));
    let browser = Browser::open(&asked, "zh-CN").await;
    browser.go("/state").await;
    let shown = browser.clock().await;
    browser.click("button[name=advance][value='20m']").await;
    browser.until_clock(|shows| shows >= shown + 1_200_000).await;
    assert!(!is_refused(&asked));
    browser.click("button[name=freeze][value=true]").await;
    browser.until("#runs", |text| text == "已停止").await;
    assert_eq!(asked.json("clock")["frozen"], true);
    browser.click("button[name=freeze][value=false]").await;
    browser.until("#runs", |text| text == "运行中").await;
    browser.click("button.danger").await;
    browser.until_clock(|shows| shows < shown + 1_200_000).await;
    assert!(asked.items("stubs").is_empty() && asked.items("sessions").is_empty());
}

#[tokio::test]
async fn each_lane_has_its_own() {
    let asked = Asked::start(&[]);
    asked.deliver("a@example.org", "anyone@mine.lane.mockmx.test", b"Subject: x\r\n\r\nx");
    let browser = Browser::open(&asked, "en").await;
    browser.go("/state?lane=mine").await;
    let shown = browser.clock().await;
    browser.click("button[name=advance][value='24h']").await;
    browser.until_clock(|shows| shows > shown + 86_000_000).await;
    assert_eq!(browser.at().await, "/state?lane=mine");
    let [mine, usual] = ["clock?lane=mine", "clock"].map(|path| text(&asked.json(path), "/now").to_owned());
    assert!(mine > usual, "{mine} {usual}");
}
