//! For whom each page is: axe-core finds nothing against it, in both languages and colours, at a desk and on a phone.
//!
//! With `MOCKMX_SCREENSHOTS` set to a folder, each page is also kept there as a picture.

use std::path::PathBuf;

use serde_json::Value;

use super::{Browser, Device, axe};
use crate::api::{Asked, text};

/// The pages that are there whatever came.
pub(super) const PAGES: [&str; 13] = [
    "/",
    "/messages",
    "/outbox",
    "/providers",
    "/providers/263",
    "/providers/263/keyword",
    "/coverage",
    "/coverage?provider=netease",
    "/state",
    "/stubs",
    "/charts",
    "/reproduce",
    "/login",
];

/// A mockmx to which all kinds of things have happened.
fn eventful() -> Asked {
    let asked = Asked::start(&[]);
    for to in [
        "keyword@263.mockmx.test",
        "user@example.com",
        "ip-block-spam@xinnet.mockmx.test",
        "delayed-then-failed@neutral.mockmx.test",
        "reset-after-354@neutral.mockmx.test",
    ] {
        asked.deliver("sender@example.org", to, b"Subject: an invoice\r\n\r\nDear customer");
    }
    let text =
        "Subject: offer\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n您好，代开发票，谢谢";
    asked.deliver("a@example.org", "user@example.com", text.as_bytes());
    // A counter that is used up, with its bar.
    let rate = r#"{"stage": "mail", "when": {"rate": {"messages": 1, "per": "20m", "key": "{sender}"}}, "reply": "450 4.7.1 slowly"}"#;
    asked.post_json("stubs", rate).expect(201);
    for _ in 0..2 {
        asked.deliver("fast@example.org", "user@example.com", b"Subject: again\r\n\r\nx");
    }
    let html = "Subject: archive\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                --b\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
                --a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n发票见附件\r\n\
                --a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<h1>发票</h1><p>见附件</p>\r\n--a--\r\n\
                --b\r\nContent-Type: application/pdf; name=\"invoice.pdf\"\r\nContent-Disposition: attachment\r\n\r\n%PDF-1.4\r\n--b--";
    asked.deliver("a@example.org", "user@example.com", html.as_bytes());
    asked.smtp(&long());
    asked
        .post_json("stubs", r#"{"stage": "rcpt", "when": {"recipient": "a@example.com"}, "reply": "450 4.2.0 later"}"#)
        .expect(201);
    asked
}

/// A message with a long word wherever there may be one, in a lane and from a sender of long names.
fn long() -> Vec<u8> {
    let [name, label, word] = [250, 60, 200].map(|length| "W".repeat(length));
    format!(
        "EHLO {name}\r\nMAIL FROM:<{label}@{label}.{label}.example>\r\n\
         RCPT TO:<{label}@{label}.lane.mockmx.test>\r\nDATA\r\nSubject: {word}\r\n\
         X-{word}: {word}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/html\r\n\r\n<table width=3000><td>{word}</table>\r\n\
         --b\r\nContent-Type: application/{label}; name=\"{word}\"\r\n\r\n{word}\r\n--b--\r\n.\r\nQUIT\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn nobody_is_kept_out_of_a_page() {
    let asked = eventful();
    let mut pages: Vec<(String, String)> = PAGES.iter().map(|path| (name(path), (*path).to_owned())).collect();
    let session = asked.items("sessions?rule=keyword&limit=1").remove(0);
    pages.push(("session".to_owned(), format!("/sessions/{}", text(&session, "/id"))));
    let word = "w".repeat(60);
    for (name, collection) in [("long-session", "sessions"), ("long-message", "messages")] {
        let item = asked.items(&format!("{collection}?text={word}&limit=1")).remove(0);
        pages.push((name.to_owned(), format!("/{collection}/{}", text(&item, "/id"))));
    }
    pages.push(("long-state".to_owned(), format!("/state?lane={word}")));
    for (name, query) in [("message", "messages?subject=archive&limit=1"), ("notification", "outbox?limit=1")] {
        let (collection, _) = query.split_once('?').unwrap();
        let item = asked.items(query).remove(0);
        pages.push((name.to_owned(), format!("/{collection}/{}", text(&item, "/id"))));
    }
    pages.push(("problem".to_owned(), "/nowhere".to_owned()));
    let axe = axe();
    let mut wrong = Vec::new();
    for device in [Device::Desk, Device::Phone] {
        let browser = Browser::open_on(device, &asked, "en").await;
        for (name, path) in &pages {
            for theme in ["light", "dark"] {
                for lang in ["en", "zh"] {
                    let sign = if path.contains('?') { '&' } else { '?' };
                    browser.go(&format!("{path}{sign}theme={theme}&lang={lang}")).await;
                    assert_eq!(browser.script("return document.documentElement.lang").await, lang);
                    let which = format!("{name}-{device:?}-{theme}-{lang}").to_lowercase();
                    let wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
                    if browser.script(wide).await != true {
                        wrong.push(format!("{which}: it is wider than the window"));
                    }
                    keep(&browser, &which).await;
                    // What axe finds does not depend on the language.
                    if lang == "en" {
                        wrong.extend(violations(&browser, &axe).await.iter().map(|it| format!("{which}: {it}")));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn name(path: &str) -> String {
    if path == "/" { "live".to_owned() } else { path.trim_start_matches('/').replace(['/', '?', '='], "-") }
}

/// What axe-core finds against a page, by WCAG 2.2 AA and its best practices.
async fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    browser.script(axe).await;
    let script = "const done = arguments[arguments.length - 1]; \
                  axe.run(document).then(found => done(found.passes.length > 10 ? found.violations : 'nothing was looked at'), \
                  error => done(String(error)));";
    let found = browser.driver.execute_async(script, Vec::new()).await.unwrap();
    let Value::Array(found) = found.json() else { panic!("{:?}", found.json()) };
    let told = found.iter().map(|violation| {
        let nodes = violation["nodes"].as_array().into_iter().flatten();
        let nodes: Vec<_> = nodes.take(3).map(|node| node["html"].as_str().unwrap_or_default()).collect();
        format!("{}: {} {nodes:?}", violation["id"], violation["help"])
    });
    told.collect()
}

/// Keeps a picture of the whole page, if that is wanted.
async fn keep(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("MOCKMX_SCREENSHOTS").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    browser.driver.screenshot(&folder.join(format!("{name}.png"))).await.unwrap();
}
