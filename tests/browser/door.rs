//! Language, colours and the token.

use super::Browser;
use crate::api::Asked;

#[tokio::test]
async fn language_and_colours_are_the_browsers_and_then_the_visitors() {
    let asked = Asked::start(&[]);
    let browser = Browser::open(&asked, "zh-CN").await;
    browser.go("/").await;
    assert_eq!(browser.text("h1").await, "会话");
    browser.click(".liking a[hreflang=en]").await;
    browser.until("h1", |text| text == "Sessions").await;
    browser.go("/stubs").await;
    assert_eq!(browser.text("h1").await, "Stubs");
    let ground = "return getComputedStyle(document.body).backgroundColor";
    assert_eq!(browser.script(ground).await, "rgb(255, 255, 255)");
    browser.click(".liking a[aria-label=dark]").await;
    browser.find("html[data-theme=dark]").await;
    browser.go("/").await;
    assert_eq!(browser.script(ground).await, "rgb(17, 21, 27)");
}

#[tokio::test]
async fn where_there_is_a_token_it_is_asked_for_once() {
    let asked = Asked::start(&["--http-token", "s3cret-token"]);
    let browser = Browser::open(&asked, "en").await;
    browser.go("/stubs?x=%22").await;
    browser.until("h1", |text| text == "The token, please").await;
    browser.find("#token").await.send_keys("wrong\n").await.unwrap();
    browser.until("#wrong", |text| text == "That is not it.").await;
    browser.find("#token").await.send_keys("s3cret-token\n").await.unwrap();
    browser.until("h1", |text| text == "Stubs").await;
    assert_eq!(browser.at().await, "/stubs?x=%22");
    browser.go("/").await;
    browser.until("#live", |text| text == "live").await;
    // No script sees it.
    assert_eq!(browser.script("return document.cookie").await, "");
}
